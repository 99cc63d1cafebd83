//! Scopes with another mask, and guards that cross their borders.

use crate::alone::alone;
use crate::mask::{block, set};
use crate::tools::{Handler, blocked, fails, handled, pending};
use ipc_safe::error::ErrorKind;
use ipc_safe::signal::{self, MaskGuard, Signal, SignalSet};
use std::cell::RefCell;

const USR1: SignalSet = set(&[Signal::USR1]);
const USR2: SignalSet = set(&[Signal::USR2]);
const HUP: SignalSet = set(&[Signal::HUP]);
const NONE: SignalSet = SignalSet::empty();

thread_local! {
    static KEPT: RefCell<Option<MaskGuard>> = const { RefCell::new(None) };
}

fn keep(guard: MaskGuard) {
    KEPT.with(|kept| *kept.borrow_mut() = Some(guard));
}

fn drop_kept() {
    KEPT.with(|kept| *kept.borrow_mut() = None);
}

/// R-SIG-09
#[test]
fn a_scope_sets_the_mask_and_puts_it_back() {
    alone(|| {
        let guard = block(USR1 | USR2);
        let result = USR1.unblocked(|| {
            assert_eq!(blocked(), USR2);
            (HUP | USR1).as_mask(|| assert_eq!(blocked(), HUP | USR1)).expect("a mask");
            assert_eq!(blocked(), USR2);
            NONE.as_mask(|| assert_eq!(blocked(), NONE)).expect("a mask");
            assert_eq!(blocked(), USR2);
            7
        });
        assert_eq!((result.expect("a mask"), blocked()), (7, USR1 | USR2));
        drop(guard);
    });
}

/// R-SIG-09 R-SIG-10
#[test]
fn pending_signals_are_delivered_when_the_scope_begins() {
    alone(|| {
        let _handler = Handler::new(Signal::USR1, 0);
        let guard = block(USR1);
        signal::raise(Signal::USR1).expect("sent");
        let in_scope = USR1.unblocked(handled).expect("a mask");
        assert_eq!((in_scope, handled(), pending()), (1, 1, NONE));
        signal::raise(Signal::USR1).expect("sent");
        assert_eq!((NONE.as_mask(handled).expect("a mask"), handled()), (2, 2));
        drop(guard);
    });
}

/// R-SIG-17
#[test]
fn guards_within_a_scope_count_for_themselves() {
    alone(|| {
        let outer = block(USR1);
        USR1.unblocked(|| {
            let inner = block(USR1);
            let second = block(USR1 | USR2);
            assert_eq!(blocked(), USR1 | USR2);
            drop(inner);
            assert_eq!(blocked(), USR1 | USR2);
            drop(second);
            assert_eq!(blocked(), NONE);
        })
        .expect("a mask");
        assert_eq!(blocked(), USR1);
        drop(outer);
    });
}

/// Out of the scope: what the guard did has ended with the scope.
///
/// R-SIG-17
#[test]
fn a_guard_that_leaves_its_scope_does_nothing_more() {
    alone(|| {
        let outer = block(USR1);
        let escaped = USR1.unblocked(|| block(USR1 | USR2)).expect("a mask");
        assert_eq!(blocked(), USR1, "the scope's end undid the guard");
        fails(escaped.try_wait(), ErrorKind::InvalidInput, libc::EINVAL);
        fails(escaped.descriptor(), ErrorKind::InvalidInput, libc::EINVAL);
        fails(escaped.suspend(), ErrorKind::InvalidInput, libc::EINVAL);
        let late = block(USR2);
        drop(escaped);
        assert_eq!(blocked(), USR1 | USR2, "it neither unblocks the outer guard's signal nor a later one's");
        drop(late);
        drop(outer);
        assert_eq!(blocked(), NONE);

        HUP.as_mask(|| keep(block(USR1))).expect("a mask");
        assert_eq!(blocked(), NONE);
        drop_kept();
        assert_eq!(blocked(), NONE);
        block(USR1).restore().expect("restored");
        assert_eq!(blocked(), NONE);
    });
}

/// Into the scope: a guard that ends within it takes effect at the scope's end, not before.
///
/// R-SIG-17
#[test]
fn a_guard_that_ends_in_a_scope_ends_with_it() {
    alone(|| {
        let (first, second) = (block(USR1), block(USR1 | USR2));
        USR1.unblocked(move || {
            drop(first);
            assert_eq!(blocked(), USR2);
            drop(second);
            assert_eq!(blocked(), USR2, "the scope's mask is its own");
        })
        .expect("a mask");
        assert_eq!(blocked(), NONE);

        keep(block(USR1));
        let other = block(USR2);
        (HUP | USR1)
            .as_mask(|| {
                drop_kept();
                assert_eq!(blocked(), HUP | USR1);
            })
            .expect("a mask");
        assert_eq!(blocked(), USR2);
        drop(other);
    });
}

/// The same across two borders, and with another guard of the same signal that lives on.
///
/// R-SIG-17
#[test]
fn guards_cross_two_borders_at_once() {
    alone(|| {
        let (first, stays) = (block(USR1 | USR2), block(USR2));
        let escaped = USR1
            .unblocked(|| {
                let middle = block(HUP);
                let escaped = NONE
                    .as_mask(|| {
                        drop(first);
                        drop(middle);
                        assert_eq!(blocked(), NONE);
                        block(USR1)
                    })
                    .expect("a mask");
                assert_eq!(blocked(), USR2, "the middle guard ended, the outer scope goes on");
                escaped
            })
            .expect("a mask");
        assert_eq!(blocked(), USR2);
        drop(escaped);
        assert_eq!(blocked(), USR2);
        drop(stays);
        assert_eq!(blocked(), NONE);
    });
}

/// A guard that was dropped in a scope and blocked anew after it starts from the beginning.
///
/// R-SIG-17
#[test]
fn what_a_scope_settled_is_not_settled_again() {
    alone(|| {
        let guard = block(USR1);
        NONE.as_mask(|| drop(guard)).expect("a mask");
        let again = block(USR1);
        NONE.as_mask(|| ()).expect("a mask");
        assert_eq!(blocked(), USR1);
        drop(again);
        assert_eq!(blocked(), NONE);
    });
}

/// R-SIG-17
#[test]
fn a_panic_in_a_scope_puts_the_mask_back() {
    alone(|| {
        let guard = block(USR1);
        let escaped = RefCell::new(None);
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            HUP.as_mask(|| {
                *escaped.borrow_mut() = Some(block(USR2));
                std::panic::resume_unwind(Box::new(()));
            })
        }));
        assert!(panic.is_err());
        assert_eq!(blocked(), USR1);
        drop(escaped);
        assert_eq!(blocked(), USR1);
        drop(guard);
    });
}

/// While a scope has another mask, the guards around it do not wait: their signals need not be blocked.
///
/// R-SIG-17
#[test]
fn a_guard_is_out_of_effect_while_a_scope_runs() {
    alone(|| {
        let guard = block(USR1);
        signal::raise(Signal::USR1).expect("sent");
        HUP.unblocked(|| {
            let error = fails(guard.try_wait(), ErrorKind::InvalidInput, libc::EINVAL);
            assert_eq!(
                error.to_string(),
                "sigtimedwait: EINVAL: the guard belongs to another scope, and its signals need not be blocked"
            );
        })
        .expect("a mask");
        assert_eq!(guard.try_wait().expect("a signal").signal, Signal::USR1);
        let empty = block(NONE);
        let error = fails(empty.wait(), ErrorKind::InvalidInput, libc::EINVAL);
        assert_eq!(error.to_string(), "sigtimedwait: EINVAL: the guard blocks no signal, so that none would ever come");
    });
}
