//! The C peers as programs.

use crate::program::Running;
use std::process::Command;

/// Runs `tests/peers/fifo_peer.c` with these words.
pub(crate) fn fifo(words: &str) -> Running {
    start(FIFO, words)
}

/// The program of `tests/peers/fifo_peer.c`.
pub(crate) const FIFO: &str = env!("FIFO_PEER");

/// Runs `tests/peers/map_peer.c` with these words.
pub(crate) fn map(words: &str) -> Running {
    start(env!("MAP_PEER"), words)
}

/// Runs `tests/peers/msg_peer.c` with these words.
pub(crate) fn msg(words: &str) -> Running {
    start(env!("MSG_PEER"), words)
}

/// Runs `tests/peers/sem_peer.c` with these words.
pub(crate) fn sem(words: &str) -> Running {
    start(env!("SEM_PEER"), words)
}

/// Runs `tests/peers/shm_peer.c` with these words.
pub(crate) fn shm(words: &str) -> Running {
    start(env!("SHM_PEER"), words)
}

/// Runs `tests/peers/socket_peer.c` with these words.
pub(crate) fn socket(words: &str) -> Running {
    start(env!("SOCKET_PEER"), words)
}

/// Runs `tests/peers/sync_peer.c` with these words.
pub(crate) fn sync(words: &str) -> Running {
    start(env!("SYNC_PEER"), words)
}

fn start(program: &str, words: &str) -> Running {
    let mut command = Command::new(program);
    command.args(words.split_whitespace());
    Running::start(command)
}

/// Whether the first thread of a process waits in the system call of this number.
pub(crate) fn waits_in(process: &Running, call: i64) -> bool {
    task_waits_in(&format!("/proc/{}", process.pid().as_raw_pid()), call)
}

/// Whether a thread of this process waits in the system call of this number.
pub(crate) fn thread_waits_in(thread: rustix::process::Pid, call: i64) -> bool {
    task_waits_in(&format!("/proc/self/task/{}", thread.as_raw_pid()), call)
}

fn task_waits_in(task: &str, call: i64) -> bool {
    let stat = std::fs::read_to_string(format!("{task}/stat")).unwrap_or_default();
    let sleeps = stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('S'));
    // Kernels that do not show the call leave it at that.
    let in_call = match std::fs::read_to_string(format!("{task}/syscall")) {
        Ok(line) => line.split(' ').next() == Some(&call.to_string()),
        Err(_) => true,
    };
    sleeps && in_call
}
