//! Beside signal-hook and tokio in one program.

use crate::support::eventually;
use crate::tools::{Action, alone, raise};
use ipc_safe::signal::{HandlerOptions, Signal, SignalSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::signal::unix::{SignalKind, signal};

fn chained() -> HandlerOptions {
    HandlerOptions::new().chain(true)
}

/// tokio's handler under ours and over ours; each of the three hears of each signal.
#[test]
fn tokio_and_signal_hook_hear_what_ours_hear() {
    alone(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        runtime.block_on(async {
            let lower = chained().count(Signal::USR1).unwrap();
            let mut stream = signal(SignalKind::user_defined1()).unwrap();
            let hook = Arc::new(AtomicBool::new(false));
            signal_hook::flag::register(libc::SIGUSR1, Arc::clone(&hook)).unwrap();
            let upper = chained().count(Signal::USR1).unwrap();
            let middle = {
                raise(Signal::USR1);
                stream.recv().await.unwrap();
                assert!(hook.swap(false, Ordering::SeqCst));
                assert_eq!((upper.take(), lower.take()), (1, 1));
                drop(upper);
                Action::of(Signal::USR1)
            };
            raise(Signal::USR1);
            stream.recv().await.unwrap();
            assert!(hook.swap(false, Ordering::SeqCst));
            assert_eq!(lower.take(), 1);
            drop(lower);
            assert_eq!(Action::of(Signal::USR1), middle);
            raise(Signal::USR1);
            stream.recv().await.unwrap();
            assert!(hook.load(Ordering::SeqCst));
        });
    });
}

/// A guard that does not chain keeps the signals from them for as long as it lives.
#[test]
fn what_is_not_chained_is_kept_from_other_code_for_a_while() {
    alone(|| {
        let hook = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(libc::SIGUSR1, Arc::clone(&hook)).unwrap();
        let ours = HandlerOptions::new().flag(Signal::USR1).unwrap();
        raise(Signal::USR1);
        assert!(ours.is_set() && !hook.load(Ordering::SeqCst));
        drop(ours);
        raise(Signal::USR1);
        assert!(hook.load(Ordering::SeqCst));
    });
}

/// Both change the disposition of the same signals at the same moment, in either order: neither is lost.
#[test]
fn registering_at_the_same_moment_loses_neither() {
    alone(|| {
        // signal-hook installs its handler of a signal once a process.
        for signal in SignalSet::real_time() {
            let raw = signal.as_raw();
            let heard = Arc::new(AtomicUsize::new(0));
            let hears = Arc::clone(&heard);
            let (ready, done) = (AtomicUsize::new(0), AtomicBool::new(false));
            let meet = || {
                ready.fetch_add(1, Ordering::SeqCst);
                while ready.load(Ordering::SeqCst) < 2 {
                    std::hint::spin_loop();
                }
            };
            let ours = std::thread::scope(|scope| {
                scope.spawn(|| {
                    meet();
                    let count = move || _ = hears.fetch_add(1, Ordering::SeqCst);
                    // SAFETY: counts in an atomic.
                    unsafe { signal_hook::low_level::register(raw, count) }.unwrap();
                    done.store(true, Ordering::SeqCst);
                });
                meet();
                loop {
                    let ours = chained().count(signal).unwrap();
                    if done.load(Ordering::SeqCst) {
                        break ours;
                    }
                    // One place is kept for each that it may have come upon.
                    drop(ours);
                }
            });
            eventually("both are there", || done.load(Ordering::SeqCst));
            raise(signal);
            assert_eq!((heard.load(Ordering::SeqCst), ours.count()), (1, 1), "{signal}");
            drop(ours);
            raise(signal);
            assert_eq!(heard.load(Ordering::SeqCst), 2, "{signal}");
        }
    });
}
