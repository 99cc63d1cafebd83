//! Waiting: what ends it, in each of the forms.

use crate::alone::alone;
use crate::mask::{block, set};
use crate::support::eventually;
use crate::tools::{Handler, LONG, SHORT, blocked, fails, handled, is_empty, pending, real_time, to_thread, while_in};
use ipc_safe::error::ErrorKind;
use ipc_safe::process::getpid;
use ipc_safe::signal::{self, Information, MaskGuard, Signal, SignalSet};
use libc::{SYS_rt_sigsuspend, SYS_rt_sigtimedwait};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

type Form = fn(&MaskGuard) -> ipc_safe::Result<Information>;

/// The forms that sleep.
const FORMS: [Form; 3] = [|guard| guard.wait(), |guard| guard.wait_timeout(LONG), |guard| guard.wait_interruptible()];

/// R-SIG-10
#[test]
fn each_form_takes_a_signal_that_waits_already() {
    alone(|| {
        let _handler = Handler::new(Signal::USR1, 0);
        let guard = block(Signal::USR1.into());
        let forms: [Form; 2] = [|guard| guard.try_wait(), |guard| guard.wait_timeout(Duration::ZERO)];
        for form in FORMS.into_iter().chain(forms) {
            signal::raise(Signal::USR1).expect("sent");
            assert_eq!(form(&guard).expect("a signal").signal, Signal::USR1);
        }
        drop(guard);
        assert_eq!(handled(), 0, "taken in place of its action");
    });
}

/// Both a standard and a real-time signal.
#[test]
fn each_form_waits_for_a_signal_to_come() {
    alone(|| {
        for signal in [Signal::USR1, real_time(0), real_time(30)] {
            let guard = block(set(&[Signal::USR1, real_time(0), real_time(30)]));
            for form in FORMS {
                let act = move |_| signal::to_process(getpid(), signal).expect("sent");
                let taken = while_in(SYS_rt_sigtimedwait, act, || form(&guard));
                assert_eq!(taken.expect("a signal").signal, signal);
            }
            assert_eq!(pending(), SignalSet::empty());
        }
    });
}

#[test]
fn without_a_signal_the_time_runs_out() {
    alone(|| {
        let guard = block(SignalSet::all());
        is_empty(guard.try_wait());
        for time in [Duration::ZERO, Duration::from_nanos(1), SHORT] {
            let start = Instant::now();
            fails(guard.wait_timeout(time), ErrorKind::TimedOut, libc::ETIMEDOUT);
            assert!(start.elapsed() >= time);
        }
        let error = guard.wait_timeout(Duration::ZERO).expect_err("nothing comes").to_string();
        assert_eq!(error, "sigtimedwait: ETIMEDOUT: the time ran out");
    });
}

/// A time that no clock reaches is for ever, not an error.
#[test]
fn the_longest_time_waits() {
    alone(|| {
        let guard = block(Signal::USR1.into());
        for time in [Duration::MAX, Duration::from_secs(i64::MAX as u64), Duration::from_secs(1 << 40)] {
            let act = |thread| to_thread(thread, Signal::USR1);
            let taken = while_in(SYS_rt_sigtimedwait, act, || guard.wait_timeout(time));
            assert_eq!(taken.expect("a signal").signal, Signal::USR1);
        }
    });
}

/// Another signal's handler, with and without `SA_RESTART`, ends only the form that says so. The kernel starts this call anew
/// in neither case.
///
/// R-SIG-16
#[test]
fn a_handler_ends_the_interruptible_form_only() {
    alone(|| {
        for flags in [0, libc::SA_RESTART] {
            let _handler = Handler::new(Signal::USR2, flags);
            let guard = block(Signal::USR1.into());
            let interrupt = |thread| to_thread(thread, Signal::USR2);
            let before = handled();
            let taken = while_in(SYS_rt_sigtimedwait, interrupt, || guard.wait_interruptible());
            fails(taken, ErrorKind::Interrupted, libc::EINTR);
            assert_eq!(handled(), before + 1);

            for form in &FORMS[..2] {
                let before = handled();
                let act = move |thread| {
                    for round in 1..=20 {
                        to_thread(thread, Signal::USR2);
                        eventually("the handler ran", || handled() == before + round);
                        crate::tools::wait_until_in(SYS_rt_sigtimedwait, thread);
                    }
                    to_thread(thread, Signal::USR1);
                };
                let taken = while_in(SYS_rt_sigtimedwait, act, || form(&guard));
                assert_eq!(taken.expect("a signal").signal, Signal::USR1);
                assert_eq!(handled(), before + 20);
            }
        }
    });
}

/// After an interruption the wait goes on for the time that remains: it ends in time although handlers run all the while.
///
/// R-SIG-16
#[test]
fn interruptions_do_not_lengthen_a_timed_wait() {
    const TIME: Duration = Duration::from_millis(300);
    alone(|| {
        for flags in [0, libc::SA_RESTART] {
            let _handler = Handler::of(Signal::ALRM, count_alarm as *const () as usize, flags);
            let guard = block(Signal::USR1.into());
            // A busy machine lets few alarms interrupt a wait.
            let mut interrupted = false;
            while !interrupted {
                ALARMS.store(0, Ordering::SeqCst);
                set_alarm(1000);
                let start = Instant::now();
                fails(guard.wait_timeout(TIME), ErrorKind::TimedOut, libc::ETIMEDOUT);
                assert!(start.elapsed() >= TIME, "not too early");
                set_alarm(0);
                let alarms = ALARMS.load(Ordering::SeqCst);
                assert!(alarms < MOST_ALARMS, "each interruption began the time anew");
                interrupted = alarms > 3;
            }
        }
    });
}

static ALARMS: AtomicU32 = AtomicU32::new(0);

/// In ten times the time that the wait takes.
const MOST_ALARMS: u32 = 3000;

/// Counts, and has the alarms end at last.
extern "C" fn count_alarm(_signal: i32) {
    if ALARMS.fetch_add(1, Ordering::SeqCst) + 1 >= MOST_ALARMS {
        set_alarm(0);
    }
}

/// An alarm again and again after so many microseconds, or none any more.
fn set_alarm(tv_usec: libc::suseconds_t) {
    let time = libc::timeval { tv_sec: 0, tv_usec };
    let times = libc::itimerval { it_interval: time, it_value: time };
    // SAFETY: reads the times. A handler may call it.
    unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const times, std::ptr::null_mut()) };
}

/// Only the guard's signals are taken; others of the mask stay.
#[test]
fn a_guard_takes_its_own_signals_only() {
    alone(|| {
        let (first, second) = (block(Signal::USR1.into()), block(set(&[Signal::USR2, real_time(3)])));
        signal::raise(Signal::USR1).expect("sent");
        signal::raise(real_time(3)).expect("sent");
        assert_eq!(second.wait().expect("a signal").signal, real_time(3));
        is_empty(second.try_wait());
        assert_eq!(first.wait().expect("a signal").signal, Signal::USR1);
        is_empty(first.try_wait());
    });
}

/// Of several threads that wait for a signal of the process, one gets it, and none gets it twice.
#[test]
fn each_signal_goes_to_one_of_the_threads_that_wait() {
    const THREADS: usize = 4;
    const SIGNALS: i32 = 400;
    alone(|| {
        let guard = block(real_time(2).into());
        let mut taken: Vec<i32> = std::thread::scope(|scope| {
            let take = || {
                let guard = block(real_time(2).into());
                let values = std::iter::from_fn(|| {
                    let value = guard.wait().expect("a signal").value().expect("a value").as_i32();
                    (value >= 0).then_some(value)
                });
                values.collect::<Vec<_>>()
            };
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(take)).collect();
            let ends = std::iter::repeat_n(-1, THREADS);
            for value in (0..SIGNALS).chain(ends) {
                eventually("room for the signal", || signal::queue(getpid(), real_time(2), value).is_ok());
            }
            threads.into_iter().flat_map(|thread| thread.join().expect("a thread")).collect()
        });
        taken.sort_unstable();
        assert_eq!(taken, (0..SIGNALS).collect::<Vec<_>>());
        is_empty(guard.try_wait());
    });
}

/// `suspend` unblocks and sleeps in one step: a signal that came before it ends it too.
///
/// R-SIG-09
#[test]
fn suspend_lets_the_guards_signals_through_and_misses_none() {
    alone(|| {
        let _handler = Handler::new(Signal::USR1, libc::SA_RESTART);
        let guard = block(set(&[Signal::USR1, Signal::USR2]));
        let other = block(Signal::HUP.into());
        signal::raise(Signal::USR1).expect("sent");
        guard.suspend().expect("a handler ran");
        assert_eq!(handled(), 1);

        let act = |thread| {
            to_thread(thread, Signal::HUP); // stays blocked: it is another guard's
            to_thread(thread, Signal::USR1);
        };
        while_in(SYS_rt_sigsuspend, act, || guard.suspend()).expect("a handler ran");
        assert_eq!((handled(), pending()), (2, Signal::HUP.into()));
        assert_eq!(blocked(), guard.signals() | other.signals(), "the mask is back");
        other.wait().expect("a signal");

        let empty = block(SignalSet::empty());
        fails(empty.suspend(), ErrorKind::InvalidInput, libc::EINVAL);
    });
}

/// R-SIG-09
#[test]
fn suspend_with_a_mask_blocks_exactly_that_meanwhile() {
    alone(|| {
        let _handler = Handler::new(Signal::USR1, 0);
        let guard = block(Signal::USR1.into());
        let act = |thread| {
            let status = std::fs::read_to_string(format!("/proc/{}/status", getpid().as_raw_nonzero()));
            assert_eq!(crate::tools::field(&status.expect("a status"), "SigBlk:"), Signal::HUP.into());
            to_thread(thread, Signal::USR1);
        };
        let mask = set(&[Signal::HUP, Signal::KILL]);
        while_in(SYS_rt_sigsuspend, act, || signal::suspend(mask));
        assert_eq!((handled(), blocked()), (1, guard.signals()));
    });
}

/// A signal that stops and one that continues the process do not end the wait.
///
/// R-SIG-16
#[test]
fn stopping_and_continuing_do_not_end_a_wait() {
    alone(|| {
        let (mut says, saying) = std::io::pipe().expect("a pipe");
        let child = crate::support::fork(|| {
            crate::alone::end_with_parent();
            let guard = block(Signal::USR1.into());
            drop(saying);
            i32::from(guard.wait().expect("a signal").signal != Signal::USR1)
        });
        assert_eq!(std::io::Read::read_to_end(&mut says, &mut Vec::new()).expect("a pipe"), 0);
        let id = crate::tools::pid(child.pid());
        for _ in 0..3 {
            crate::tools::wait_until_in(SYS_rt_sigtimedwait, id);
            signal::to_process(id, Signal::STOP).expect("a child");
            signal::to_process(id, Signal::CONT).expect("a child");
        }
        signal::to_process(id, Signal::USR1).expect("a child");
        child.succeed();
    });
}
