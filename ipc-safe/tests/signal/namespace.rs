//! A pid namespace of its own, for signals to everyone and for process ids that come back.

use crate::alone::{alone, end_with_parent};
use crate::support::fork;

/// What a child ends with that could not have the namespace.
const SKIPPED: i32 = 77;

/// Runs `body` as process 1 of a new pid namespace. Says so when there is none to be had.
pub(crate) fn in_pid_namespace(body: impl FnOnce()) {
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    alone(|| {
        let status = fork(|| {
            end_with_parent();
            if !enter() {
                return SKIPPED;
            }
            fork(|| {
                end_with_parent();
                body();
                0
            })
            .succeed();
            0
        })
        .wait();
        match status.code() {
            Some(SKIPPED) => eprintln!("skipped {name}: no pid namespace to be had"),
            code => assert_eq!(code, Some(0), "{status}"),
        }
    });
}

/// Whether children of this process are now in a pid namespace of their own; with a user namespace where that takes one.
fn enter() -> bool {
    // SAFETY: changes what the children of this process, which has one thread, see.
    unsafe { libc::unshare(libc::CLONE_NEWPID) == 0 || libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWPID) == 0 }
}
