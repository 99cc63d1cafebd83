//! Limits: the timers and waiting signals that a user may have.

use crate::tools::{LONG, alone, fails, hours, posix_timers};
use ipc_safe::error::ErrorKind;
use ipc_safe::signal::{Signal, SignalSet};
use ipc_safe::timer::{Clock, Notification, PosixTimer, Schedule};
use std::time::Duration;

/// Lowers the limit of the calling process.
fn allow(signals: u64) {
    let limit = libc::rlimit { rlim_cur: signals, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: reads one `rlimit`; the limit is that of this process only.
    unsafe {
        let mut old = limit;
        assert_eq!(libc::getrlimit(libc::RLIMIT_SIGPENDING, &raw mut old), 0);
        let new = libc::rlimit { rlim_cur: signals.min(old.rlim_max), rlim_max: old.rlim_max };
        assert_eq!(libc::setrlimit(libc::RLIMIT_SIGPENDING, &raw const new), 0);
    }
}

/// R-SIG-16
#[test]
fn at_the_limit_a_timer_is_refused_and_nothing_is_left() {
    alone(|| {
        let signal = Signal::real_time(1).unwrap();
        let signals = SignalSet::from(signal).block().unwrap();
        let before = PosixTimer::new(Clock::Monotonic, Notification::process(signal, 1)).unwrap();
        allow(0);
        for notification in [Notification::None, Notification::process(signal, 2)] {
            let error = fails(PosixTimer::new(Clock::Monotonic, notification), ErrorKind::LimitReached, libc::EAGAIN);
            assert!(error.to_string().contains("RLIMIT_SIGPENDING"), "{error}");
        }
        assert_eq!(posix_timers(), 1);
        // One that is there has its signal already.
        before.set(Schedule::once(Duration::from_nanos(1))).unwrap();
        signals.wait_timeout(LONG).unwrap();
    });
}

/// R-SIG-16: the limit counts for the user, of whom other processes may run.
#[test]
fn so_many_and_no_more_and_again_after_they_ended() {
    alone(|| {
        const LIMIT: u64 = 50;
        allow(LIMIT);
        for _ in 0..3 {
            let mut timers = Vec::new();
            let error = loop {
                match PosixTimer::new(Clock::Monotonic, Notification::process(Signal::USR1, 0)) {
                    Ok(timer) => timers.push(timer),
                    Err(error) => break error,
                }
                assert!(timers.len() as u64 <= LIMIT, "{} timers", timers.len());
            };
            assert_eq!(error.kind(), ErrorKind::LimitReached, "{error}");
            for timer in &timers {
                timer.set(Schedule::once(hours(1))).unwrap();
            }
            drop(timers);
            assert_eq!(posix_timers(), 0);
        }
    });
}
