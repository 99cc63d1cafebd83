//! Several that want one timer: guards of this crate, and code that does not know them.

use crate::tools::{
    CLOCKS, alone, assert_near, assert_near_time, blocked, fails_here, hours, set_by_others, set_raw, take_last,
};
use ipc_safe::error::ErrorKind;
use ipc_safe::timer::{Alarm, IntervalClock, IntervalTimer, Schedule};
use std::time::Duration;

/// `alarm` as other code calls it.
fn alarm(seconds: u32) -> u32 {
    // SAFETY: takes a number.
    unsafe { libc::alarm(seconds) }
}

/// R-SIG-05, R-SIG-17
#[test]
fn alarm_and_the_real_interval_timer_are_one() {
    alone(|| {
        let alarm = Alarm::after(hours(1)).unwrap();
        assert_near(IntervalClock::Real.remaining().unwrap(), Some(Schedule::once(hours(1))));
        let error =
            fails_here(IntervalTimer::start(IntervalClock::Real, Schedule::once(hours(2))), ErrorKind::AlreadyExists);
        assert!(error.to_string().starts_with("setitimer of the real timer: another guard"), "{error}");
        fails_here(Alarm::after(hours(2)), ErrorKind::AlreadyExists);
        assert_near_time(alarm.stop().unwrap(), hours(1));

        let timer = IntervalTimer::start(IntervalClock::Real, Schedule::once(hours(2))).unwrap();
        fails_here(Alarm::after(hours(1)), ErrorKind::AlreadyExists);
        assert_near(timer.stop().unwrap(), Some(Schedule::once(hours(2))));
        drop(Alarm::after(hours(1)).unwrap());
    });
}

/// R-SIG-05, R-SIG-17: for `alarm`, the crate's alarm is the earlier one.
#[test]
fn alarm_of_other_code_takes_the_timer_and_keeps_it() {
    alone(|| {
        let mut guard = Alarm::after(Duration::from_secs(1000)).unwrap();
        let left = alarm(500);
        assert!((900..=1000).contains(&left), "{left}");
        let error = fails_here(guard.remaining(), ErrorKind::Removed);
        let expected = "setitimer of the real timer: other code has set the timer since; it is left as it is";
        assert_eq!(error.to_string(), expected);
        fails_here(guard.set(hours(1)), ErrorKind::Removed);
        fails_here(guard.cancel(), ErrorKind::Removed);
        fails_here(guard.nested(hours(1)), ErrorKind::Removed);
        fails_here(guard.stop(), ErrorKind::Removed);
        let left = alarm(0);
        assert!((400..=500).contains(&left), "{left}");
    });
}

/// R-SIG-17
#[test]
fn dropping_leaves_what_other_code_set_meanwhile() {
    alone(|| {
        let theirs = Schedule::first_then(hours(7), hours(8));
        for clock in CLOCKS {
            let guard = IntervalTimer::start(clock, Schedule::once(hours(1))).unwrap();
            set_by_others(clock, Some(theirs));
            drop(guard);
            assert_near(clock.remaining().unwrap(), Some(theirs));

            let next = IntervalTimer::start(clock, Schedule::once(hours(1))).unwrap(); // the claim is free
            assert_near(next.previous(), Some(theirs));
            drop(next);
            assert_near(clock.remaining().unwrap(), Some(theirs));
            set_by_others(clock, None);
        }
    });
}

/// R-SIG-17
#[test]
fn a_timer_that_other_code_stopped_is_not_ours_any_more() {
    alone(|| {
        for schedule in [Schedule::once(hours(1)), Schedule::every(hours(1))] {
            let guard = Alarm::after(hours(3)).unwrap();
            drop(guard);
            let guard = IntervalTimer::start(IntervalClock::Real, schedule).unwrap();
            set_by_others(IntervalClock::Real, None);
            fails_here(guard.stop(), ErrorKind::Removed);
        }
    });
}

/// R-SIG-17: nobody is accused: a timer that runs out again and again is the guard's all the time.
#[test]
fn a_timer_that_runs_out_is_still_the_guards() {
    alone(|| {
        let signals = blocked();
        for clock in CLOCKS {
            let mut guard = IntervalTimer::start(clock, Schedule::every(Duration::from_micros(300))).unwrap();
            let mut ticks = 0;
            while ticks < 50 {
                guard.remaining().unwrap(); // with a signal that waits, without, and between
                ticks += usize::from(signals.try_wait().is_ok());
            }
            for _ in 0..300 {
                guard.set(Schedule::once(Duration::from_micros(50))).unwrap();
                for _ in 0..20 {
                    guard.remaining().unwrap();
                }
            }
            guard.stop().unwrap();
            take_last(&signals);
        }
    });
}

/// R-SIG-17: one that was slow on the way.
#[test]
fn of_many_threads_one_gets_the_timer() {
    alone(|| {
        let signals = blocked();
        for _ in 0..50 {
            let guards: Vec<_> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| Alarm::after(hours(1)))).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert_eq!(guards.iter().filter(|guard| guard.is_ok()).count(), 1);
            let refused = guards.iter().filter_map(|guard| guard.as_ref().err());
            assert!(refused.map(ipc_safe::Error::kind).all(|kind| kind == ErrorKind::AlreadyExists));
            assert_near(IntervalClock::Real.remaining().unwrap(), Some(Schedule::once(hours(1))));
            drop(guards);
            assert_eq!(IntervalClock::Real.remaining().unwrap(), None);
        }
        take_last(&signals);
    });
}

/// R-SIG-06: the kernel's own refusals, and that they leave the guard's timer alone.
#[test]
fn a_microsecond_field_that_is_none_is_refused_by_the_kernel() {
    alone(|| {
        let time = |tv_sec, tv_usec| libc::timeval { tv_sec, tv_usec };
        for clock in CLOCKS {
            let guard = IntervalTimer::start(clock, Schedule::every(hours(1))).unwrap();
            let which = crate::tools::which(clock);
            for bad in [time(0, 1_000_000), time(0, -1), time(-1, 0), time(5, i64::MAX)] {
                assert_eq!(set_raw(which, bad, time(0, 0)), Err(libc::EINVAL));
                assert_eq!(set_raw(which, time(1, 0), bad), Err(libc::EINVAL));
            }
            assert_near(guard.stop().unwrap(), Some(Schedule::every(hours(1))));
        }
        for which in [-1, 3, i32::MAX] {
            assert_eq!(set_raw(which, time(1, 0), time(0, 0)), Err(libc::EINVAL));
        }
    });
}
