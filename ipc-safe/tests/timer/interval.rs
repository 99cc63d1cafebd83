//! The three interval timers.

use crate::tools::{CLOCKS, alone, assert_near, blocked, fails, hours, set_by_others, take, take_last};
use ipc_safe::error::ErrorKind;
use ipc_safe::signal::{Origin, Signal};
use ipc_safe::timer::{IntervalClock, IntervalTimer, Schedule};
use std::time::Duration;

/// R-SIG-06
#[test]
fn each_clock_sends_its_signal_again_and_again() {
    alone(|| {
        let signals = blocked();
        for (clock, signal) in CLOCKS.into_iter().zip([Signal::ALRM, Signal::VTALRM, Signal::PROF]) {
            assert_eq!(clock.signal(), signal);
            let timer = IntervalTimer::start(clock, Schedule::every(Duration::from_millis(2))).unwrap();
            for _ in 0..3 {
                let taken = take(&signals);
                assert_eq!((taken.signal, taken.origin), (signal, Origin::Kernel));
            }
            let left = timer.stop().unwrap().unwrap();
            assert_eq!(left.interval(), Some(Duration::from_millis(2)));
            take_last(&signals);
        }
    });
}

/// R-SIG-06: there is not one timer but three.
#[test]
fn all_three_run_at_the_same_time() {
    alone(|| {
        let signals = blocked();
        let every = Schedule::every(Duration::from_millis(5));
        let timers = CLOCKS.map(|clock| IntervalTimer::start(clock, every).unwrap());
        let mut seen = Vec::new();
        while !CLOCKS.iter().all(|clock| seen.contains(&clock.signal())) {
            seen.push(take(&signals).signal);
        }
        drop(timers);
        CLOCKS.iter().for_each(|_| take_last(&signals));
    });
}

/// R-SIG-06: with processor time that nobody uses, the timer stands.
#[test]
fn processor_time_does_not_pass_while_the_process_sleeps() {
    alone(|| {
        let signals = blocked();
        let timers = [IntervalClock::Virtual, IntervalClock::Profile]
            .map(|clock| IntervalTimer::start(clock, Schedule::once(Duration::from_millis(200))).unwrap());
        crate::tools::pass(Duration::from_millis(400));
        assert!(signals.try_wait().unwrap_err().is_would_block());
        drop(timers);
    });
}

/// R-SIG-06
#[test]
fn first_time_and_interval_read_back() {
    alone(|| {
        let _signals = blocked();
        for clock in CLOCKS {
            let one = Schedule::first_then(hours(9), Duration::new(7, 123_456_000));
            let mut timer = IntervalTimer::start(clock, one).unwrap();
            assert_eq!((timer.clock(), timer.previous()), (clock, None));
            assert_near(timer.remaining().unwrap(), Some(one));
            assert_near(clock.remaining().unwrap(), Some(one));
            let two = Schedule::once(hours(4));
            assert_near(timer.set(two).unwrap(), Some(one));
            assert_near(timer.cancel().unwrap(), Some(two));
            assert_eq!(timer.remaining().unwrap(), None);
            assert_eq!(timer.set(one).unwrap(), None);
            assert_near(timer.stop().unwrap(), Some(one));
        }
    });
}

/// R-SIG-06: the field of microseconds stays below a million, and no second is lost.
#[test]
fn what_rounds_up_to_a_second_is_a_second() {
    alone(|| {
        for clock in CLOCKS {
            for (interval, expected) in [
                (Duration::new(1, 999_999_001), Duration::from_secs(2)),
                (Duration::new(0, 999_999_999), Duration::from_secs(1)),
                (Duration::new(0, 999_999_000), Duration::from_micros(999_999)),
                (Duration::from_nanos(1), Duration::from_micros(1)),
                (Duration::new(59, 1), Duration::new(59, 1000)),
            ] {
                let timer = IntervalTimer::start(clock, Schedule::first_then(hours(1), interval)).unwrap();
                assert_eq!(clock.remaining().unwrap().unwrap().interval(), Some(expected));
                drop(timer);
                let first = hours(1) + interval;
                let timer = IntervalTimer::start(clock, Schedule::once(first)).unwrap();
                assert_near(timer.stop().unwrap(), Some(Schedule::once(hours(1) + expected)));
            }
        }
    });
}

/// R-SIG-06
#[test]
fn the_longest_time_is_kept_and_a_longer_one_refused() {
    alone(|| {
        for clock in CLOCKS {
            let longest = Schedule::every(Schedule::MAX);
            let timer = IntervalTimer::start(clock, longest).unwrap();
            // The last nanoseconds of the longest time are rounded up to a microsecond.
            let left = timer.remaining().unwrap().unwrap();
            assert!(left.first() + Duration::from_secs(60) > Schedule::MAX, "{left:?}");
            assert!(left.interval().unwrap() >= Schedule::MAX, "{left:?}");
            drop(timer);

            let longer = Schedule::MAX + Duration::from_nanos(1);
            for bad in [Schedule::once(longer), Schedule::first_then(hours(1), longer), Schedule::once(Duration::MAX)] {
                let error = fails(IntervalTimer::start(clock, bad), ErrorKind::OutOfRange, libc::EINVAL);
                assert!(error.to_string().contains("146 years"), "{error}");
            }
            for bad in [
                Schedule::once(Duration::ZERO),
                Schedule::every(Duration::ZERO),
                Schedule::first_then(hours(1), Duration::ZERO),
            ] {
                fails(IntervalTimer::start(clock, bad), ErrorKind::InvalidInput, libc::EINVAL);
            }
            assert_eq!(clock.remaining().unwrap(), None);
        }
    });
}

/// R-SIG-17
#[test]
fn each_clock_puts_back_what_was_there() {
    alone(|| {
        for clock in CLOCKS {
            let theirs = Schedule::first_then(hours(5), hours(6));
            set_by_others(clock, Some(theirs));
            let timer = IntervalTimer::start(clock, Schedule::every(hours(1))).unwrap();
            assert_near(timer.previous(), Some(theirs));
            assert_near(timer.stop().unwrap(), Some(Schedule::every(hours(1))));
            assert_near(clock.remaining().unwrap(), Some(theirs));
            set_by_others(clock, None);
        }
    });
}

/// R-SIG-17: the time of the timer's own clock.
#[test]
fn processor_time_that_was_used_is_taken_off() {
    alone(|| {
        for clock in [IntervalClock::Virtual, IntervalClock::Profile] {
            set_by_others(clock, Some(Schedule::once(hours(1))));
            let timer = IntervalTimer::start(clock, Schedule::once(hours(2))).unwrap();
            let before = timer.previous().unwrap().first();
            // Until the kernel has counted it.
            crate::support::eventually("processor time is used", || {
                std::hint::black_box((0..100_000_u64).map(std::hint::black_box).sum::<u64>());
                timer.remaining().unwrap().unwrap().first() < hours(2) - Duration::from_millis(200)
            });
            timer.stop().unwrap();
            let after = clock.remaining().unwrap().unwrap().first();
            // The kernel counts processor time by the tick and shows it scaled: the two are near each other.
            assert!(after < before - Duration::from_millis(100), "{before:?}, {after:?}");
            set_by_others(clock, None);
        }
    });
}
