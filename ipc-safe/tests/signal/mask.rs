//! Guards: what they block, and that they put it back, whatever way they end.

use crate::alone::{alone, end_with_parent, state};
use crate::support::fork;
use crate::tools::{Handler, blocked, errno, gettid, handled, pending, real_time, to_thread, wait_until_in};
use ipc_safe::signal::{self, MaskGuard, Signal, SignalSet};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;

const USR1: SignalSet = set(&[Signal::USR1]);
const USR2: SignalSet = set(&[Signal::USR2]);
const BOTH: SignalSet = set(&[Signal::USR1, Signal::USR2]);
const NONE: SignalSet = SignalSet::empty();

pub(crate) const fn set(signals: &[Signal]) -> SignalSet {
    let mut set = SignalSet::empty();
    let mut index = 0;
    while index < signals.len() {
        set.insert(signals[index]);
        index += 1;
    }
    set
}

pub(crate) fn block(set: SignalSet) -> MaskGuard {
    set.block().expect("a guard")
}

/// R-SIG-09 R-SIG-17
#[test]
fn a_guard_blocks_until_it_is_dropped() {
    alone(|| {
        let set = BOTH | real_time(0).into() | real_time(30).into();
        let guard = block(set);
        assert_eq!((blocked(), guard.signals()), (set, set));
        assert_eq!(signal::blocked().expect("a mask"), set);
        drop(guard);
        assert_eq!(blocked(), NONE);
        block(set).restore().expect("restored");
        assert_eq!(blocked(), NONE);
    });
}

/// R-SIG-09
#[test]
fn every_signal_that_can_be_blocked_is() {
    alone(|| {
        for signal in SignalSet::all().into_iter().filter(|signal| signal.is_catchable()) {
            let guard = block(signal.into());
            assert_eq!(blocked(), signal.into());
            signal::raise(signal).expect("sent");
            assert_eq!(pending(), signal.into());
            assert_eq!(guard.wait().expect("a signal").signal, signal);
        }
    });
}

/// Signals 32 and 33, which the C library uses between its threads, get through whatever is asked.
///
/// R-SIG-08 R-SIG-09
#[test]
fn the_signals_of_the_c_library_are_never_blocked() {
    alone(|| {
        let everything = SignalSet::from_bits(u64::MAX);
        let guard = block(everything);
        assert_eq!(blocked().bits() >> 31 & 0b11, 0);
        assert_eq!(guard.signals().bits() >> 31 & 0b11, 0);
        drop(guard);
        everything.as_mask(|| assert_eq!(blocked().bits() >> 31 & 0b11, 0)).expect("a mask");
        everything.unblocked(|| assert_eq!(blocked(), NONE)).expect("a mask");
    });
}

/// R-SIG-17
#[test]
fn a_panic_restores_the_mask() {
    alone(|| {
        let outer = block(USR2);
        let panic = catch_unwind(AssertUnwindSafe(|| {
            let _first = block(USR1);
            let _second = block(SignalSet::real_time());
            USR2.unblocked(|| {
                let _third = block(Signal::HUP.into());
                std::panic::resume_unwind(Box::new("on purpose"));
            })
        }));
        assert_eq!(panic.unwrap_err().downcast_ref(), Some(&"on purpose"));
        assert_eq!(blocked(), USR2);
        drop(outer);
    });
}

/// R-SIG-17
#[test]
fn an_early_return_restores_the_mask() {
    fn leaves_early() -> ipc_safe::Result<()> {
        let _guard = BOTH.block()?;
        Signal::from_raw(0)?;
        unreachable!("0 is no signal")
    }
    alone(|| {
        assert!(leaves_early().is_err());
        assert_eq!(blocked(), NONE);
    });
}

/// Overlapping guards, dropped in each of the possible orders.
///
/// R-SIG-17
#[test]
fn guards_end_in_any_order() {
    const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    alone(|| {
        let sets = [USR1, BOTH, USR2 | Signal::HUP.into()];
        for order in ORDERS {
            let mut guards = sets.map(|set| Some(block(set)));
            for dropped in order {
                guards[dropped] = None;
                let expected = guards.iter().flatten().fold(NONE, |all, guard| all | guard.signals());
                assert_eq!(blocked(), expected, "{order:?}");
            }
        }
    });
}

/// R-SIG-09 R-SIG-17
#[test]
fn what_was_blocked_before_the_guards_stays_blocked() {
    alone(|| {
        // A guard that came and went before has no part in it.
        drop(block(USR1));
        let set = libc_set(Signal::USR1);
        // SAFETY: reads the set.
        assert_eq!(unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) }, 0);
        let first = block(BOTH);
        let second = block(USR1);
        drop(first);
        assert_eq!(blocked(), USR1);
        drop(second);
        assert_eq!(blocked(), USR1);
        // SAFETY: as above.
        assert_eq!(unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, std::ptr::null_mut()) }, 0);
    });
}

fn libc_set(signal: Signal) -> libc::sigset_t {
    // SAFETY: writes the set; an all-zero one is one.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigaddset(&raw mut set, signal.as_raw());
        set
    }
}

/// A mask belongs to a thread, whatever the text says of processes.
///
/// R-SIG-09 R-SIG-17
#[test]
fn another_threads_mask_is_its_own() {
    alone(|| {
        let (ask, asked) = mpsc::channel::<()>();
        let (answer, answered) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            for () in asked {
                answer.send(blocked()).expect("the test waits");
            }
        });
        let mask_there = || {
            ask.send(()).expect("the thread waits");
            answered.recv().expect("the thread answers")
        };
        let guard = block(BOTH);
        assert_eq!((blocked(), mask_there()), (BOTH, NONE));
        // A thread that is started now begins with the mask, and what it does to it stays there.
        let inside = std::thread::spawn(|| {
            let before = blocked();
            drop(block(Signal::HUP.into()));
            (before, blocked(), USR1.unblocked(blocked).expect("a mask"))
        });
        assert_eq!(inside.join().expect("a thread"), (BOTH, BOTH, USR2));
        drop(guard);
        assert_eq!((blocked(), mask_there()), (NONE, NONE));
        drop(ask);
        thread.join().expect("a thread");
    });
}

/// A signal to the process goes to a thread that does not block it.
///
/// R-SIG-09
#[test]
fn a_thread_that_blocks_leaves_the_signal_to_the_others() {
    alone(|| {
        let _handler = Handler::new(Signal::USR1, 0);
        let (say, said) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            say.send(gettid()).expect("the test waits");
            // SAFETY: returns when a handler ran.
            unsafe { libc::pause() };
        });
        let other = said.recv().expect("a thread id");
        wait_until_in(libc::SYS_pause, other);
        let guard = block(USR1);
        signal::to_process(ipc_safe::process::getpid(), Signal::USR1).expect("sent");
        thread.join().expect("the handler ran there");
        assert_eq!((handled(), pending()), (1, NONE));
        drop(guard);
        assert_eq!(handled(), 1);
    });
}

/// R-SIG-17
#[test]
fn a_forgotten_guard_blocks_for_good() {
    alone(|| {
        std::thread::spawn(|| {
            std::mem::forget(block(USR1));
            assert_eq!(blocked(), USR1);
            drop(block(BOTH));
            assert_eq!(blocked(), USR1, "a later guard does not undo it");
            let seen = USR1.unblocked(blocked).expect("a mask");
            assert_eq!((seen, blocked()), (NONE, USR1));
        })
        .join()
        .expect("a thread");
    });
}

/// R-SIG-17
#[test]
fn a_guard_in_a_forked_child_undoes_the_childs_copy_only() {
    alone(|| {
        let guard = RefCell::new(Some(block(BOTH)));
        fork(|| {
            end_with_parent();
            assert_eq!(blocked(), BOTH);
            drop(guard.borrow_mut().take());
            assert_eq!(blocked(), NONE);
            drop(block(USR1));
            assert_eq!(blocked(), NONE);
            0
        })
        .succeed();
        assert_eq!(blocked(), BOTH);
        drop(guard);
        assert_eq!(blocked(), NONE);
    });
}

/// The pending signals are the parent's: the child begins with none.
///
/// R-SIG-10
#[test]
fn a_forked_child_has_none_of_the_parents_pending_signals() {
    alone(|| {
        let guard = block(BOTH);
        signal::raise(Signal::USR1).expect("sent");
        signal::to_process(ipc_safe::process::getpid(), Signal::USR2).expect("sent");
        fork(|| {
            assert_eq!((pending(), blocked()), (NONE, BOTH));
            0
        })
        .succeed();
        assert_eq!(pending(), BOTH);
        guard.wait().expect("a signal");
        guard.wait().expect("a signal");
    });
}

/// Signals that came meanwhile are delivered by the drop of the last guard, before it returns.
///
/// R-SIG-10 R-SIG-17
#[test]
fn the_last_guard_lets_the_signals_through() {
    alone(|| {
        let _handler = Handler::new(Signal::USR1, 0);
        let (first, second) = (block(USR1), block(USR1));
        signal::raise(Signal::USR1).expect("sent");
        drop(first);
        assert_eq!(handled(), 0);
        drop(second);
        assert_eq!(handled(), 1);
    });
}

/// R-SIG-17
#[test]
fn dropping_keeps_errno() {
    extern "C" fn spoil(_signal: i32) {
        // SAFETY: fails; errno is this thread's.
        unsafe { libc::close(-1) };
    }
    alone(|| {
        let _handler = Handler::of(Signal::USR1, spoil as *const () as usize, 0);
        let guard = block(USR1);
        signal::raise(Signal::USR1).expect("sent");
        // SAFETY: fails with EISDIR or the like, whatever the kernel says first.
        unsafe { libc::open(c"/no/such/file".as_ptr(), 0) };
        assert_eq!(errno(), libc::ENOENT);
        drop(guard);
        assert_eq!(errno(), libc::ENOENT);
    });
}

/// A guard that a thread-local holds is dropped when the thread ends, after whatever else it used is gone.
///
/// R-SIG-17
#[test]
fn guards_of_thread_locals_restore_at_the_threads_end() {
    struct Look(mpsc::Sender<SignalSet>);
    impl Drop for Look {
        fn drop(&mut self) {
            // Guards can still be made here, and count with those that were made before.
            let early = block(USR1);
            let late = block(Signal::HUP.into());
            drop(early);
            let _ = self.0.send(blocked());
            drop(late);
            let _ = self.0.send(blocked());
            let _ = self.0.send(SignalSet::from(Signal::HUP).as_mask(blocked).expect("a mask"));
            let _ = self.0.send(blocked());
        }
    }
    thread_local! {
        static LOOK: RefCell<Option<Look>> = const { RefCell::new(None) };
        static GUARD: RefCell<Option<MaskGuard>> = const { RefCell::new(None) };
    }
    alone(|| {
        let (look, seen) = mpsc::channel();
        // Destroyed in the opposite order of their first use: the guard, then the look.
        std::thread::spawn(move || {
            LOOK.with(|place| *place.borrow_mut() = Some(Look(look)));
            GUARD.with(|place| *place.borrow_mut() = Some(block(BOTH)));
        })
        .join()
        .expect("a thread");
        let hup = SignalSet::from(Signal::HUP);
        assert_eq!(seen.iter().collect::<Vec<_>>(), [hup, NONE, hup, NONE]);
    });
}

/// The same, seen from a destructor that runs while the guard lives.
///
/// R-SIG-17
#[test]
fn destructors_of_thread_locals_share_the_threads_guards() {
    struct Look(mpsc::Sender<SignalSet>);
    impl Drop for Look {
        fn drop(&mut self) {
            drop(block(BOTH));
            let _ = self.0.send(blocked());
            let _ = self.0.send(USR1.unblocked(|| block(USR2).signals() | blocked()).expect("a mask"));
        }
    }
    thread_local! {
        static LOOK: RefCell<Option<Look>> = const { RefCell::new(None) };
        static GUARD: RefCell<Option<MaskGuard>> = const { RefCell::new(None) };
    }
    alone(|| {
        let (look, seen) = mpsc::channel();
        std::thread::spawn(move || {
            GUARD.with(|place| *place.borrow_mut() = Some(block(USR1)));
            LOOK.with(|place| *place.borrow_mut() = Some(Look(look)));
        })
        .join()
        .expect("a thread");
        assert_eq!(seen.iter().collect::<Vec<_>>(), [USR1, USR2]);
    });
}

/// A thousand guards cost the thread nothing in the end.
#[test]
fn many_guards_leave_nothing() {
    alone(|| {
        let before = state();
        let mut guards: Vec<_> = (0..1000).map(|_| block(BOTH)).collect();
        while guards.len() > 1 {
            drop(guards.swap_remove(guards.len() / 3));
            assert_eq!(signal::blocked().expect("a mask"), BOTH);
        }
        drop(guards);
        assert_eq!(state(), before);
    });
}

/// A signal to the thread, which another thread sends, waits like one of its own.
///
/// R-SIG-09
#[test]
fn a_guard_holds_off_other_threads_signals() {
    alone(|| {
        let guard = block(USR1);
        let thread = gettid();
        std::thread::scope(|scope| scope.spawn(move || to_thread(thread, Signal::USR1)).join()).expect("a thread");
        assert_eq!(pending(), USR1);
        assert_eq!(guard.try_wait().expect("a signal").signal, Signal::USR1);
    });
}
