//! Guards within guards.

use crate::tools::{
    CLOCKS, LONG, alone, assert_near, assert_near_time, blocked, fails_here, hours, pass, set_by_others,
};
use ipc_safe::error::ErrorKind;
use ipc_safe::timer::{Alarm, IntervalClock, IntervalTimer, Schedule};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

/// R-SIG-17
#[test]
fn the_outer_one_goes_on_when_the_inner_one_ends() {
    alone(|| {
        for clock in CLOCKS {
            let [one, two, three] = [hours(10), hours(20), hours(30)].map(Schedule::once);
            let mut outer = IntervalTimer::start(clock, one).unwrap();
            let mut middle = outer.nested(two).unwrap();
            assert_near(middle.previous(), Some(one));
            let inner = middle.nested(three).unwrap();
            assert_near(inner.previous(), Some(two));
            assert_near(clock.remaining().unwrap(), Some(three));
            assert_near(inner.stop().unwrap(), Some(three));
            assert_near(middle.remaining().unwrap(), Some(two));
            drop(middle);
            assert_near(outer.stop().unwrap(), Some(one));
        }
    });
}

/// R-SIG-17
#[test]
fn a_panic_ends_all_of_them() {
    alone(|| {
        let theirs = Schedule::every(hours(7));
        set_by_others(IntervalClock::Real, Some(theirs));
        let result = catch_unwind(AssertUnwindSafe(|| {
            let mut outer = Alarm::after(hours(1)).unwrap();
            let mut middle = outer.nested(hours(2)).unwrap();
            let _inner = middle.nested(hours(3)).unwrap();
            resume_unwind(Box::new("on purpose"));
        }));
        assert!(result.is_err());
        assert_near(IntervalClock::Real.remaining().unwrap(), Some(theirs));
        set_by_others(IntervalClock::Real, None);
    });
}

/// R-SIG-17
#[test]
fn the_outer_one_that_would_have_run_out_runs_out_when_the_inner_one_ends() {
    alone(|| {
        let signals = blocked();
        let mut outer = Alarm::after(Duration::from_millis(10)).unwrap();
        let inner = outer.nested(hours(1)).unwrap();
        pass(Duration::from_millis(30));
        assert!(signals.try_wait().unwrap_err().is_would_block(), "it came too early");
        drop(inner);
        signals.wait_timeout(LONG).unwrap();
        assert_eq!(outer.remaining().unwrap(), None);
        assert_eq!(outer.stop().unwrap(), None);
    });
}

/// R-SIG-17
#[test]
fn an_outer_one_that_ran_out_or_is_cancelled_stays_so() {
    alone(|| {
        let signals = blocked();
        let mut outer = Alarm::after(Duration::from_millis(1)).unwrap();
        signals.wait_timeout(LONG).unwrap();
        let inner = outer.nested(hours(1)).unwrap();
        assert_eq!(inner.previous(), None);
        assert_near_time(inner.stop().unwrap(), hours(1));
        assert_eq!(outer.remaining().unwrap(), None);

        outer.set(hours(2)).unwrap();
        assert_near_time(outer.cancel().unwrap(), hours(2));
        drop(outer.nested(hours(1)).unwrap());
        assert_eq!(outer.stop().unwrap(), None);
        assert!(signals.try_wait().unwrap_err().is_would_block());
    });
}

/// R-SIG-17: each time the outer one is put back a little late, which adds up; it is the guard's all the same.
#[test]
fn many_inner_ones_one_after_the_other_do_not_lose_the_outer_one() {
    alone(|| {
        for clock in CLOCKS {
            let mut outer = IntervalTimer::start(clock, Schedule::once(hours(1))).unwrap();
            for _ in 0..3000 {
                outer.nested(Schedule::once(hours(2))).unwrap().stop().unwrap();
            }
            let left = outer.stop().unwrap().unwrap().first();
            // The kernel adds a tick to processor time each time it is set.
            assert!(left > hours(1) - LONG && left < hours(1) + Duration::from_millis(10) * 3001, "{left:?}");
        }
    });
}

/// R-SIG-17: a second guard is refused while either is there, and the claim is free after both.
#[test]
fn nesting_is_no_second_guard() {
    alone(|| {
        let mut outer = Alarm::after(hours(1)).unwrap();
        let inner = outer.nested(hours(2)).unwrap();
        fails_here(Alarm::after(hours(3)), ErrorKind::AlreadyExists);
        drop(inner);
        fails_here(Alarm::after(hours(3)), ErrorKind::AlreadyExists);
        drop(outer);
        drop(Alarm::after(hours(3)).unwrap());
    });
}

/// R-SIG-17
#[test]
fn what_other_code_sets_within_is_left_by_all_of_them() {
    alone(|| {
        let theirs = Schedule::once(hours(9));
        let mut outer = Alarm::after(hours(1)).unwrap();
        let inner = outer.nested(hours(2)).unwrap();
        set_by_others(IntervalClock::Real, Some(theirs));
        fails_here(inner.stop(), ErrorKind::Removed);
        fails_here(outer.remaining(), ErrorKind::Removed);
        drop(outer);
        assert_near(IntervalClock::Real.remaining().unwrap(), Some(theirs));
        set_by_others(IntervalClock::Real, None);
    });
}

/// R-SIG-17: a guard that nobody ends has the timer for good; nothing worse comes of it.
#[test]
fn a_forgotten_inner_guard_keeps_the_timer_from_the_outer_one() {
    alone(|| {
        let mut outer = Alarm::after(hours(1)).unwrap();
        std::mem::forget(outer.nested(hours(2)).unwrap());
        fails_here(outer.remaining(), ErrorKind::Removed);
        fails_here(outer.stop(), ErrorKind::Removed);
        set_by_others(IntervalClock::Real, None);
    });
}
