//! Signals that wait: standard ones merge, real-time ones queue.

use crate::alone::alone;
use crate::mask::{block, set};
use crate::tools::{Handler, gettid, handled, is_empty, pending, real_time, to_thread};
use ipc_safe::process::getpid;
use ipc_safe::signal::{self, Origin, Signal, SignalSet, Value};

/// R-SIG-10
#[test]
fn a_standard_signal_waits_once() {
    alone(|| {
        let guard = block(Signal::USR1.into());
        for value in 1..=3 {
            signal::queue(getpid(), Signal::USR1, value).expect("sent, and lost");
        }
        assert_eq!(pending(), Signal::USR1.into());
        let first = guard.try_wait().expect("the first");
        assert_eq!(first.value(), Some(Value::from(1)), "the later ones are lost, and their values");
        is_empty(guard.try_wait());
    });
}

/// R-SIG-10
#[test]
fn real_time_signals_wait_each_with_its_value() {
    alone(|| {
        let signals = [real_time(30), real_time(7), real_time(0)];
        let guard = block(set(&signals) | Signal::USR2.into());
        for value in 0..3 {
            for signal in signals {
                signal::queue(getpid(), signal, value).expect("sent");
            }
        }
        signal::queue(getpid(), Signal::USR2, 9).expect("sent");
        let taken =
            std::iter::from_fn(|| guard.try_wait().ok()).map(|taken| (taken.signal, taken.value().map(Value::as_i32)));
        let expected = [(Signal::USR2, Some(9))].into_iter().chain(
            [real_time(0), real_time(7), real_time(30)]
                .into_iter()
                .flat_map(|signal| [0, 1, 2].map(|value| (signal, Some(value)))),
        );
        assert_eq!(taken.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    });
}

/// R-SIG-10
#[test]
fn what_waits_is_delivered_on_unblocking() {
    alone(|| {
        let _standard = Handler::new(Signal::USR1, 0);
        let _real_time = Handler::new(real_time(1), 0);
        let guard = block(set(&[Signal::USR1, real_time(1)]));
        for _ in 0..3 {
            signal::raise(Signal::USR1).expect("sent");
            signal::raise(real_time(1)).expect("sent");
        }
        assert_eq!((handled(), pending()), (0, guard.signals()));
        drop(guard);
        assert_eq!((handled(), pending()), (1 + 3, SignalSet::empty()));
    });
}

/// Those of the thread come before those of the process, and the signals of faults before lower numbers.
///
/// R-SIG-10
#[test]
fn signals_of_the_thread_and_of_faults_come_first() {
    alone(|| {
        let guard = block(set(&[Signal::HUP, Signal::SEGV, real_time(0), real_time(1)]));
        signal::to_process(getpid(), Signal::HUP).expect("sent");
        signal::to_process(getpid(), Signal::SEGV).expect("sent");
        to_thread(gettid(), real_time(1));
        to_thread(gettid(), real_time(0));
        let taken: Vec<_> = std::iter::from_fn(|| guard.try_wait().ok()).map(|taken| taken.signal).collect();
        assert_eq!(taken, [real_time(0), real_time(1), Signal::SEGV, Signal::HUP]);
    });
}

/// A signal of the process and the same one of the thread are two.
///
/// R-SIG-10
#[test]
fn the_thread_and_the_process_each_have_their_pending_signals() {
    alone(|| {
        let guard = block(Signal::USR1.into());
        signal::to_process(getpid(), Signal::USR1).expect("sent");
        signal::raise(Signal::USR1).expect("sent");
        let other = std::thread::spawn(pending).join().expect("a thread");
        assert_eq!(other, Signal::USR1.into(), "the process's is everybody's");
        assert!(matches!(guard.try_wait().expect("a signal").origin, Origin::Thread(_)));
        let other = std::thread::scope(|scope| scope.spawn(pending).join()).expect("a thread");
        assert_eq!(other, Signal::USR1.into());
        assert!(matches!(guard.try_wait().expect("a signal").origin, Origin::Kill(_)));
        is_empty(guard.try_wait());
    });
}

/// An ignored signal is thrown away when it is sent, unless it is blocked.
///
/// R-SIG-10
#[test]
fn a_blocked_signal_waits_although_it_is_ignored() {
    alone(|| {
        let _ignored = Handler::of(Signal::USR1, libc::SIG_IGN, 0);
        signal::raise(Signal::USR1).expect("sent, and ignored");
        let guard = block(Signal::USR1.into());
        assert_eq!(pending(), SignalSet::empty());
        signal::raise(Signal::USR1).expect("sent");
        assert_eq!(guard.try_wait().expect("a signal").signal, Signal::USR1);
        signal::raise(Signal::USR1).expect("sent");
        drop(guard);
        assert_eq!(pending(), SignalSet::empty(), "ignored at last");
    });
}
