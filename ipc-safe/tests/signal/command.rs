//! The mask that programs and threads begin with.

use crate::alone::alone;
use crate::mask::{block, set};
use crate::tools::{blocked, field};
use ipc_safe::signal::{self, CommandMask, Signal, SignalSet};
use std::process::Command;
use std::thread::Builder;

const NONE: SignalSet = SignalSet::empty();
const CHLD: SignalSet = set(&[Signal::CHLD]);
const TERM: SignalSet = set(&[Signal::TERM]);
const USR1: SignalSet = set(&[Signal::USR1]);

/// The mask that a program begins with, by its own account.
fn mask_of(command: &mut Command) -> SignalSet {
    let output = command.output().expect("a program");
    field(&String::from_utf8(output.stdout).expect("ASCII"), "SigBlk:")
}

fn status() -> Command {
    let mut command = Command::new("cat");
    command.arg("/proc/self/status");
    command
}

fn original_mask() -> SignalSet {
    mask_of(status().original_mask().expect("a mask"))
}

/// R-SIG-09
#[test]
fn a_program_begins_with_the_mask_that_is_asked_for() {
    alone(|| {
        let all = SignalSet::all() - set(&[Signal::KILL, Signal::STOP]);
        let guard = block(CHLD | TERM);
        assert_eq!(mask_of(&mut status()), CHLD | TERM, "without asking: that of the thread");
        assert_eq!(mask_of(status().mask(NONE)), NONE);
        assert_eq!(mask_of(status().mask(USR1)), USR1);
        assert_eq!(mask_of(status().mask(SignalSet::all())), all);
        assert_eq!(mask_of(status().mask(SignalSet::from_bits(u64::MAX))), all);
        assert_eq!(mask_of(status().mask(USR1).mask(TERM)), TERM, "the last word counts");
        assert_eq!(blocked(), guard.signals(), "the caller's mask is not touched");
    });
}

/// Children inherit what is blocked around `fork`, `SIGCHLD` in the text. The original mask gives them what was there before.
///
/// R-SIG-12
#[test]
fn a_program_can_begin_without_what_guards_block() {
    alone(|| {
        let first = block(CHLD);
        let second = block(CHLD | TERM);
        assert_eq!((mask_of(&mut status()), original_mask()), (CHLD | TERM, NONE));
        drop(first);
        assert_eq!(original_mask(), NONE);
        drop(second);

        // What was blocked before the guards is not theirs.
        USR1.as_mask(|| {
            let _guard = block(USR1 | CHLD);
            assert_eq!(original_mask(), USR1);
        })
        .expect("a mask");
    });
}

/// In a scope the guards around it still block what the scope does not unblock.
#[test]
fn the_original_mask_in_a_scope_is_without_the_outer_guards() {
    alone(|| {
        let outer = block(TERM | USR1);
        USR1.unblocked(|| {
            assert_eq!((blocked(), original_mask()), (TERM, NONE));
            let _inner = block(CHLD | TERM);
            assert_eq!((blocked(), original_mask()), (CHLD | TERM, NONE));
            USR1.unblocked(|| assert_eq!((blocked(), original_mask()), (CHLD | TERM, NONE))).expect("a mask");
            TERM.unblocked(|| assert_eq!((blocked(), original_mask()), (CHLD, NONE))).expect("a mask");
            // This mask is asked for, not blocked by guards.
            TERM.as_mask(|| assert_eq!(original_mask(), TERM)).expect("a mask");
            // Dropped here, it takes effect at the end of the scope.
            drop(outer);
            assert_eq!((blocked(), original_mask()), (CHLD | TERM, NONE));
        })
        .expect("a mask");
        assert_eq!((blocked(), original_mask()), (NONE, NONE));
    });
}

/// A thread that was started with the signals of a guard blocked has no guard: it says what it wants.
#[test]
fn a_thread_that_inherited_its_mask_asks_for_the_one_that_it_wants() {
    alone(|| {
        let guard = block(TERM);
        let seen = std::thread::scope(|scope| {
            scope.spawn(|| (original_mask(), mask_of(status().mask(NONE)))).join().expect("a thread")
        });
        assert_eq!(seen, (TERM, NONE));
        drop(guard);
    });
}

/// A program that is not there leaves the caller as it was.
#[test]
fn a_program_that_does_not_start_changes_nothing() {
    alone(|| {
        let guard = block(CHLD);
        let error = Command::new("/no/such/program").mask(TERM).spawn().expect_err("no program");
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
        assert_eq!(blocked(), CHLD);
        drop(guard);
    });
}

/// R-SIG-09
#[test]
fn a_thread_begins_with_exactly_its_mask() {
    alone(|| {
        let guard = block(TERM);
        for mask in [NONE, USR1, SignalSet::all() - set(&[Signal::KILL, Signal::STOP])] {
            let seen = signal::spawn(Builder::new(), mask, blocked).expect("a thread").join().expect("no panic");
            assert_eq!(seen, mask);
            assert_eq!(blocked(), TERM, "the caller's mask is back");
        }
        drop(guard);
    });
}

/// What the thread's mask lets through reaches it, what it blocks waits: from the first moment on.
#[test]
fn a_signal_meets_a_new_thread_with_its_mask() {
    alone(|| {
        let guard = block(USR1);
        signal::to_process(ipc_safe::process::getpid(), Signal::USR1).expect("sent");
        let mask = set(&[Signal::USR1, Signal::KILL]);
        let thread = signal::spawn(Builder::new(), mask, || {
            // Its guards begin anew: they do not unblock what the mask blocks.
            let guard = block(USR1);
            drop(guard);
            blocked()
        });
        assert_eq!(thread.expect("a thread").join().expect("no panic"), USR1);
        assert_eq!(guard.wait().expect("a signal").signal, Signal::USR1);
    });
}

#[test]
fn a_thread_that_cannot_be_started_leaves_the_mask() {
    alone(|| {
        let builder = Builder::new().stack_size(usize::MAX / 2);
        let started = std::panic::catch_unwind(|| signal::spawn(builder, TERM, || ()).map(drop));
        assert!(!matches!(started, Ok(Ok(()))), "no room for such a stack");
        assert_eq!(blocked(), NONE);
    });
}
