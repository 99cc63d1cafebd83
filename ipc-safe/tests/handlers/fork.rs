//! Forked children have copies of dispositions and guards, and the descriptors of their parents.

use crate::support::fork;
use crate::tools::{Action, Over, alone, queue_to_thread, raise, real_time, refused, snapshot, thread_id};
use ipc_safe::error::ErrorKind;
use ipc_safe::signal::{HandlerOptions, Signal, SignalSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

fn options() -> HandlerOptions {
    HandlerOptions::new()
}

/// R-SIG-14: what belongs to the parent is not written to by its children.
#[test]
fn the_signals_of_a_child_do_not_reach_the_descriptors_of_its_parent() {
    alone(|| {
        let (wakeup, pipe) = (options().wakeup(Signal::USR1).unwrap(), options().pipe(Signal::USR2).unwrap());
        let child = fork(|| {
            raise(Signal::USR1);
            raise(Signal::USR2);
            refused(wakeup.try_wait(), ErrorKind::InvalidInput);
            refused(pipe.read(), ErrorKind::InvalidInput);
            // A grandchild of it has no more to do with them.
            fork(|| {
                raise(Signal::USR1);
                raise(Signal::USR2);
                0
            })
            .succeed();
            0
        });
        child.succeed();
        refused(wakeup.try_wait(), ErrorKind::WouldBlock);
        refused(pipe.try_read(), ErrorKind::WouldBlock);
        assert_eq!(pipe.lost(), 0);
        raise(Signal::USR1);
        assert_eq!(wakeup.try_wait().unwrap(), 1);
    });
}

/// R-SIG-14: what is in memory works in the child, for the child.
#[test]
fn flags_counters_and_last_signals_are_copies() {
    alone(|| {
        let (flag, counter) = (options().flag(Signal::USR1).unwrap(), options().count(Signal::USR2).unwrap());
        let last = options().last(real_time(1)).unwrap();
        let child = fork(|| {
            raise(Signal::USR1);
            raise(Signal::USR2);
            queue_to_thread(thread_id(), real_time(1), 7);
            let value = last.take().and_then(|taken| taken.value()).map(|value| value.as_u64());
            i32::from(!(flag.take() && counter.take() == 1 && value == Some(7)))
        });
        child.succeed();
        assert!(!flag.is_set() && counter.count() == 0 && last.get().is_none());
    });
}

/// R-SIG-17
#[test]
fn a_guard_dropped_in_a_child_restores_the_childs_disposition_only() {
    alone(|| {
        let before = snapshot();
        let mut flag = Some(options().flag(Signal::USR1).unwrap());
        let ours = Action::of(Signal::USR1);
        let child = fork(|| {
            drop(flag.take());
            assert_eq!(snapshot(), before);
            drop(options().count(Signal::USR1).unwrap());
            0
        });
        child.succeed();
        assert_eq!(Action::of(Signal::USR1), ours);
        raise(Signal::USR1);
        assert!(flag.take().unwrap().is_set());
    });
}

/// Children of a process whose other threads change dispositions and are in handlers all the time.
#[test]
fn a_child_never_waits_for_threads_that_it_does_not_have() {
    const ROUNDS: usize = 150;
    const MINE: [Signal; 2] = [Signal::USR1, Signal::USR2];
    alone(|| {
        let done = AtomicBool::new(false);
        let last = options().last(real_time(1)).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let signals = [Signal::HUP, Signal::USR1, Signal::URG];
                    for signal in signals.into_iter().cycle() {
                        if done.load(Ordering::Acquire) {
                            break;
                        }
                        let flag = options().flag(signal).unwrap();
                        raise(signal);
                        queue_to_thread(thread_id(), real_time(1), 1);
                        drop(flag);
                    }
                });
            }
            let _over = Over(&done);
            for round in 0..ROUNDS {
                let start = Instant::now();
                let child = fork(|| in_child(&MINE, &last));
                child.succeed();
                assert!(start.elapsed() < Duration::from_secs(20), "round {round}");
            }
        });
    });
}

/// Guards of a child, that work and go, whatever state the threads of the parent left things in.
fn in_child(signals: &[Signal], last: &ipc_safe::signal::LastSignal) -> i32 {
    for round in 0..3 {
        for signal in signals {
            let before = Action::of(*signal);
            let (lower, upper) = (options().count(*signal).unwrap(), options().chain(true).count(*signal).unwrap());
            raise(*signal);
            if (lower.take(), upper.take()) != (1, 1) {
                return 2;
            }
            drop((lower, upper));
            // What a thread of the parent was just taking away is cleared away the first time.
            if round > 0 && Action::of(*signal) != before {
                return 3;
            }
        }
    }
    queue_to_thread(thread_id(), real_time(1), 99);
    if last.get().and_then(|last| last.value()).is_none_or(|value| value.as_u64() != 99) {
        return 4;
    }
    0
}

/// A mask of the parent is in force in the child: a copy.
#[test]
fn changing_dispositions_leaves_the_mask_as_it_was() {
    alone(|| {
        let _guard = SignalSet::from([Signal::HUP, Signal::TERM]).block().unwrap();
        let mask = crate::tools::mask_of_thread();
        let flag = options().flag(Signal::USR1).unwrap();
        assert_eq!(crate::tools::mask_of_thread(), mask);
        drop(flag);
        assert_eq!(crate::tools::mask_of_thread(), mask);
        refused(Signal::KILL.ignore(), ErrorKind::InvalidInput);
        assert_eq!(crate::tools::mask_of_thread(), mask);
    });
}
