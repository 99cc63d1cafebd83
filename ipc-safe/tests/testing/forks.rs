//! Closures in forked children.

use ipc_safe::process::{ChildStatus, is_alive};
use ipc_safe::testing::{ChildFailure, Forked, LeakGuard, Resources, Snapshot, Transfer, fork};

fn forked<T: Transfer>(body: impl FnOnce() -> T) -> Forked<T> {
    // SAFETY: the bodies use std and system calls on values of their own.
    unsafe { fork(body) }.unwrap()
}

#[test]
fn results_come_back() {
    let parent = std::process::id();
    let (pid, told) = forked(|| (std::process::id(), std::os::unix::process::parent_id())).wait().unwrap();
    assert_ne!(pid, parent);
    assert_eq!(told, parent);
    assert_eq!(forked(|| ()).wait(), Ok(()));
    // More than a pipe holds.
    let long = forked(|| "x".repeat(1_000_000)).wait().unwrap();
    assert_eq!(long.len(), 1_000_000);
}

#[test]
fn panics_come_back_with_place_and_message() {
    let failure = forked::<()>(|| panic!("a number: {}", 5)).wait().unwrap_err();
    let text = failure.to_string();
    assert!(text.starts_with(&format!("the child panicked at {}:", file!())), "{text}");
    assert!(text.ends_with(": a number: 5"), "{text}");
    let failure = forked::<()>(|| std::panic::panic_any(7)).wait().unwrap_err();
    assert!(failure.to_string().ends_with("with something that is no text"), "{failure}");
}

#[test]
fn an_early_end_is_told() {
    let killed = forked::<()>(|| std::process::abort()).wait();
    let Err(ChildFailure::Ended(ChildStatus::Killed { signal: libc::SIGABRT, .. })) = killed else {
        panic!("{killed:?}");
    };
    let exited = forked::<()>(|| std::process::exit(7)).wait();
    assert_eq!(exited, Err(ChildFailure::Ended(ChildStatus::Exited(7))));
    // Also one that looks like success.
    let exited = forked::<()>(|| std::process::exit(0)).wait();
    assert_eq!(exited, Err(ChildFailure::Ended(ChildStatus::Exited(0))));
}

#[test]
fn a_child_is_killed_when_dropped_and_when_asked() {
    let sleeps = || forked(|| std::thread::sleep(std::time::Duration::from_secs(1000)));
    let child = sleeps();
    let pid = child.pid();
    drop(child);
    assert!(!is_alive(pid));
    assert_eq!(sleeps().kill().unwrap(), ChildStatus::Killed { signal: libc::SIGKILL, core_dumped: false });
}

#[test]
fn a_child_that_somebody_else_waited_for_is_lost() {
    let child = forked(|| ());
    ipc_safe::process::Children::pid(child.pid()).wait().unwrap();
    assert_eq!(child.wait(), Err(ChildFailure::Lost));
}

#[test]
fn children_leave_nothing() {
    crate::alone(|| {
        forked(|| ()).wait().unwrap();
        let guard = LeakGuard::of(Snapshot::options().only(Resources::ALL)).unwrap();
        for number in 0..20 {
            assert_eq!(forked(|| number).wait(), Ok(number));
            forked::<()>(|| panic!()).wait().unwrap_err();
            drop(forked(|| ()));
        }
        drop(guard);
    });
}
