//! Guards of dispositions: what they put in place, and that all of it goes again.

use crate::support::fork;
use crate::tools::{Action, Ran, alone, raise, refused, snapshot};
use ipc_safe::error::ErrorKind;
use ipc_safe::signal::{Disposition, DispositionGuard, HandlerOptions, Signal, SignalSet};
use ipc_safe::sys::signal as c;
use std::os::unix::process::ExitStatusExt;

static RAN: Ran = Ran::new();

extern "C" fn foreign(_signal: i32) {
    RAN.add();
}

fn options() -> HandlerOptions {
    HandlerOptions::new()
}

type Install = fn() -> ipc_safe::Result<Box<dyn std::any::Any>>;

fn boxed<T: 'static>(result: ipc_safe::Result<T>) -> ipc_safe::Result<Box<dyn std::any::Any>> {
    result.map(|guard| Box::new(guard) as Box<dyn std::any::Any>)
}

/// Everything that changes a disposition, of SIGUSR1.
const ALL: [Install; 8] = [
    || boxed(Signal::USR1.set_default()),
    || boxed(Signal::USR1.ignore()),
    || boxed(options().flag(Signal::USR1)),
    || boxed(options().count(Signal::USR1)),
    || boxed(options().last(Signal::USR1)),
    || boxed(options().wakeup(Signal::USR1)),
    || boxed(options().pipe(Signal::USR1)),
    // SAFETY: does nothing.
    || boxed(unsafe { options().function(Signal::USR1, |_| {}) }),
];

/// R-SIG-07 R-SIG-11 R-SIG-17, mistake 68: the first disposition is the default one, which is no null.
#[test]
fn the_disposition_before_is_known_and_comes_back() {
    alone(|| {
        assert_eq!(Signal::USR1.disposition().unwrap(), Disposition::Default);
        assert_eq!(Signal::PIPE.disposition().unwrap(), Disposition::Ignore, "as Rust programs begin");
        let before = [Action::DEFAULT, Action::IGNORE, Action::plain(foreign, c::SA_RESTART)];
        for before in before {
            before.set(Signal::USR1);
            for install in ALL {
                let guard = install().unwrap();
                assert_ne!(Action::of(Signal::USR1), before);
                drop(guard);
                assert_eq!(Action::of(Signal::USR1), before);
            }
        }
    });
}

/// R-SIG-07
#[test]
fn a_disposition_is_described_as_it_is() {
    alone(|| {
        let guard = Signal::USR1.ignore().unwrap();
        assert_eq!((guard.signal(), Signal::USR1.disposition().unwrap()), (Signal::USR1, Disposition::Ignore));
        let _default = Signal::USR1.set_default().unwrap();
        assert_eq!(Signal::USR1.disposition().unwrap(), Disposition::Default);
        for restart in [true, false] {
            let mask = SignalSet::from([Signal::HUP, Signal::USR2]);
            let _flag = options().restart(restart).mask(mask).flag(Signal::USR1).unwrap();
            assert_eq!(Signal::USR1.disposition().unwrap(), Disposition::Handler { mask, restart });
        }
        // A C handler, and those that cannot be changed.
        Action::plain(foreign, 0).set(Signal::USR2);
        let disposition = Signal::USR2.disposition().unwrap();
        assert_eq!(disposition, Disposition::Handler { mask: SignalSet::empty(), restart: false });
        assert_eq!(Signal::KILL.disposition().unwrap(), Disposition::Default);
    });
}

/// R-SIG-03 R-SIG-07: the default action ends the process, ignoring does not.
#[test]
fn default_and_ignored_signals_do_what_they_say() {
    alone(|| {
        let _ignored = Signal::TERM.ignore().unwrap();
        raise(Signal::TERM);
        let status = fork(|| {
            let _default = Signal::TERM.set_default().unwrap();
            raise(Signal::TERM);
            1
        })
        .wait();
        assert_eq!(status.signal(), Some(libc::SIGTERM));
        raise(Signal::TERM);
    });
}

/// R-SIG-17
#[test]
fn a_panic_and_an_early_return_restore_too() {
    fn early() -> ipc_safe::Result<()> {
        let _flag = options().flag(Signal::USR1)?;
        let _ignored = Signal::KILL.ignore()?; // fails
        Ok(())
    }
    alone(|| {
        let before = snapshot();
        refused(early(), ErrorKind::InvalidInput);
        assert_eq!(snapshot(), before);

        let unwound = std::panic::catch_unwind(|| {
            let _counter = options().count([Signal::USR1, Signal::USR2]).unwrap();
            let _ignored = Signal::HUP.ignore().unwrap();
            std::panic::resume_unwind(Box::new(()));
        });
        assert!(unwound.is_err());
        assert_eq!(snapshot(), before);
    });
}

/// R-SIG-17
#[test]
fn restoring_by_hand_does_as_dropping_and_says_so() {
    alone(|| {
        let before = snapshot();
        Signal::USR1.ignore().unwrap().restore().unwrap();
        options().flag([Signal::USR1, Signal::USR2]).unwrap().restore().unwrap();
        assert_eq!(snapshot(), before);
    });
}

/// R-SIG-17
#[test]
fn a_handler_lends_its_action_beyond_its_life() {
    alone(|| {
        let handler = options().count([Signal::USR1, Signal::USR2]).unwrap();
        assert_eq!(handler.signals(), SignalSet::from([Signal::USR1, Signal::USR2]));
        let counter = handler.share();
        raise(Signal::USR1);
        raise(Signal::USR2);
        drop(handler);
        assert_eq!((counter.count(), counter.take(), counter.take()), (2, 2, 0));
    });
}

/// R-SIG-04
#[test]
fn kill_and_stop_are_refused_before_anything_is_changed() {
    alone(|| {
        let before = snapshot();
        for signal in [Signal::KILL, Signal::STOP] {
            let set = SignalSet::from([Signal::HUP, signal, Signal::USR2]);
            // SAFETY: does nothing.
            let function = unsafe { options().function(set, |_| {}) }.map(drop);
            let results =
                [signal.ignore().map(drop), signal.set_default().map(drop), options().flag(set).map(drop), function];
            for result in results {
                let words = refused(result, ErrorKind::InvalidInput).to_string();
                assert_eq!(
                    words,
                    format!("sigaction of {signal}: EINVAL: this signal can be neither handled nor ignored")
                );
            }
        }
        assert_eq!(snapshot(), before);
    });
}

/// R-SIG-11 R-SIG-14: a handler that returns from a fault meets it for ever.
#[test]
fn faults_are_handled_by_functions_only() {
    alone(|| {
        let before = snapshot();
        let faults = [Signal::ILL, Signal::TRAP, Signal::BUS, Signal::FPE, Signal::SEGV, Signal::SYS];
        for fault in faults {
            let set = SignalSet::from([Signal::HUP, fault]);
            let results = [
                options().flag(set).map(drop),
                options().count(set).map(drop),
                options().last(set).map(drop),
                options().wakeup(set).map(drop),
                options().pipe(set).map(drop),
            ];
            for result in results {
                let words = refused(result, ErrorKind::InvalidInput).to_string();
                assert!(words.starts_with(&format!("sigaction of {fault}: EINVAL: a handler that returns")), "{words}");
            }
            // SAFETY: does nothing; the signal is raised and not a fault.
            let handler = unsafe { options().function(fault, |_| {}) }.unwrap();
            raise(fault);
            drop(handler);
        }
        assert_eq!(snapshot(), before);
    });
}

/// Numbers 32 and 33 are no signals of programs: a set of them has none, and they are never blocked.
#[test]
fn a_set_without_signals_is_refused() {
    alone(|| {
        let reserved = SignalSet::from_bits(0b11 << 31);
        for set in [SignalSet::empty(), reserved] {
            let words = refused(options().flag(set), ErrorKind::InvalidInput).to_string();
            assert_eq!(words, "sigaction: EINVAL: there is no signal to handle");
        }
        let _flag = options().mask(SignalSet::from_bits(!0)).flag(Signal::USR1).unwrap();
        let forced = SignalSet::from([Signal::KILL, Signal::STOP]);
        assert_eq!(Action::of(Signal::USR1).mask, SignalSet::all() - forced);
    });
}

/// R-SIG-17
#[test]
fn the_ninth_guard_is_refused_in_words_and_leaves_nothing() {
    alone(|| {
        let descriptors = crate::tools::descriptors();
        let before = snapshot();
        let guards: Vec<_> = (0..8).map(|_| Signal::USR2.ignore().unwrap()).collect();
        let full = snapshot();
        // USR1 comes first and is put back; the action is dropped.
        let results = [
            options().flag([Signal::USR1, Signal::USR2]).map(drop),
            options().pipe([Signal::USR1, Signal::USR2]).map(drop),
            Signal::USR2.set_default().map(drop),
        ];
        for result in results {
            let words = refused(result, ErrorKind::LimitReached).to_string();
            assert_eq!(
                words,
                "sigaction of SIGUSR2: ENOSPC: 8 guards of this signal are alive, or had handlers put over theirs that stayed"
            );
        }
        assert_eq!((snapshot(), crate::tools::descriptors()), (full, descriptors));
        drop(guards);
        assert_eq!(snapshot(), before);
    });
}

/// R-SIG-17: nothing is used up by guards that are gone, whatever happened above them.
#[test]
fn guards_can_be_made_for_ever() {
    alone(|| {
        for round in 0..1000 {
            let flag = options().flag(Signal::USR1).unwrap();
            raise(Signal::USR1);
            assert!(flag.is_set(), "round {round}");
        }
        // Hand over hand.
        let mut last = options().chain(true).count(Signal::USR1).unwrap();
        for round in 0..100 {
            let next = options().chain(true).count(Signal::USR1).unwrap();
            drop(std::mem::replace(&mut last, next));
            raise(Signal::USR1);
            assert_eq!(last.take(), 1, "round {round}");
        }
        drop(last);
        // Handlers for one time.
        for round in 0..100 {
            let once = options().reset(true).count(Signal::USR1).unwrap();
            raise(Signal::USR1);
            assert_eq!((Action::of(Signal::USR1).handler, once.count()), (c::SIG_DFL, 1), "round {round}");
        }
        assert_eq!(Action::of(Signal::USR1), Action::DEFAULT);
        // Other code changes what a guard put there.
        for round in 0..100 {
            let guard = if round % 2 == 0 { Signal::USR1.ignore() } else { Signal::USR1.set_default() };
            let guard = guard.unwrap();
            Action::plain(foreign, 0).set(Signal::USR1);
            drop(guard);
        }
        assert_eq!(Action::of(Signal::USR1), Action::plain(foreign, 0));
        // Other code puts its handler on top, and takes it away after the guard is gone.
        for round in 0..100 {
            let flag = options().flag(Signal::USR1).unwrap();
            let ours = Action::plain(foreign, c::SA_NODEFER).set(Signal::USR1);
            drop(flag);
            ours.set(Signal::USR1);
            drop(options().flag(Signal::USR1).unwrap());
            assert_eq!(Action::of(Signal::USR1), Action::plain(foreign, 0), "round {round}");
        }
        raise(Signal::USR1);
        assert_eq!(RAN.take(), 1);
    });
}

/// R-SIG-11 R-SIG-17
#[test]
fn a_handler_for_one_time_gives_back_what_was_there_before_and_after_that_time() {
    alone(|| {
        let before = Action::IGNORE;
        before.set(Signal::USR1);
        for raised in [false, true] {
            let once = options().reset(true).flag(Signal::USR1).unwrap();
            if raised {
                raise(Signal::USR1);
                assert_eq!(Action::of(Signal::USR1).handler, c::SIG_DFL);
            }
            drop(once);
            assert_eq!(Action::of(Signal::USR1), before, "raised: {raised}");
        }
        // Other code that sets the default says so by other flags.
        let once = options().reset(true).flag(Signal::USR1).unwrap();
        raise(Signal::USR1);
        Action::DEFAULT.set(Signal::USR1);
        drop(once);
        assert_eq!(Action::of(Signal::USR1), Action::DEFAULT);
    });
}

/// R-SIG-17
#[test]
fn what_other_code_put_there_stays() {
    alone(|| {
        let others = [Action::DEFAULT, Action::IGNORE, Action::plain(foreign, 0)];
        for before in others {
            for other in others {
                for install in ALL {
                    before.set(Signal::USR1);
                    let guard = install().unwrap();
                    let ours = other.set(Signal::USR1);
                    drop(guard);
                    assert_eq!(Action::of(Signal::USR1), other, "over {before:?}");
                    // What was kept for the other code goes when that puts it back.
                    ours.set(Signal::USR1);
                    drop(Signal::USR1.set_default().unwrap());
                }
            }
        }
    });
}

/// R-SIG-17: a guard over what other code set is not mistaken for one that is gone.
#[test]
fn the_default_of_other_code_is_told_from_our_own() {
    alone(|| {
        Action::plain(foreign, 0).set(Signal::USR1);
        let ignored = Signal::USR1.ignore().unwrap();
        Action::plain(foreign, c::SA_NODEFER).set(Signal::USR1);
        drop(ignored);
        Action::IGNORE.set(Signal::USR1);
        drop(options().flag(Signal::USR1).unwrap());
        assert_eq!(Action::of(Signal::USR1), Action::IGNORE);
    });
}

/// What is ignored stays so in a program that is executed, and the marks of our guards do not get there.
#[test]
fn programs_begin_with_what_was_ignored() {
    alone(|| {
        let _guards = [Signal::USR1.ignore().unwrap(), Signal::USR2.set_default().unwrap()];
        let _flag = options().flag(Signal::HUP).unwrap();
        let status = std::process::Command::new("grep").args(["SigIgn", "/proc/self/status"]).output().unwrap();
        let text = String::from_utf8(status.stdout).unwrap();
        let bits = u64::from_str_radix(text.split_whitespace().nth(1).unwrap(), 16).unwrap();
        let ignored = SignalSet::from_bits(bits);
        assert!(ignored.contains(Signal::USR1), "{ignored}");
        assert!(!ignored.contains(Signal::USR2) && !ignored.contains(Signal::HUP), "{ignored}");
    });
}

/// R-SIG-17: a guard may be moved to another thread and dropped there.
#[test]
fn guards_belong_to_the_process_and_not_to_a_thread() {
    alone(|| {
        let before = snapshot();
        let guard: DispositionGuard = Signal::USR1.ignore().unwrap();
        let flag = options().flag(Signal::USR2).unwrap();
        std::thread::spawn(move || {
            raise(Signal::USR1);
            raise(Signal::USR2);
            assert!(flag.take());
            drop((guard, flag));
        })
        .join()
        .unwrap();
        assert_eq!(snapshot(), before);
    });
}
