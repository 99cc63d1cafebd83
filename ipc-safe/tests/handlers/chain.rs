//! Handlers that call the one before, up and down through handlers of C code and of signal-hook: each runs once a signal.

use crate::tools::{Action, Informed, Ran, alone, mask_of_thread, raise, refused};
use ipc_safe::error::ErrorKind;
use ipc_safe::signal::{Counter, Handler, HandlerOptions, Signal, SignalSet};
use ipc_safe::sys::signal as c;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU64, AtomicUsize, Ordering};

fn chained() -> HandlerOptions {
    HandlerOptions::new().chain(true)
}

static PLAIN: Ran = Ran::new();
static INFORMED: Ran = Ran::new();
static SENDER: AtomicI32 = AtomicI32::new(0);
static MASK: AtomicU64 = AtomicU64::new(0);

extern "C" fn plain(signal: i32) {
    assert_eq!(signal, libc::SIGUSR1);
    MASK.store(mask_of_thread().bits(), Ordering::SeqCst);
    PLAIN.add();
}

extern "C" fn informed(_signal: i32, info: *mut c::siginfo_t, context: *mut libc::c_void) {
    assert!(!context.is_null());
    // SAFETY: the kernel's, for a signal that was sent.
    SENDER.store(unsafe { (*info).si_pid() }, Ordering::SeqCst);
    INFORMED.add();
}

/// A handler of other code that calls the one it found.
extern "C" fn on_top(signal: i32, info: *mut c::siginfo_t, context: *mut libc::c_void) {
    TOP.add();
    BELOW.get().call(signal, info, context);
}

static TOP: Ran = Ran::new();
static BELOW: Below = Below { handler: AtomicUsize::new(0), flags: AtomicI32::new(0) };

/// What [`on_top`] found.
struct Below {
    handler: AtomicUsize,
    flags: AtomicI32,
}

impl Below {
    fn get(&self) -> Action {
        let (handler, flags) = (self.handler.load(Ordering::SeqCst), self.flags.load(Ordering::SeqCst));
        Action { handler, flags, mask: SignalSet::empty() }
    }

    fn set(&self, action: Action) {
        self.handler.store(action.handler, Ordering::SeqCst);
        self.flags.store(action.flags, Ordering::SeqCst);
    }
}

/// Puts [`on_top`] on top.
fn put_on_top() {
    let action = Action::informed(on_top as Informed, 0);
    BELOW.set(Action::of(Signal::USR1));
    action.set(Signal::USR1);
}

/// How often each of these ran for one signal.
fn runs<const N: usize>(what: [&dyn Fn() -> u32; N]) -> [u32; N] {
    raise(Signal::USR1);
    what.map(|ran| ran())
}

fn taken(counter: &Counter) -> u32 {
    u32::try_from(counter.take()).unwrap()
}

fn plain_ran() -> u32 {
    PLAIN.take()
}

fn informed_ran() -> u32 {
    INFORMED.take()
}

fn top_ran() -> u32 {
    TOP.take()
}

/// R-SIG-11
#[test]
fn a_handler_of_c_code_is_called_with_and_without_information() {
    alone(|| {
        Action::plain(plain, 0).set(Signal::USR1);
        let counter = chained().count(Signal::USR1).unwrap();
        assert_eq!(runs([&|| taken(&counter), &plain_ran]), [1, 1]);
        drop(counter);

        Action::informed(informed, 0).set(Signal::USR1);
        let counter = chained().count(Signal::USR1).unwrap();
        assert_eq!(runs([&|| taken(&counter), &informed_ran, &plain_ran]), [1, 1, 0]);
        assert_eq!(SENDER.load(Ordering::SeqCst), std::process::id().cast_signed());
        drop(counter);
        assert_eq!(Action::of(Signal::USR1), Action::informed(informed, 0));
    });
}

#[test]
fn a_handler_before_is_left_alone_unless_it_is_chained() {
    alone(|| {
        Action::plain(plain, 0).set(Signal::USR1);
        let counter = HandlerOptions::new().count(Signal::USR1).unwrap();
        assert_eq!(runs([&|| taken(&counter), &plain_ran]), [1, 0]);
    });
}

/// R-SIG-11: what the handler before asked for: its mask, the alternate stack, not to be interrupted by itself.
#[test]
fn a_chained_handler_finds_what_it_asked_for() {
    alone(|| {
        let asked = Action { mask: Signal::HUP.into(), ..Action::plain(plain, c::SA_ONSTACK) };
        asked.set(Signal::USR1);
        let ours = chained().reentrant(true).mask(Signal::USR2.into()).flag(Signal::USR1).unwrap();
        let action = Action::of(Signal::USR1);
        assert_eq!(action.flags, c::SA_SIGINFO | c::SA_RESTART | c::SA_ONSTACK);
        assert_eq!(action.mask, SignalSet::from([Signal::HUP, Signal::USR2]));
        raise(Signal::USR1);
        let expected = SignalSet::from([Signal::HUP, Signal::USR2, Signal::USR1]);
        assert_eq!(SignalSet::from_bits(MASK.load(Ordering::SeqCst)), expected);
        drop(ours);

        Action::plain(plain, c::SA_NODEFER).set(Signal::USR1);
        let _ours = chained().reentrant(true).flag(Signal::USR1).unwrap();
        assert_ne!(Action::of(Signal::USR1).flags & c::SA_NODEFER, 0, "both do not mind");
    });
}

/// A guard that does not chain has a mask of its own. Once it is gone, its level calls the handler before as the kernel would.
#[test]
fn a_level_that_is_gone_calls_the_handler_before_with_its_mask() {
    alone(|| {
        let asked = Action { mask: Signal::HUP.into(), ..Action::plain(plain, 0) };
        asked.set(Signal::USR1);
        let ours = HandlerOptions::new().reentrant(true).flag(Signal::USR1).unwrap();
        BELOW.set(Action::of(Signal::USR1));
        Action::informed(on_top, c::SA_NODEFER).set(Signal::USR1);
        drop(ours);
        assert_eq!(runs([&top_ran, &plain_ran]), [1, 1]);
        assert_eq!(SignalSet::from_bits(MASK.load(Ordering::SeqCst)), SignalSet::from([Signal::HUP, Signal::USR1]));
        assert_eq!(mask_of_thread(), SignalSet::empty());
    });
}

#[test]
fn a_handler_for_one_time_is_not_chained() {
    alone(|| {
        let once = Action::plain(plain, c::SA_RESETHAND);
        once.set(Signal::USR1);
        let words = refused(chained().flag(Signal::USR1), ErrorKind::AlreadyExists).to_string();
        assert!(
            words.ends_with("the handler that is there is for one signal only, and cannot be called again"),
            "{words}"
        );
        assert_eq!(Action::of(Signal::USR1), once);

        // Nor is it called by a level that is gone.
        let ours = HandlerOptions::new().flag(Signal::USR1).unwrap();
        put_on_top();
        drop(ours);
        assert_eq!(runs([&top_ran, &plain_ran]), [1, 0]);

        // Nor one of ours.
        let once = HandlerOptions::new().reset(true).flag(Signal::USR2).unwrap();
        refused(chained().flag(Signal::USR2), ErrorKind::AlreadyExists);
        drop(once);
        assert_eq!(Action::of(Signal::USR2), Action::DEFAULT);
    });
}

/// R-SIG-17
#[test]
fn a_handler_of_other_code_on_top_reaches_the_level_that_it_found() {
    alone(|| {
        Action::plain(plain, 0).set(Signal::USR1);
        let counter = chained().count(Signal::USR1).unwrap();
        put_on_top();
        assert_eq!(runs([&top_ran, &|| taken(&counter), &plain_ran]), [1, 1, 1]);
        let second = chained().count(Signal::USR1).unwrap();
        assert_eq!(runs([&|| taken(&second), &top_ran, &|| taken(&counter), &plain_ran]), [1, 1, 1, 1]);
        // The level whose guard is gone passes on.
        let shared = counter.share();
        drop(counter);
        assert_eq!(runs([&|| taken(&second), &top_ran, &|| taken(&shared), &plain_ran]), [1, 1, 0, 1]);
        drop(second);
        assert_eq!(Action::of(Signal::USR1), Action::informed(on_top, 0));
        assert_eq!(runs([&top_ran, &plain_ran]), [1, 1]);
        // Nor does a later guard get that level.
        let third = HandlerOptions::new().count(Signal::USR1).unwrap();
        assert_eq!(runs([&|| taken(&third), &top_ran, &plain_ran]), [1, 0, 0]);
    });
}

/// R-SIG-17: a guard that did not chain lets through what comes from above when it is gone.
#[test]
fn a_level_that_is_gone_passes_on_whatever_it_did_before() {
    alone(|| {
        for before in [Action::plain(plain, 0), Action::DEFAULT, Action::IGNORE] {
            before.set(Signal::USR1);
            let counter = HandlerOptions::new().count(Signal::USR1).unwrap();
            put_on_top();
            assert_eq!(runs([&top_ran, &|| taken(&counter), &plain_ran]), [1, 1, 0]);
            drop(counter);
            assert_eq!(runs([&top_ran, &plain_ran]), [1, u32::from(before.is_function())]);
        }
    });
}

/// R-SIG-17: when other code takes its handler away after the guard under it is gone, the next guard clears up.
#[test]
fn a_level_that_comes_back_without_its_guard_is_cleared_away() {
    alone(|| {
        let below = Action::plain(plain, 0);
        below.set(Signal::USR1);
        let (first, second) = (chained().count(Signal::USR1).unwrap(), chained().count(Signal::USR1).unwrap());
        let found = Action::informed(on_top, 0).set(Signal::USR1);
        drop(second);
        found.set(Signal::USR1);
        assert_eq!(runs([&|| taken(&first), &plain_ran]), [1, 1]);
        drop(first);
        assert_eq!(Action::of(Signal::USR1), below);
    });
}

/// A function that other code kept from before a level was free is not called by itself for ever.
#[test]
fn a_stale_function_is_harmless() {
    alone(|| {
        let stale = {
            let _gone = HandlerOptions::new().flag(Signal::USR1).unwrap();
            Action::of(Signal::USR1)
        };
        stale.set(Signal::USR1);
        raise(Signal::USR1);
        let counter = chained().count(Signal::USR1).unwrap();
        raise(Signal::USR1);
        assert_eq!(counter.take(), 1);
        let again = chained().count(Signal::USR1).unwrap();
        raise(Signal::USR1);
        assert_eq!((counter.take(), again.take()), (1, 1));
        drop((again, counter));
        assert_eq!(Action::of(Signal::USR1), stale);
        raise(Signal::USR1);
    });
}

/// signal-hook counts its runs here. It never takes its handler away.
struct Hook {
    runs: Arc<AtomicUsize>,
    id: signal_hook::SigId,
}

impl Hook {
    fn register() -> Self {
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&runs);
        // SAFETY: counts in an atomic.
        let id = unsafe {
            signal_hook::low_level::register(libc::SIGUSR1, move || {
                counted.fetch_add(1, Ordering::SeqCst);
            })
        };
        Self { runs, id: id.unwrap() }
    }

    fn taken(&self) -> u32 {
        u32::try_from(self.runs.swap(0, Ordering::SeqCst)).unwrap()
    }
}

fn ours() -> Handler<Counter> {
    chained().count(Signal::USR1).unwrap()
}

#[test]
fn signal_hook_on_top_of_ours() {
    alone(|| {
        let counter = ours();
        let hook = Hook::register();
        let installed = Action::of(Signal::USR1);
        assert_eq!(runs([&|| taken(&counter), &|| hook.taken()]), [1, 1]);
        drop(counter);
        assert_eq!(Action::of(Signal::USR1), installed);
        assert_eq!(runs([&|| hook.taken()]), [1]);
        // Its handler stays when it has nothing to do.
        signal_hook::low_level::unregister(hook.id);
        assert_eq!(runs([&|| hook.taken()]), [0]);
    });
}

#[test]
fn ours_on_top_of_signal_hook() {
    alone(|| {
        let hook = Hook::register();
        let installed = Action::of(Signal::USR1);
        let counter = ours();
        assert_eq!(runs([&|| taken(&counter), &|| hook.taken()]), [1, 1]);
        let second = Hook::register();
        assert_eq!(runs([&|| taken(&counter), &|| hook.taken(), &|| second.taken()]), [1, 1, 1]);
        drop(counter);
        assert_eq!(Action::of(Signal::USR1), installed);
        assert_eq!(runs([&|| hook.taken(), &|| second.taken()]), [1, 1]);
    });
}

/// Ours, signal-hook's on top, ours on top of that.
fn three_layers() -> (Handler<Counter>, Hook, Action, Handler<Counter>) {
    Action::plain(plain, 0).set(Signal::USR1);
    let lower = ours();
    let hook = Hook::register();
    let middle = Action::of(Signal::USR1);
    let upper = ours();
    assert_eq!(runs([&|| taken(&upper), &|| hook.taken(), &|| taken(&lower), &plain_ran]), [1; 4]);
    (lower, hook, middle, upper)
}

#[test]
fn of_three_layers_the_lower_one_goes_first() {
    alone(|| {
        let (lower, hook, middle, upper) = three_layers();
        drop(lower);
        assert_eq!(runs([&|| taken(&upper), &|| hook.taken(), &plain_ran]), [1; 3]);
        drop(upper);
        assert_eq!(Action::of(Signal::USR1), middle);
        assert_eq!(runs([&|| hook.taken(), &plain_ran]), [1; 2]);
    });
}

#[test]
fn of_three_layers_the_upper_one_goes_first() {
    alone(|| {
        let (lower, hook, middle, upper) = three_layers();
        drop(upper);
        assert_eq!(Action::of(Signal::USR1), middle);
        assert_eq!(runs([&|| taken(&lower), &|| hook.taken(), &plain_ran]), [1; 3]);
        drop(lower);
        assert_eq!(Action::of(Signal::USR1), middle);
        assert_eq!(runs([&|| hook.taken(), &plain_ran]), [1; 2]);
    });
}
