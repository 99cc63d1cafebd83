//! POSIX timers that tell the process.

use crate::support::eventually;
use crate::tools::{LONG, alone, assert_near, fails, hours, pass, posix_timers, take};
use ipc_safe::error::ErrorKind;
use ipc_safe::signal::{self, MaskGuard, Origin, Signal, SignalSet, Value};
use ipc_safe::timer::{Clock, Notification, PosixTimer, Schedule};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

/// The clocks that every machine has.
const CLOCKS: [Clock; 6] =
    [Clock::Realtime, Clock::Monotonic, Clock::BootTime, Clock::Tai, Clock::ProcessTime, Clock::ThreadTime];

fn rt(distance: u8) -> Signal {
    Signal::real_time(distance).unwrap()
}

fn blocked(signal: Signal) -> MaskGuard {
    SignalSet::from(signal).block().unwrap()
}

fn timer(signal: Signal) -> PosixTimer {
    PosixTimer::new(Clock::Monotonic, Notification::process(signal, 0)).unwrap()
}

/// The kernel drops what a timer sent when the timer is gone, since 6.13.
fn drops_signals() -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map_while(|part| part.parse::<u32>().ok());
    let drops = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (6, 13);
    if !drops {
        println!("skipped: this kernel delivers the signals of deleted timers");
    }
    drops
}

/// R-SIG-17: the signal says which timer it is from, and brings its value.
#[test]
fn the_value_and_the_number_come_with_the_signal() {
    alone(|| {
        let signal = rt(3);
        let signals = blocked(signal);
        let values = [Value::from(-1), Value::from(u64::MAX), Value::from(0_u64)];
        let timers = values.map(|value| {
            let notification = Notification::process(signal, value);
            let timer = PosixTimer::new(Clock::Monotonic, notification).unwrap();
            assert_eq!((timer.clock(), timer.notification()), (Clock::Monotonic, notification));
            timer
        });
        for (timer, value) in timers.iter().zip(values) {
            timer.set(Schedule::once(Duration::from_nanos(1))).unwrap();
            let taken = signals.wait_timeout(LONG).unwrap();
            assert_eq!(taken.signal, signal);
            assert_eq!(taken.origin, Origin::Timer { timer: timer.number(), overruns: 0, value });
            assert_eq!(timer.remaining().unwrap(), None);
        }
    });
}

/// R-SIG-16: a timer has one signal in the queue; what comes meanwhile is counted.
#[test]
fn overruns_are_counted_while_the_signal_waits() {
    alone(|| {
        let signal = rt(4);
        let signals = blocked(signal);
        let timer = timer(signal);
        timer.set(Schedule::every(Duration::from_millis(1))).unwrap();
        pass(Duration::from_millis(30));
        let taken = signals.wait_timeout(LONG).unwrap();
        let Origin::Timer { overruns, .. } = taken.origin else { panic!("{taken:?}") };
        assert!(overruns >= 10, "{overruns}");
        assert_eq!(timer.overruns().unwrap(), overruns);
        timer.cancel().unwrap();
    });
}

/// R-SIG-17: any signal, standard ones too.
#[test]
fn a_standard_signal_serves_as_well() {
    alone(|| {
        for signal in [Signal::USR1, Signal::ALRM, Signal::IO] {
            let signals = blocked(signal);
            let timer = PosixTimer::new(Clock::BootTime, Notification::process(signal, 9)).unwrap();
            timer.set(Schedule::every(Duration::from_millis(1))).unwrap();
            for _ in 0..3 {
                let taken = signals.wait_timeout(LONG).unwrap();
                assert_eq!((taken.signal, taken.value()), (signal, Some(Value::from(9))));
            }
            timer.stop().unwrap();
            let _ = signals.try_wait();
        }
    });
}

/// R-SIG-17: also by a signal descriptor.
#[test]
fn a_descriptor_gives_the_same_information() {
    alone(|| {
        let signal = rt(5);
        let signals = blocked(signal);
        let descriptor = signals.descriptor().unwrap();
        let timer = PosixTimer::new(Clock::Monotonic, Notification::process(signal, 77)).unwrap();
        timer.set(Schedule::once(Duration::from_millis(1))).unwrap();
        let taken = descriptor.read_timeout(LONG).unwrap();
        let expected = Origin::Timer { timer: timer.number(), overruns: 0, value: Value::from(77) };
        assert_eq!((taken.signal, taken.origin), (signal, expected));
    });
}

/// R-SIG-06, R-SIG-17
#[test]
fn what_was_left_is_reported() {
    alone(|| {
        for clock in CLOCKS {
            let timer = PosixTimer::new(clock, Notification::None).unwrap();
            assert_eq!((timer.remaining().unwrap(), timer.cancel().unwrap()), (None, None));
            let one = Schedule::first_then(hours(5), Duration::new(3, 123_456_789));
            let two = Schedule::once(hours(6));
            assert_eq!(timer.set(one).unwrap(), None);
            assert_near(timer.remaining().unwrap(), Some(one));
            assert_near(timer.set(two).unwrap(), Some(one));
            assert_near(timer.cancel().unwrap(), Some(two));
            assert_eq!(timer.remaining().unwrap(), None);
            timer.set(one).unwrap();
            assert_near(timer.stop().unwrap(), Some(one));
            assert_eq!(posix_timers(), 0);
        }
    });
}

/// R-SIG-06: nanoseconds are kept as they are.
#[test]
fn a_time_that_is_none_or_too_long_is_refused_and_changes_nothing() {
    alone(|| {
        let timer = PosixTimer::new(Clock::Monotonic, Notification::None).unwrap();
        timer.set(Schedule::every(Duration::new(7200, 999_999_999))).unwrap();
        let longer = Schedule::MAX + Duration::from_nanos(1);
        for bad in [Schedule::once(longer), Schedule::first_then(hours(1), Duration::MAX)] {
            fails(timer.set(bad), ErrorKind::OutOfRange, libc::EINVAL);
        }
        for bad in [Schedule::every(Duration::ZERO), Schedule::first_then(hours(1), Duration::ZERO)] {
            fails(timer.set(bad), ErrorKind::InvalidInput, libc::EINVAL);
        }
        fails(timer.set_at(longer, None), ErrorKind::OutOfRange, libc::EINVAL);
        fails(timer.set_at(hours(1), Some(Duration::ZERO)), ErrorKind::InvalidInput, libc::EINVAL);
        assert_eq!(timer.remaining().unwrap().unwrap().interval(), Some(Duration::new(7200, 999_999_999)));
        assert_near(timer.remaining().unwrap(), Some(Schedule::every(Duration::new(7200, 999_999_999))));

        timer.set(Schedule::every(Schedule::MAX)).unwrap();
        let left = timer.stop().unwrap().unwrap();
        assert_eq!(left.interval(), Some(Schedule::MAX));
        assert!(left.first() + Duration::from_secs(60) > Schedule::MAX);
    });
}

/// R-SIG-17
#[test]
fn a_point_in_time_is_one_of_the_timers_clock() {
    alone(|| {
        for clock in CLOCKS {
            let timer = PosixTimer::new(clock, Notification::None).unwrap();
            timer.set_at(clock.now().unwrap() + hours(2), Some(hours(1))).unwrap();
            assert_near(timer.remaining().unwrap(), Some(Schedule::first_then(hours(2), hours(1))));
        }
    });
}

/// R-SIG-17: time 0 too, which for the kernel would be a timer that stands.
#[test]
fn a_point_in_time_that_is_past_is_now() {
    alone(|| {
        let signal = rt(6);
        let signals = blocked(signal);
        for clock in [Clock::Realtime, Clock::Monotonic, Clock::BootTime, Clock::ProcessTime] {
            let timer = PosixTimer::new(clock, Notification::process(signal, 1)).unwrap();
            for time in [Duration::ZERO, Duration::from_nanos(1), clock.now().unwrap()] {
                timer.set_at(time, None).unwrap();
                take(&signals);
                assert_eq!(timer.remaining().unwrap(), None);
            }
        }
    });
}

/// R-SIG-17
#[test]
fn processor_time_counts_what_is_used() {
    alone(|| {
        let signal = rt(7);
        let signals = blocked(signal);
        for clock in [Clock::ProcessTime, Clock::ThreadTime] {
            let timer = PosixTimer::new(clock, Notification::process(signal, 5)).unwrap();
            let before = clock.now().unwrap();
            timer.set(Schedule::every(Duration::from_millis(20))).unwrap();
            assert_eq!(take(&signals).value(), Some(Value::from(5)));
            assert_eq!(take(&signals).value(), Some(Value::from(5)));
            assert!(clock.now().unwrap() - before >= Duration::from_millis(40), "early");
            timer.stop().unwrap();
            let _ = signals.try_wait();
        }
    });
}

/// R-SIG-17: one that nobody is told about is asked.
#[test]
fn a_silent_timer_runs_out_silently() {
    alone(|| {
        let all = SignalSet::all().block().unwrap();
        let timer = PosixTimer::new(Clock::Monotonic, Notification::None).unwrap();
        timer.set(Schedule::once(Duration::from_millis(5))).unwrap();
        eventually("it runs out", || timer.remaining().unwrap().is_none());
        assert!(all.try_wait().unwrap_err().is_would_block());
    });
}

/// R-SIG-17
#[test]
fn a_timer_ends_with_its_value_and_no_signal_comes_after() {
    alone(|| {
        let signal = rt(8);
        let signals = blocked(signal);
        for ends in ["drop", "stop", "panic"] {
            let timer = timer(signal);
            timer.set(Schedule::every(Duration::from_millis(1))).unwrap();
            signals.wait_timeout(LONG).unwrap();
            assert_eq!(posix_timers(), 1);
            match ends {
                "drop" => drop(timer),
                "stop" => assert!(timer.stop().unwrap().is_some()),
                _ => {
                    let panicking = catch_unwind(AssertUnwindSafe(|| {
                        let _timer = timer;
                        resume_unwind(Box::new("on purpose"));
                    }));
                    assert!(panicking.is_err());
                }
            }
            assert_eq!(posix_timers(), 0);
            let _ = signals.try_wait(); // one that waited, with older kernels
            pass(Duration::from_millis(10));
            assert!(signals.try_wait().unwrap_err().is_would_block());
        }
    });
}

/// R-SIG-17: what the timer's own doc says.
#[test]
fn a_signal_that_waits_goes_with_its_timer() {
    if !drops_signals() {
        return;
    }
    alone(|| {
        let signal = rt(9);
        let signals = blocked(signal);
        let waiting = || signal::pending().unwrap().contains(signal);
        for ends in ["drop", "stop", "cancel"] {
            let timer = timer(signal);
            timer.set(Schedule::once(Duration::from_nanos(1))).unwrap();
            eventually("the signal waits", waiting);
            match ends {
                "drop" => drop(timer),
                "stop" => assert_eq!(timer.stop().unwrap(), None),
                _ => assert_eq!(timer.cancel().unwrap(), None),
            }
            assert!(signals.try_wait().unwrap_err().is_would_block());
        }
    });
}

/// R-SIG-17: a process has as many as it likes.
#[test]
fn a_hundred_timers_tell_each_its_own() {
    alone(|| {
        let signal = rt(10);
        let signals = blocked(signal);
        let mut expected = BTreeSet::new();
        let timers: Vec<_> = (0..100)
            .map(|value| {
                let timer = PosixTimer::new(Clock::Monotonic, Notification::process(signal, value)).unwrap();
                timer.set(Schedule::once(Duration::from_micros(10))).unwrap();
                expected.insert((timer.number(), value));
                timer
            })
            .collect();
        assert_eq!(posix_timers(), 100);
        let taken: BTreeSet<_> = (0..100)
            .map(|_| {
                let taken = signals.wait_timeout(LONG).unwrap();
                let Origin::Timer { timer, value, .. } = taken.origin else { panic!("{taken:?}") };
                (timer, value.as_i32())
            })
            .collect();
        assert_eq!(taken, expected);
        drop(timers);
    });
}

/// R-SIG-17: they work, or the kernel says why not.
#[test]
fn clocks_that_wake_the_machine_work_or_are_refused() {
    alone(|| {
        for clock in [Clock::RealtimeAlarm, Clock::BootTimeAlarm] {
            assert!(!clock.now().unwrap().is_zero());
            match PosixTimer::new(clock, Notification::None) {
                Ok(timer) => {
                    timer.set(Schedule::once(hours(1))).unwrap();
                    assert_near(timer.stop().unwrap(), Some(Schedule::once(hours(1))));
                }
                Err(error) => {
                    println!("{error}");
                    assert!(matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied), "{error}");
                }
            }
        }
    });
}
