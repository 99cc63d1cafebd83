//! System calls by number, seen before the kernel makes them: to let them fail, or to do something just before.

use ipc_safe::testing::{Answer, Call, SystemCall, intercept};
use std::ffi::{c_int, c_long};

/// Semaphore operations: glibc makes them all by the timed call; others need not.
pub(crate) const OPERATE: [c_long; 2] = [libc::SYS_semtimedop, libc::SYS_semop];

/// The number of a call.
pub(crate) fn number(call: &Call) -> c_long {
    call.call().as_raw().into()
}

/// What a control call is to do: `IPC_STAT`, `SETALL`, ...
pub(crate) fn command(call: &Call) -> Option<c_int> {
    match number(call) {
        libc::SYS_semctl => Some(call.integer(2)),
        libc::SYS_msgctl | libc::SYS_shmctl => Some(call.integer(1)),
        _ => None,
    }
}

/// Runs `body` in a thread and asks `answer` before each of these system calls of it.
pub(crate) fn asking<T: Send>(
    calls: &[c_long],
    answer: impl FnMut(&Call) -> Answer,
    body: impl FnOnce() -> T + Send,
) -> T {
    let calls: Vec<_> =
        calls.iter().map(|&call| SystemCall::from_raw(u32::try_from(call).expect("a number"))).collect();
    intercept(&calls, answer, body).expect("system calls can be intercepted")
}

/// [`asking`] that only does something before each call; tells how often.
pub(crate) fn before_each<T: Send>(
    calls: &[c_long],
    mut act: impl FnMut(usize, &Call),
    body: impl FnOnce() -> T + Send,
) -> (T, usize) {
    let mut times = 0;
    let proceed = |call: &Call| {
        act(times, call);
        times += 1;
        Answer::Proceed
    };
    (asking(calls, proceed, body), times)
}
