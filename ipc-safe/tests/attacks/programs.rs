//! A system that refuses what starting a program takes.

use crate::support::{eventually, fork, watchdog};
use crate::tools::refuse;
use ipc_safe::command::{CommandReader, CommandWriter, Coprocess, Pipeline};
use ipc_safe::error::Error;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(5);

/// Starts programs and sees them end.
type Call = fn() -> Result<(), Error>;

/// The numbers of the open descriptors, asked for without one.
fn descriptors() -> Vec<i32> {
    // SAFETY: asks about a number, whatever it is.
    (0..200).filter(|&number| unsafe { libc::fcntl(number, libc::F_GETFD) } != -1).collect()
}

/// Whether this process has a child, dead or alive.
fn has_child() -> bool {
    let children = std::fs::read_to_string("/proc/thread-self/children").unwrap();
    !children.trim().is_empty()
}

const PROGRAMS: [Call; 4] = [
    || CommandReader::start(Command::new("true").stdin(Stdio::null()))?.close_timeout(LONG).map(drop),
    || CommandWriter::start(&mut Command::new("true"))?.close_timeout(LONG).map(drop),
    || Coprocess::start(&mut Command::new("cat"))?.filter_timeout("x", LONG).map(drop),
    || {
        let mut commands = [Command::new("true"), Command::new("cat"), Command::new("cat")];
        commands[2].stdout(Stdio::piped());
        Pipeline::start(commands)?.wait_timeout(LONG).map(drop)
    },
];

/// Done, or an error; no child is left, no descriptor, and nothing waits.
///
/// R-PIPE-15, R-PIPE-19
#[test]
fn a_step_that_is_refused_leaves_no_program() {
    let _watchdog = watchdog();
    let steps = [
        libc::SYS_pidfd_open,
        libc::SYS_pidfd_send_signal,
        libc::SYS_pipe2,
        libc::SYS_fcntl,
        libc::SYS_clone3,
        libc::SYS_clone,
        libc::SYS_execve,
        libc::SYS_socketpair,
        libc::SYS_ioctl,
        libc::SYS_rt_sigtimedwait,
    ];
    for call in PROGRAMS {
        for step in steps {
            for errno in [libc::EPERM, libc::ENOSYS, libc::EMFILE, libc::ENOMEM, libc::EAGAIN, libc::EINVAL] {
                fork(|| {
                    let open = descriptors();
                    let start = Instant::now();
                    // A thread of its own, which ends with its filter: this one looks at what is left.
                    let refused = std::thread::scope(|scope| {
                        let other = scope.spawn(|| {
                            refuse(&[step], errno);
                            call().is_err()
                        });
                        other.join().unwrap()
                    });
                    assert!(start.elapsed() < LONG, "call {step} failed with {errno}");
                    eventually("no child is left", || !has_child());
                    assert_eq!(descriptors(), open, "call {step} failed with {errno}: {refused}");
                    0
                })
                .succeed();
            }
        }
    }
}
