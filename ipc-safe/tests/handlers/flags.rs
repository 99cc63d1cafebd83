//! The flags of handlers, by what they do and by what the kernel has.

use crate::support::{Forked, eventually, fork};
use crate::tools::{Action, alone, errno, raise, wait_for};
use ipc_safe::process::ChildStatus;
use ipc_safe::signal::{Handler, HandlerFunction, HandlerOptions, Origin, Signal, SignalSet};
use ipc_safe::sys::signal as c;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

fn options() -> HandlerOptions {
    HandlerOptions::new()
}

fn flags(options: HandlerOptions) -> i32 {
    let handler = options.flag(Signal::USR1).unwrap();
    let action = Action::of(Signal::USR1);
    drop(handler);
    assert_ne!(action.flags & c::SA_SIGINFO, 0);
    action.flags & !c::SA_SIGINFO
}

/// R-SIG-11, mistake 72: there are more flags than SA_SIGINFO, each has its bit, and one does not bring another.
#[test]
fn each_option_sets_its_flag_and_no_other() {
    alone(|| {
        let none = options().restart(false);
        assert_eq!(flags(HandlerOptions::default()), c::SA_RESTART);
        assert_eq!(flags(none), 0);
        assert_eq!(flags(none.restart(true)), c::SA_RESTART);
        assert_eq!(flags(none.on_stack(true)), c::SA_ONSTACK);
        assert_eq!(flags(none.reset(true)), c::SA_RESETHAND);
        assert_eq!(flags(none.reentrant(true)), c::SA_NODEFER);
        assert_eq!(flags(none.child_stops(false)), c::SA_NOCLDSTOP);
        assert_eq!(flags(none.child_wait(false)), c::SA_NOCLDWAIT);
        assert_eq!(flags(none.chain(true)), 0, "there is nothing to be chained to");
        let all = none.restart(true).on_stack(true).reset(true).reentrant(true).child_stops(false).child_wait(false);
        let bits = [c::SA_RESTART, c::SA_ONSTACK, c::SA_RESETHAND, c::SA_NODEFER, c::SA_NOCLDSTOP, c::SA_NOCLDWAIT];
        assert_eq!(flags(all), bits.into_iter().sum::<i32>());
    });
}

/// What a handler sees: the mask, how deep it is in itself.
static MASK: AtomicU64 = AtomicU64::new(0);
static DEPTH: AtomicU32 = AtomicU32::new(0);
static DEEPEST: AtomicU32 = AtomicU32::new(0);

/// A handler that looks at its mask, and raises its signal once more while it runs.
fn nesting(options: HandlerOptions) -> Handler<HandlerFunction> {
    let body = |_: &_| {
        MASK.store(crate::tools::mask_of_thread().bits(), Ordering::SeqCst);
        let depth = DEPTH.fetch_add(1, Ordering::SeqCst) + 1;
        if DEEPEST.fetch_max(depth, Ordering::SeqCst) == 0 {
            // SAFETY: takes an integer.
            unsafe { libc::raise(libc::SIGUSR1) };
        }
        DEPTH.fetch_sub(1, Ordering::SeqCst);
    };
    // SAFETY: atomics, `pthread_sigmask` and `raise`.
    unsafe { options.function(Signal::USR1, body) }.unwrap()
}

/// R-SIG-11
#[test]
fn the_mask_is_in_force_during_the_handler_and_not_after() {
    alone(|| {
        let before = crate::tools::mask_of_thread();
        let mask = SignalSet::from([Signal::HUP, Signal::real_time(0).unwrap()]);
        let own = SignalSet::from(Signal::USR1);
        for (options, expected) in [
            (options(), own),
            (options().mask(mask), own | mask),
            (options().reentrant(true), SignalSet::empty()),
            (options().reentrant(true).mask(mask), mask),
        ] {
            let handler = nesting(options);
            raise(Signal::USR1);
            assert_eq!(SignalSet::from_bits(MASK.load(Ordering::SeqCst)), before | expected);
            assert_eq!(crate::tools::mask_of_thread(), before);
            drop(handler);
        }
    });
}

/// R-SIG-11
#[test]
fn a_handler_is_interrupted_by_its_own_signal_only_when_reentrant() {
    alone(|| {
        for (reentrant, deepest) in [(false, 1), (true, 2)] {
            DEEPEST.store(0, Ordering::SeqCst);
            let _handler = nesting(options().reentrant(reentrant));
            raise(Signal::USR1);
            assert_eq!(DEEPEST.load(Ordering::SeqCst), deepest);
        }
    });
}

/// R-SIG-11
#[test]
fn a_handler_for_one_time_leaves_the_default_action() {
    alone(|| {
        let child = fork(|| {
            let once = options().reset(true).count(Signal::USR1).unwrap();
            raise(Signal::USR1);
            assert_eq!(once.count(), 1);
            raise(Signal::USR1);
            1
        });
        assert_eq!(ChildStatus::from(child.wait()), ChildStatus::Killed { signal: libc::SIGUSR1, core_dumped: false });
    });
}

/// A child that stops itself, goes on, and ends.
fn stops_and_ends() -> Forked {
    fork(|| {
        raise(Signal::STOP);
        0
    })
}

/// R-SIG-11 R-SIG-12
#[test]
fn stops_and_continuations_of_children_are_reported_unless_they_are_not_wanted() {
    alone(|| {
        for (child_stops, expected) in [(true, 3), (false, 1)] {
            let changes = options().child_stops(child_stops).count(Signal::CHLD).unwrap();
            let child = stops_and_ends();
            assert_eq!(wait_for(child.pid(), libc::WUNTRACED).unwrap().0, child.pid());
            let stopped = changes.take();
            child.signal(libc::SIGCONT);
            child.succeed();
            eventually("the end is reported", || changes.count() > 0);
            // The continuation may merge with the end.
            let continued_and_ended = changes.take();
            assert_eq!(stopped, u64::from(child_stops));
            assert!(
                (1..expected).contains(&(continued_and_ended + stopped)) || stopped + continued_and_ended == expected
            );
            assert!(child_stops || continued_and_ended == 1);
        }
    });
}

/// R-SIG-12
#[test]
fn what_happened_to_a_child_is_in_the_last_signal() {
    alone(|| {
        let last = options().last(Signal::CHLD).unwrap();
        let status_of = |pid: i32| match last.take()?.origin {
            Origin::Child { pid: Some(child), status, .. } if child.as_raw_nonzero().get() == pid => Some(status),
            _ => None,
        };
        let child = stops_and_ends();
        let mut seen = None;
        eventually("the stop is reported", || {
            seen = seen.or(status_of(child.pid()));
            seen == Some(ChildStatus::Stopped { signal: libc::SIGSTOP })
        });
        child.signal(libc::SIGKILL);
        let pid = child.pid();
        let _ = child.wait();
        eventually("the end is reported", || {
            status_of(pid) == Some(ChildStatus::Killed { signal: libc::SIGKILL, core_dumped: false })
        });
    });
}

/// R-SIG-11 R-SIG-13
#[test]
fn children_vanish_without_a_status_when_nobody_wants_to_wait() {
    alone(|| {
        let reported = options().child_wait(false).count(Signal::CHLD).unwrap();
        let child = fork(|| 7);
        let pid = child.pid();
        std::mem::forget(child);
        let error = wait_for(pid, 0).unwrap_err();
        assert_eq!((error.raw_os_error(), errno()), (Some(libc::ECHILD), libc::ECHILD));
        eventually("its end is reported", || reported.count() == 1);
        drop(reported);
        assert_eq!(fork(|| 7).wait().code(), Some(7));

        let _ignored = Signal::CHLD.ignore().unwrap();
        let child = fork(|| 7);
        let pid = child.pid();
        std::mem::forget(child);
        assert_eq!(wait_for(pid, 0).unwrap_err().raw_os_error(), Some(libc::ECHILD));
    });
}

/// R-SIG-12: blocked before the fork, installed, unblocked: no end is missed, and twenty that merge are all reaped.
#[test]
fn twenty_children_that_end_together_are_all_reaped_by_one_run() {
    // A process with one thread, so that nobody else takes the signals.
    alone(|| fork(reap_twenty).succeed());
}

fn reap_twenty() -> i32 {
    let guard = SignalSet::from(Signal::CHLD).block().unwrap();
    let children: Vec<Forked> = (0..20).map(|number| fork(move || number)).collect();
    let ended = options().flag(Signal::CHLD).unwrap();
    for child in &children {
        // Waits for the end and leaves the status.
        let _ = child.look(libc::WEXITED);
    }
    assert!(!ended.is_set());
    drop(guard);
    assert!(ended.take());
    let mut codes = Vec::new();
    while let Ok((pid, status)) = wait_for(-1, libc::WNOHANG) {
        assert!(children.iter().any(|child| child.pid() == pid));
        codes.push(libc::WEXITSTATUS(status));
    }
    children.into_iter().for_each(std::mem::forget);
    codes.sort_unstable();
    assert_eq!(codes, (0..20).collect::<Vec<_>>());
    assert!(!ended.take(), "twenty are one");
    0
}
