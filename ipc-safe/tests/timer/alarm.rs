//! The alarm.

use crate::support::eventually;
use crate::tools::{LONG, alone, assert_near, assert_near_time, blocked, fails, hours, pass, set_by_others, take_last};
use ipc_safe::error::ErrorKind;
use ipc_safe::signal::Origin;
use ipc_safe::timer::{Alarm, IntervalClock, Schedule};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

/// R-SIG-05: setting it again says what was left, as `alarm` does.
#[test]
fn set_returns_what_was_left_of_the_earlier_one() {
    alone(|| {
        let mut alarm = Alarm::after(Duration::from_secs(1000)).unwrap();
        assert_near_time(alarm.remaining().unwrap(), Duration::from_secs(1000));
        assert_near_time(alarm.set(Duration::from_secs(500)).unwrap(), Duration::from_secs(1000));
        assert_near_time(alarm.remaining().unwrap(), Duration::from_secs(500));
        assert_near_time(alarm.stop().unwrap(), Duration::from_secs(500));
    });
}

/// R-SIG-05: what `alarm(0)` does.
#[test]
fn cancel_stops_it_and_it_can_be_set_again() {
    alone(|| {
        let mut alarm = Alarm::after(hours(2)).unwrap();
        assert_near_time(alarm.cancel().unwrap(), hours(2));
        assert_eq!(IntervalClock::Real.remaining().unwrap(), None);
        assert_eq!(alarm.remaining().unwrap(), None);
        assert_eq!(alarm.cancel().unwrap(), None);
        assert_eq!(alarm.set(hours(1)).unwrap(), None);
        assert_near_time(alarm.stop().unwrap(), hours(1));
    });
}

/// R-SIG-05: it does not wait, and its signal comes once.
#[test]
fn the_signal_comes_once_and_from_the_kernel() {
    alone(|| {
        let signals = blocked();
        let begin = Instant::now();
        let alarm = Alarm::after(Duration::from_millis(20)).unwrap();
        let taken = signals.wait_timeout(LONG).unwrap();
        assert!(begin.elapsed() >= Duration::from_millis(20), "early");
        assert_eq!((taken.signal, taken.origin), (IntervalClock::Real.signal(), Origin::Kernel));
        assert_eq!(alarm.remaining().unwrap(), None);
        pass(Duration::from_millis(50));
        assert!(signals.try_wait().unwrap_err().is_would_block());
        assert_eq!(alarm.stop().unwrap(), None);
    });
}

/// R-SIG-05: the default action of SIGALRM ends the process.
#[test]
fn who_does_not_expect_the_signal_is_ended_by_it() {
    use std::os::unix::process::ExitStatusExt;
    alone(|| {
        let child = crate::support::fork(|| {
            let _alarm = Alarm::after(Duration::from_millis(1)).unwrap();
            pass(LONG);
            0
        });
        assert_eq!(child.wait().signal(), Some(libc::SIGALRM));
    });
}

/// R-SIG-06: below a microsecond the kernel would take it for 0 and stop the timer.
#[test]
fn a_nanosecond_is_rounded_up_and_runs_out() {
    alone(|| {
        let signals = blocked();
        let alarm = Alarm::after(Duration::from_nanos(1)).unwrap();
        signals.wait_timeout(LONG).unwrap();
        assert_eq!(alarm.stop().unwrap(), None);
    });
}

/// R-SIG-05, R-SIG-06
#[test]
fn a_time_that_is_none_or_too_long_is_refused_and_changes_nothing() {
    alone(|| {
        fails(Alarm::after(Duration::ZERO), ErrorKind::InvalidInput, libc::EINVAL);
        fails(Alarm::after(Duration::MAX), ErrorKind::OutOfRange, libc::EINVAL);
        assert_eq!(IntervalClock::Real.remaining().unwrap(), None);

        let mut alarm = Alarm::after(hours(1)).unwrap(); // a refused one has no claim
        let error = fails(alarm.set(Duration::ZERO), ErrorKind::InvalidInput, libc::EINVAL);
        assert_eq!(error.to_string(), "setitimer: EINVAL: the time 0 would stop the timer");
        fails(alarm.set(Schedule::MAX + Duration::from_nanos(1)), ErrorKind::OutOfRange, libc::EINVAL);
        fails(alarm.nested(Duration::ZERO), ErrorKind::InvalidInput, libc::EINVAL);
        assert_near_time(alarm.stop().unwrap(), hours(1));
    });
}

/// R-SIG-17
#[test]
fn what_other_code_had_running_is_reported_and_put_back() {
    alone(|| {
        let theirs = Schedule::first_then(hours(5), hours(3));
        set_by_others(IntervalClock::Real, Some(theirs));
        let alarm = Alarm::after(hours(1)).unwrap();
        assert_near(alarm.previous(), Some(theirs));
        assert_near(IntervalClock::Real.remaining().unwrap(), Some(Schedule::once(hours(1))));
        assert_near_time(alarm.stop().unwrap(), hours(1));
        assert_near(IntervalClock::Real.remaining().unwrap(), Some(theirs));

        drop(Alarm::after(hours(1)).unwrap());
        assert_near(IntervalClock::Real.remaining().unwrap(), Some(theirs));
        set_by_others(IntervalClock::Real, None);
    });
}

/// R-SIG-17
#[test]
fn a_panic_puts_back_what_was_there() {
    alone(|| {
        let theirs = Schedule::once(hours(5));
        set_by_others(IntervalClock::Real, Some(theirs));
        let result = catch_unwind(AssertUnwindSafe(|| {
            let _alarm = Alarm::after(hours(1)).unwrap();
            resume_unwind(Box::new("on purpose"));
        }));
        assert!(result.is_err());
        assert_near(IntervalClock::Real.remaining().unwrap(), Some(theirs));
        drop(Alarm::after(hours(1)).unwrap()); // the claim is free again
        set_by_others(IntervalClock::Real, None);
    });
}

/// R-SIG-17: the alarm of other code goes on while the guard has the timer.
#[test]
fn the_time_that_passed_is_taken_off() {
    alone(|| {
        set_by_others(IntervalClock::Real, Some(Schedule::once(hours(1))));
        let alarm = Alarm::after(hours(2)).unwrap();
        let before = alarm.previous().unwrap().first();
        pass(Duration::from_millis(50));
        alarm.stop().unwrap();
        let after = IntervalClock::Real.remaining().unwrap().unwrap();
        assert!(after.first() <= before - Duration::from_millis(50), "{before:?}, {after:?}");
        assert_near(Some(after), Some(Schedule::once(hours(1))));
        set_by_others(IntervalClock::Real, None);
    });
}

/// R-SIG-17: its signal is late and not lost.
#[test]
fn what_would_have_run_out_meanwhile_runs_out_at_once() {
    alone(|| {
        let signals = blocked();
        for theirs in
            [Schedule::once(Duration::from_millis(10)), Schedule::first_then(Duration::from_millis(10), hours(1))]
        {
            set_by_others(IntervalClock::Real, Some(theirs));
            let alarm = Alarm::after(hours(1)).unwrap();
            pass(Duration::from_millis(30));
            assert!(signals.try_wait().unwrap_err().is_would_block(), "it came too early");
            drop(alarm);
            signals.wait_timeout(LONG).unwrap();
            let after = theirs.interval().map(|interval| Schedule::first_then(interval, interval));
            assert_near(IntervalClock::Real.remaining().unwrap(), after);
        }
        set_by_others(IntervalClock::Real, None);
    });
}

/// R-SIG-17: a periodic timer of other code whose signal waits stands until that is taken.
#[test]
fn a_timer_whose_signal_waits_is_put_back_too() {
    alone(|| {
        let signals = blocked();
        set_by_others(IntervalClock::Real, Some(Schedule::first_then(Duration::from_millis(1), hours(1))));
        eventually("the signal waits", || ipc_safe::signal::pending().unwrap().contains(IntervalClock::Real.signal()));
        let alarm = Alarm::after(hours(2)).unwrap();
        let waiting = alarm.previous().unwrap();
        assert_eq!((waiting.first(), waiting.interval()), (Duration::ZERO, Some(hours(1))));
        drop(alarm);
        // Whether it ran out before the guard or after: the signals merge.
        eventually("it has run out again", || IntervalClock::Real.remaining().unwrap().unwrap().first().is_zero());
        signals.wait_timeout(LONG).unwrap();
        assert!(signals.try_wait().unwrap_err().is_would_block());
        assert_near(IntervalClock::Real.remaining().unwrap(), Some(Schedule::every(hours(1))));
        set_by_others(IntervalClock::Real, None);
    });
}

/// R-SIG-17: the timer is the process's, and so is the guard.
#[test]
fn the_guard_may_end_in_another_thread() {
    alone(|| {
        let alarm = Alarm::after(hours(1)).unwrap();
        let left = std::thread::spawn(move || alarm.stop().unwrap()).join().unwrap();
        assert_near_time(left, hours(1));
        let signals = blocked();
        let alarm = Alarm::after(hours(1)).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| assert_near_time(alarm.remaining().unwrap(), hours(1)));
        });
        drop(alarm);
        take_last(&signals);
    });
}
