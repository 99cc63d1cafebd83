//! The table of installed actions, and the functions that the kernel calls.
//!
//! Each signal has a few *levels*, one for each guard that changes its disposition. A level that handles the signal has a
//! C function of its own, so that the handler found in the kernel tells whether it is still ours, and whose. A handler that
//! other code installed on top, and that calls the one before it, reaches exactly the level it came upon.
//!
//! The functions read two pointers of their level. They count themselves in and out, and nothing that they may have read is
//! freed before the count was seen at zero: if that takes too long, it is never freed.
//!
//! Changes are made under a lock that a forked child can take over, whoever held it in the parent. So that the child finds
//! nothing half written, what a pointer leads to is never changed, and levels change state as the last step.

use super::{Raw, c, default_action, disposition, set_disposition, to_c};
use crate::error::{Errno, keeping_errno};
use crate::process::Generation;
use crate::signal::action::Action;
use crate::signal::information::Fields;
use crate::signal::{Signal, SignalSet};
use core::ffi::{c_int, c_void};
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How many guards can change one signal at a time.
pub(in crate::signal) const LEVELS: usize = 8;

/// How long a guard that is dropped waits for handlers on other threads.
const PATIENCE: Duration = Duration::from_millis(10);

const FREE: u8 = 0;
const LIVE: u8 = 1;
/// The guard is gone. Handlers on top may still call the function, which passes on to what was there before.
const REMOVED: u8 = 2;

struct Level {
    state: AtomicU8,
    /// What the guard found and installed.
    entry: AtomicPtr<Entry>,
    /// What its function does.
    action: AtomicPtr<Installed>,
    /// Functions of this level that are running now, on any thread.
    running: AtomicU32,
}

struct Entry {
    /// The disposition that was there before.
    previous: c::sigaction,
    /// The level that this is, if it was ours.
    over: Option<usize>,
    /// The handler that was put there.
    handler: c::sighandler_t,
    /// Rises from guard to guard.
    order: u64,
}

/// An action, and whether the handler before it is called as well.
struct Installed {
    action: Action,
    chain: bool,
}

static TABLE: [[Level; LEVELS]; 64] = [const {
    [const {
        Level {
            state: AtomicU8::new(FREE),
            entry: AtomicPtr::new(ptr::null_mut()),
            action: AtomicPtr::new(ptr::null_mut()),
            running: AtomicU32::new(0),
        }
    }; LEVELS]
}; 64];

/// The function of each level. A table, so that each has one address.
static FUNCTIONS: [c::sigaction_handler; LEVELS] = [
    function::<0>,
    function::<1>,
    function::<2>,
    function::<3>,
    function::<4>,
    function::<5>,
    function::<6>,
    function::<7>,
];

/// The number of the last guard.
static ORDER: AtomicU64 = AtomicU64::new(0);

/// What a guard puts in place.
pub(in crate::signal) enum Change {
    Default,
    Ignore,
    Handle { action: Action, chain: bool, flags: c_int, mask: SignalSet },
}

fn levels(signal: Signal) -> &'static [Level; LEVELS] {
    // A signal is 1 to 64.
    &TABLE[signal.as_raw() as usize - 1]
}

/// The generation of the process whose thread holds the lock, or 0.
static HOLDER: AtomicU64 = AtomicU64::new(0);

/// Runs `body` alone. Threads of this process wait for each other, for a few system calls; a thread of the parent that held
/// the lock when this process was forked does not exist here, and the lock is taken from it.
fn locked<R>(body: impl FnOnce() -> R) -> R {
    struct Unlock;
    impl Drop for Unlock {
        fn drop(&mut self) {
            HOLDER.store(0, Ordering::Release);
        }
    }
    let this = Generation::current().number();
    let mut seen = 0;
    while let Err(holder) = HOLDER.compare_exchange_weak(seen, this, Ordering::Acquire, Ordering::Relaxed) {
        seen = if holder == this { 0 } else { holder };
        std::thread::yield_now();
    }
    let _unlock = Unlock;
    body()
}

impl Level {
    fn is(&self, state: u8) -> bool {
        self.state.load(Ordering::Relaxed) == state
    }

    /// What the guard found and installed. Only under the lock, where no entry is freed but by the caller.
    fn entry(&self) -> Option<&Entry> {
        // SAFETY: null, or from `Box::into_raw` in `install`, never changed since, and freed by `free` only, under the lock that
        // the caller holds, after this pointer is cleared.
        unsafe { self.entry.load(Ordering::Acquire).as_ref() }
    }

    fn publish(&self, entry: Entry, action: Option<Installed>) {
        let action = action.map_or(ptr::null_mut(), |action| Box::into_raw(Box::new(action)));
        self.action.store(action, Ordering::SeqCst);
        self.entry.store(Box::into_raw(Box::new(entry)), Ordering::SeqCst);
        self.state.store(LIVE, Ordering::Release);
    }

    /// Takes the action away, and drops it when no function can have it any more.
    fn disarm(&self) {
        let action = self.action.swap(ptr::null_mut(), Ordering::SeqCst);
        if !action.is_null() && self.is_idle_in_time() {
            // SAFETY: from `Box::into_raw` in `publish`, and taken out of the only place that it was in. No function has it: one
            // that counted itself in before the swap has counted itself out, because the count was zero after the swap; one
            // that came later read null. All three accesses are in the one order of SeqCst.
            drop(unsafe { Box::from_raw(action) });
        }
    }

    /// Gives the level back.
    fn free(&self) {
        let entry = self.entry.swap(ptr::null_mut(), Ordering::SeqCst);
        if !entry.is_null() && self.is_idle_in_time() {
            // SAFETY: as in `disarm`; and under the lock nobody else reads entries.
            drop(unsafe { Box::from_raw(entry) });
        }
        self.state.store(FREE, Ordering::Release);
    }

    /// Whether all functions of this level ended within [`PATIENCE`]. One that this thread itself interrupted, or that
    /// belongs to a thread of the parent process, never does.
    fn is_idle_in_time(&self) -> bool {
        let start = Instant::now();
        while self.running.load(Ordering::SeqCst) != 0 {
            if start.elapsed() > PATIENCE {
                return false;
            }
            std::thread::yield_now();
        }
        true
    }
}

/// Changes the disposition of a signal; the level that the guard has to [`remove`].
///
/// `ENOSPC` when there are [`LEVELS`] guards already; `EEXIST` when a handler that is for one time only should be chained.
pub(in crate::signal) fn install(signal: Signal, change: Change) -> Raw<usize> {
    locked(|| {
        let levels = levels(signal);
        let index = levels.iter().position(|level| level.is(FREE)).ok_or(Errno::NOSPC)?;
        let previous = disposition(signal)?;
        let (new, action) = prepare(&previous, change, index)?;
        let order = ORDER.fetch_add(1, Ordering::Relaxed) + 1;
        let over = level_of(levels, previous.sa_handler());
        // Published first: the function may run before the call below returns.
        levels[index].publish(Entry { previous, over, handler: new.sa_handler(), order }, action);
        if let Err(errno) = set_disposition(signal, &new) {
            levels[index].disarm();
            levels[index].free();
            return Err(errno);
        }
        Ok(index)
    })
}

/// The disposition to install, and the action of its function.
fn prepare(previous: &c::sigaction, change: Change, index: usize) -> Raw<(c::sigaction, Option<Installed>)> {
    let mut new = default_action();
    match change {
        Change::Default => {}
        Change::Ignore => new.set_sa_handler(c::SIG_IGN),
        Change::Handle { action, chain, flags, mask } => {
            new.set_sa_sigaction(Some(FUNCTIONS[index]));
            new.sa_flags = flags | c::SA_SIGINFO;
            new.sa_mask = to_c(mask);
            let chain = chain && is_function(previous);
            if chain {
                adopt(&mut new, previous)?;
            }
            return Ok((new, Some(Installed { action, chain })));
        }
    }
    Ok((new, None))
}

/// Lets a handler that is called from ours find what the kernel promised it: its mask, its stack, and not to be interrupted by
/// its own signal.
fn adopt(new: &mut c::sigaction, previous: &c::sigaction) -> Raw<()> {
    if previous.sa_flags & c::SA_RESETHAND != 0 {
        return Err(Errno::EXIST);
    }
    new.sa_mask = to_c(super::from_c(&new.sa_mask) | super::from_c(&previous.sa_mask));
    new.sa_flags |= previous.sa_flags & c::SA_ONSTACK;
    new.sa_flags &= !c::SA_NODEFER | (previous.sa_flags & c::SA_NODEFER);
    Ok(())
}

fn is_function(action: &c::sigaction) -> bool {
    !matches!(action.sa_handler(), c::SIG_DFL | c::SIG_IGN)
}

/// The level that installed this handler. Several levels have the default in common: the last one counts.
fn level_of(levels: &[Level; LEVELS], handler: c::sighandler_t) -> Option<usize> {
    let same = |index: &usize| levels[*index].entry().is_some_and(|entry| entry.handler == handler);
    let order = |index: &usize| levels[*index].entry().map(|entry| entry.order);
    (0..LEVELS).filter(same).max_by_key(order)
}

/// Undoes [`install`]. Puts back what was there when the disposition is still the guard's own; otherwise what is there
/// stays, and the level only steps aside.
pub(in crate::signal) fn remove(signal: Signal, index: usize) -> Raw<()> {
    locked(|| {
        let levels = levels(signal);
        let current = disposition(signal)?;
        let is_effective = level_of(levels, current.sa_handler()) == Some(index);
        levels[index].state.store(REMOVED, Ordering::Release);
        let result = if is_effective { set_disposition(signal, &before(levels, index)) } else { Ok(()) };
        levels[index].disarm();
        // A handler of other code on top may call this level's function for ever: then the level is not used again.
        if is_effective {
            free(levels, index);
        }
        result
    })
}

/// The disposition that was there before the guard of a level, and before those under it that are gone.
fn before(levels: &[Level; LEVELS], index: usize) -> c::sigaction {
    let mut below = index;
    loop {
        match levels[below].entry() {
            Some(Entry { over: Some(next), .. }) if levels[*next].is(REMOVED) => below = *next,
            Some(entry) => return entry.previous,
            // Not to be expected: a level under another one keeps its entry.
            None => return default_action(),
        }
    }
}

/// Gives a removed level back, and those under it that nobody needs any more.
fn free(levels: &[Level; LEVELS], index: usize) {
    let mut next = Some(index);
    while let Some(index) = next {
        let is_needed = |level: &Level| level.entry().is_some_and(|entry| entry.over == Some(index));
        if !levels[index].is(REMOVED) || levels.iter().any(is_needed) {
            return;
        }
        next = levels[index].entry().and_then(|entry| entry.over);
        levels[index].free();
    }
}

/// What the kernel calls.
///
/// # Safety
///
/// Called by the kernel, or by a handler that it called, with the arguments that the kernel gave.
unsafe extern "C" fn function<const LEVEL: usize>(signal: c_int, info: *mut c::siginfo_t, context: *mut c_void) {
    keeping_errno(|| {
        let index = usize::try_from(signal).unwrap_or(0).wrapping_sub(1);
        let Some(level) = TABLE.get(index).map(|levels| &levels[LEVEL]) else { return };
        level.running.fetch_add(1, Ordering::SeqCst);
        // SAFETY: null, or from `Box::into_raw` in `publish`, never changed since, and not freed while this function counts: see
        // `disarm`.
        let installed = unsafe { level.action.load(Ordering::SeqCst).as_ref() };
        if let Some(installed) = installed {
            // SAFETY: the kernel, or a handler that it called, gave the address of a `siginfo_t`, good while the handler runs.
            let info = unsafe { info.as_ref() };
            installed.action.run(&info.map_or_else(Fields::default, Fields::of));
        }
        if installed.is_none_or(|installed| installed.chain) {
            // SAFETY: as for the action; see `free`.
            let entry = unsafe { level.entry.load(Ordering::SeqCst).as_ref() };
            if let Some(entry) = entry {
                // SAFETY: the arguments are those that the kernel gave.
                unsafe { pass_on(&entry.previous, signal, info, context) };
            }
        }
        level.running.fetch_sub(1, Ordering::SeqCst);
    });
}

/// Calls the handler of a disposition, if it has one.
///
/// # Safety
///
/// The arguments are those that the kernel gave to the handler that is running.
unsafe fn pass_on(action: &c::sigaction, signal: c_int, info: *mut c::siginfo_t, context: *mut c_void) {
    if !is_function(action) {
        return;
    }
    if action.sa_flags & c::SA_SIGINFO != 0 {
        // SAFETY: neither `SIG_DFL` nor `SIG_IGN`, and installed with SA_SIGINFO: it is such a function.
        let handler = unsafe { action.sa_sigaction() };
        if let Some(handler) = handler {
            // SAFETY: whoever installed it for this signal said that the kernel may call it so, with its mask, its stack and its
            // own signal blocked: `adopt` saw to these.
            unsafe { handler(signal, info, context) };
        }
        return;
    }
    // SAFETY: neither `SIG_DFL` nor `SIG_IGN`, and installed without SA_SIGINFO: it is such a function.
    let handler: unsafe extern "C" fn(c_int) = unsafe { core::mem::transmute(action.sa_handler()) };
    // SAFETY: as above.
    unsafe { handler(signal) };
}
