//! Copies of guards in a forked child, which inherits no timer.

use crate::tools::{CLOCKS, LONG, alone, assert_near, assert_nothing_runs, child, fails_here, hours, posix_timers};
use ipc_safe::error::ErrorKind;
use ipc_safe::signal::{Signal, SignalSet, Value};
use ipc_safe::timer::{Clock, IntervalTimer, Notification, PosixTimer, Schedule};
use std::time::Duration;

/// R-SIG-05, R-SIG-06, R-SIG-17
#[test]
fn a_child_has_none_of_its_parents_timers_and_the_copies_do_nothing() {
    alone(|| {
        let schedule = Schedule::every(hours(1));
        for clock in CLOCKS {
            let mut timer = IntervalTimer::start(clock, schedule).unwrap();
            child(|| {
                assert_eq!(clock.remaining().unwrap(), None, "inherited");
                assert_eq!(timer.remaining().unwrap(), None);
                assert_eq!(timer.cancel().unwrap(), None);
                let error = fails_here(timer.set(schedule), ErrorKind::Removed);
                assert!(error.to_string().contains("forked child"), "{error}");
                fails_here(timer.nested(schedule), ErrorKind::Removed);
                assert_eq!(clock.remaining().unwrap(), None);
            })
            .succeed();
            assert_near(timer.stop().unwrap(), Some(schedule));
        }
    });
}

/// R-SIG-17: neither the timer that the child set itself, nor its claim.
#[test]
fn the_end_of_a_copy_leaves_the_childs_own_guard_alone() {
    alone(|| {
        for clock in CLOCKS {
            for how in ["drop", "stop"] {
                let timer = IntervalTimer::start(clock, Schedule::every(hours(1))).unwrap();
                // The closure, and with it the timer, ends in both processes.
                child(move || {
                    let own = IntervalTimer::start(clock, Schedule::every(hours(2))).unwrap();
                    if how == "drop" {
                        drop(timer)
                    } else {
                        assert_eq!(timer.stop().unwrap(), None)
                    }
                    assert_near(own.remaining().unwrap(), Some(Schedule::every(hours(2))));
                    fails_here(IntervalTimer::start(clock, Schedule::every(hours(3))), ErrorKind::AlreadyExists);
                    drop(own);
                    drop(IntervalTimer::start(clock, Schedule::every(hours(3))).unwrap());
                })
                .succeed();
                assert_nothing_runs();
            }
        }
    });
}

/// R-SIG-17: a nested copy does not put anything back either.
#[test]
fn copies_of_nested_guards_do_nothing() {
    alone(|| {
        for clock in CLOCKS {
            let mut outer = IntervalTimer::start(clock, Schedule::once(hours(1))).unwrap();
            let inner = outer.nested(Schedule::once(hours(2))).unwrap();
            child(move || drop(inner)).succeed();
            child(|| assert_eq!(outer.remaining().unwrap(), None)).succeed();
            assert_near(outer.stop().unwrap(), Some(Schedule::once(hours(1))));
        }
    });
}

/// R-SIG-17: the child's first timer has the number of its parent's first timer.
#[test]
fn a_copied_posix_timer_does_not_touch_the_childs_timer_of_the_same_number() {
    alone(|| {
        let signal = Signal::real_time(2).unwrap();
        let signals = SignalSet::from(signal).block().unwrap();
        let schedule = Schedule::every(hours(1));
        for how in ["drop", "stop"] {
            let timer = PosixTimer::new(Clock::Monotonic, Notification::process(signal, 1)).unwrap();
            let second = PosixTimer::new(Clock::Monotonic, Notification::process(signal, 2)).unwrap();
            second.set(schedule).unwrap();
            let numbers = [timer.number(), second.number()];
            child(|| {
                assert_eq!(posix_timers(), 0);
                let own: Vec<_> = (0..=numbers[0].max(numbers[1]))
                    .map(|value| PosixTimer::new(Clock::BootTime, Notification::process(signal, value)).unwrap())
                    .collect();
                assert!(own.iter().any(|own| own.number() == numbers[0]), "the numbers begin again");
                let own = own.iter().find(|own| own.number() == numbers[0]).unwrap();
                own.set(Schedule::once(Duration::from_millis(50))).unwrap();

                assert_eq!(timer.remaining().unwrap(), None);
                assert_eq!(timer.overruns().unwrap(), 0);
                assert_eq!(timer.cancel().unwrap(), None);
                let error = fails_here(timer.set(schedule), ErrorKind::Removed);
                assert!(error.to_string().contains("forked child"), "{error}");
                fails_here(timer.set_at(hours(1), None), ErrorKind::Removed);
                // SAFETY: a second owner of the timer, in a child that never drops the first one.
                let copy = unsafe { std::ptr::read(&raw const timer) };
                if how == "drop" {
                    drop(copy)
                } else {
                    assert_eq!(copy.stop().unwrap(), None)
                }

                let taken = signals.wait_timeout(LONG).unwrap();
                assert_eq!(taken.value(), Some(Value::from(numbers[0])));
            })
            .succeed();
            assert_near(second.stop().unwrap(), Some(schedule));
            timer.set(schedule).unwrap();
            assert_near(timer.stop().unwrap(), Some(schedule));
        }
    });
}
