//! Calls that fail: a system call filter makes them.

use crate::tools::{alone, assert_near, hours, set_by_others};
use ipc_safe::Result;
use ipc_safe::error::{Errno, ErrorKind};
use ipc_safe::timer::{Alarm, Clock, IntervalClock, Notification, PosixTimer, Schedule};
use std::io::Error as IoError;

/// A number that none of the calls returns by itself, so that a failure is the filter's.
const FAULT: i32 = libc::EXDEV;

/// Makes one system call of this process fail from now on.
fn forbid(call: libc::c_long) {
    let [load, jump, give] = [libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, libc::BPF_JMP | libc::BPF_JEQ, libc::BPF_RET]
        .map(|code| u16::try_from(code).unwrap());
    let step = |code, jf, k| libc::sock_filter { code, jt: 0, jf, k };
    let mut steps = [
        step(load, 0, 0), // the number of the call comes first
        step(jump, 1, u32::try_from(call).unwrap()),
        step(give, 0, libc::SECCOMP_RET_ERRNO | FAULT.cast_unsigned()),
        step(give, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: 4, filter: steps.as_mut_ptr() };
    // SAFETY: the first takes numbers only, the second reads the program and its steps.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let mode = libc::SECCOMP_MODE_FILTER;
        assert_eq!(libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program), 0, "{}", IoError::last_os_error());
    }
}

/// Expects that the filter made the call fail.
#[track_caller]
fn forbidden<T>(result: Result<T>, call: &str) {
    let error = result.err().expect("a call that is forbidden");
    assert_eq!((error.call(), error.errno()), (call, Some(Errno::from_raw(FAULT))), "{error}");
}

/// Runs `body` and expects that `errno` is what it was.
#[track_caller]
fn keeping_errno(body: impl FnOnce()) {
    assert!(std::fs::metadata("/no/such/file").is_err());
    body();
    assert_eq!(IoError::last_os_error().raw_os_error(), Some(libc::ENOENT));
}

/// R-SIG-17
#[test]
fn a_guard_that_cannot_be_made_leaves_the_timer_and_no_claim() {
    alone(|| {
        crate::tools::child_that_ends_with_timers(|| {
            let theirs = Schedule::every(hours(5));
            set_by_others(IntervalClock::Real, Some(theirs));
            forbid(libc::SYS_setitimer);
            forbidden(Alarm::after(hours(1)), "setitimer");
            forbidden(Alarm::after(hours(1)), "setitimer"); // and not: another guard has it
            assert_near(IntervalClock::Real.remaining().unwrap(), Some(theirs));
        });
    });
}

/// R-SIG-17
#[test]
fn a_timer_that_cannot_be_put_back_is_silent_in_drop_and_an_error_of_stop() {
    alone(|| {
        crate::tools::child_that_ends_with_timers(|| {
            let mut outer = Alarm::after(hours(1)).unwrap();
            let inner = outer.nested(hours(2)).unwrap();
            forbid(libc::SYS_setitimer);
            keeping_errno(|| drop(inner));
            assert_eq!(outer.remaining().unwrap_err().kind(), ErrorKind::Removed);
            keeping_errno(|| drop(outer));

            // The claim is free: it fails in the call, not before.
            forbidden(Alarm::after(hours(1)), "setitimer");
        });
        for call in [libc::SYS_setitimer, libc::SYS_getitimer] {
            crate::tools::child_that_ends_with_timers(|| {
                let mut alarm = Alarm::after(hours(1)).unwrap();
                forbid(call);
                let name = if call == libc::SYS_setitimer { "setitimer" } else { "getitimer" };
                forbidden(alarm.set(hours(2)), name);
                forbidden(alarm.cancel(), name);
                forbidden(alarm.nested(hours(2)), name);
                forbidden(alarm.stop(), name);
            });
        }
    });
}

/// R-SIG-17
#[test]
fn a_posix_timer_whose_calls_fail() {
    alone(|| {
        let schedule = Schedule::every(hours(1));
        let check = |call, name: &'static str, body: fn(PosixTimer, Schedule, &str)| {
            crate::tools::child_that_ends_with_timers(move || {
                let timer = PosixTimer::new(Clock::Monotonic, Notification::None).unwrap();
                forbid(call);
                body(timer, schedule, name);
            });
        };
        check(libc::SYS_timer_settime, "timer_settime", |timer, schedule, name| {
            forbidden(timer.set(schedule), name);
            forbidden(timer.set_at(hours(1), None), name);
            forbidden(timer.cancel(), name);
            forbidden(timer.stop(), name);
            assert_eq!(crate::tools::posix_timers(), 0, "deleted all the same");
        });
        check(libc::SYS_timer_gettime, "timer_gettime", |timer, _, name| forbidden(timer.remaining(), name));
        check(libc::SYS_timer_getoverrun, "timer_getoverrun", |timer, _, name| forbidden(timer.overruns(), name));
        check(libc::SYS_timer_delete, "timer_delete", |timer, _, name| forbidden(timer.stop(), name));
        check(libc::SYS_timer_delete, "timer_delete", |timer, _, _| keeping_errno(|| drop(timer)));
        check(libc::SYS_timer_create, "timer_create", |_, _, name| {
            forbidden(PosixTimer::new(Clock::Monotonic, Notification::None), name);
        });
    });
}
