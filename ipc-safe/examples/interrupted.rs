//! Runs a program in which every call that can wait is interrupted once before it is made: it fails with `EINTR`, as if a signal
//! handler had run, and the next one that can wait goes on. Programs that forget about that are found out; the tests of
//! this crate run like this, too.
//!
//! ```text
//! $ cargo run --features testing --example interrupted -- target/debug/examples/pipe_parent_child
//! parent: wrote "hello world"
//! child: read 11 bytes to the end of the stream: "hello world"
//! parent: the child ended with exit status 0
//! interrupted: 11 calls: read 5, write 5, wait4 1
//! ```
//!
//! The system's own programs, which it may start, are left alone: a shell that is interrupted in a `write` loses what it had to
//! say.
#![forbid(unsafe_code)]

use ipc_safe::error::Errno;
use ipc_safe::testing::{Answer, Call, SystemCall, intercept};
use std::collections::{BTreeMap, HashSet};
use std::error::Error;
use std::process::{Command, ExitCode, ExitStatus};

/// What a signal handler interrupts when it waits (signal(7)). Without `connect`: interrupted, it goes on by itself.
const WAITING: [&str; 25] = [
    "accept4",
    "clock_nanosleep",
    "epoll_wait",
    "fcntl",
    "futex",
    "msgrcv",
    "msgsnd",
    "poll",
    "ppoll",
    "pselect6",
    "read",
    "readv",
    "recvfrom",
    "recvmsg",
    "rt_sigtimedwait",
    "select",
    "semop",
    "semtimedop",
    "sendmsg",
    "sendto",
    "wait4",
    "waitid",
    "write",
    "writev",
    "epoll_pwait",
];

fn main() -> ExitCode {
    match run() {
        Ok(status) => ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)),
        Err(error) => {
            eprintln!("interrupted: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<ExitStatus, Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let program = arguments.next().ok_or("usage: interrupted PROGRAM [ARGUMENT...]")?;
    let mut command = Command::new(&program);
    command.args(arguments);
    let calls: Vec<_> = WAITING.iter().filter_map(|name| SystemCall::named(name)).collect();
    let mut counts = BTreeMap::new();
    let mut interrupted = HashSet::new();
    let status = intercept(
        &calls,
        |call| {
            if call.is_by_body() || is_loading(call) || is_ready(call) || is_by_system(call) {
                return Answer::Proceed;
            }
            if call.thread().is_some_and(|thread| interrupted.remove(&thread)) {
                return Answer::Proceed;
            }
            interrupted.extend(call.thread());
            *counts.entry(call.call()).or_insert(0) += 1;
            Answer::Fail(Errno::INTR)
        },
        || command.status(),
    )?;
    let status = status.map_err(|error| format!("{}: {error}", program.display()))?;
    let each: Vec<_> = counts.iter().map(|(call, count)| format!("{call} {count}")).collect();
    eprintln!("interrupted: {} calls: {}", counts.values().sum::<u64>(), each.join(", "));
    Ok(status)
}

/// The loader of programs reads the head of each library, which is so long; it does not expect signals that early.
fn is_loading(call: &Call) -> bool {
    const HEAD: u64 = 832;
    call.call() == SystemCall::named("read").expect("a call") && call.argument(2) == HEAD
}

/// Whether the arguments say that it waits for nothing. The C library ends a program in which such a call on a futex fails.
fn is_ready(call: &Call) -> bool {
    let lacks = |index: usize, flag: i32| call.integer(index) & flag == 0;
    let waits = match call.call().name().unwrap_or_default() {
        "futex" => FUTEX_WAITS.contains(&(call.integer(1) & 0x7f)),
        "fcntl" => [libc::F_SETLKW, libc::F_OFD_SETLKW].contains(&call.integer(1)),
        "waitid" => lacks(3, libc::WNOHANG),
        "wait4" => lacks(2, libc::WNOHANG),
        "sendto" | "recvfrom" => lacks(3, libc::MSG_DONTWAIT) && !is_quick(call),
        "sendmsg" | "recvmsg" => lacks(2, libc::MSG_DONTWAIT) && !is_quick(call),
        "msgsnd" => lacks(3, libc::IPC_NOWAIT),
        "msgrcv" => lacks(4, libc::IPC_NOWAIT),
        "poll" => call.integer(2) != 0,
        "epoll_wait" | "epoll_pwait" => call.integer(3) != 0,
        "ppoll" | "rt_sigtimedwait" => !has_no_time(call, 2),
        "select" | "pselect6" => !has_no_time(call, 4),
        "read" | "readv" | "write" | "writev" | "accept4" => !is_quick(call),
        _ => true,
    };
    !waits
}

/// Whether the argument points to a time of nothing.
fn has_no_time(call: &Call, argument: usize) -> bool {
    let mut time = [0xff; 16];
    call.argument(argument) != 0 && call.read_memory(call.argument(argument), &mut time).is_ok() && time == [0; 16]
}

/// Whether the descriptor, the first argument, is one that nobody waits at: it does not block, or is a file's.
fn is_quick(call: &Call) -> bool {
    let Some(thread) = call.thread() else { return false };
    let path = |folder: &str| format!("/proc/{}/{folder}/{}", thread.as_raw_pid(), call.integer(0));
    let text = std::fs::read_to_string(path("fdinfo")).unwrap_or_default();
    let flags = text.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| i32::from_str_radix(flags.trim(), 8).ok()).unwrap_or(0);
    flags & libc::O_NONBLOCK != 0 || std::fs::metadata(path("fd")).is_ok_and(|what| what.is_file())
}

/// `FUTEX_WAIT` and `FUTEX_WAIT_BITSET`. The kernel makes the others again by itself, such as `FUTEX_LOCK_PI`.
const FUTEX_WAITS: [i32; 2] = [0, 9];

/// Whether the program that makes the call is one of the system.
fn is_by_system(call: &Call) -> bool {
    let program = call.thread().map(|thread| std::fs::read_link(format!("/proc/{}/exe", thread.as_raw_pid())));
    program
        .is_some_and(|program| program.is_ok_and(|program| program.starts_with("/usr") || program.starts_with("/bin")))
}
