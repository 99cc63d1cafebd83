//! The table of installed actions, and the functions that the kernel calls.
//!
//! Each signal has a few *levels*, one for each guard that changes its disposition. A level that handles the signal has a
//! C function of its own, so that the handler found in the kernel tells whether it is still ours, and whose. A handler that
//! other code installed on top, and that calls the one before it, reaches exactly the level it came upon.
//!
//! A level that sets the default or ignores has no function. It marks the disposition by a mask that no handler will ever
//! run with.
//!
//! The functions read two pointers of their level. They count themselves in and out, and what they may have read is *retired*
//! when it is taken away: freed when the count was seen at zero after that. If that takes too long, it waits for the next
//! guard of the signal that is dropped.
//!
//! Changes are made with all signals blocked, so that no handler holds them up, and under a lock that a forked child can take
//! over, whoever held it in the parent. So that the child finds nothing half written, what a pointer leads to is never
//! changed, and levels change state as the last step.
//!
//! Other code changes dispositions without our lock. So each change looks at what it replaced, and not only at what it found
//! before.

use super::{How, Raw, c, change_mask, default_action, disposition, from_c, replace_disposition, to_c};
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
/// The guard is gone, but a handler of other code on top may call the function for ever, which then passes on to what was there
/// before.
const REMOVED: u8 = 2;

struct Level {
    state: AtomicU8,
    /// What the guard found and installed. Stays when the level is free, for functions that the kernel called just before: they
    /// pass on, too.
    entry: AtomicPtr<Entry>,
    /// What its function does.
    action: AtomicPtr<Installed>,
    /// Functions of this level that are running now, on any thread.
    running: AtomicU32,
    /// What was taken away while they may have had it: a list.
    retired: AtomicPtr<Retired>,
}

struct Entry {
    /// The disposition that was there before. Not that of a guard that is gone: see [`splice`].
    previous: c::sigaction,
    /// The level that this is, if it is ours.
    over: Option<usize>,
    /// What was put there.
    installed: c::sigaction,
    /// Whether that keeps what the kernel promised to the handler before.
    adopted: bool,
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
            retired: AtomicPtr::new(ptr::null_mut()),
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

/// Runs `body` alone, and without being interrupted. Threads of this process wait for each other, for a few system calls and
/// at most [`PATIENCE`]; a thread of the parent that held the lock when this process was forked does not exist here, and the
/// lock is taken from it.
fn locked<R>(body: impl FnOnce() -> R) -> R {
    struct Unlock(Option<SignalSet>);
    impl Drop for Unlock {
        fn drop(&mut self) {
            HOLDER.store(0, Ordering::Release);
            if let Some(mask) = self.0 {
                // As below.
                let _ = change_mask(How::Replace, mask);
            }
        }
    }
    // It fails only by a system call filter.
    let mask = change_mask(How::Block, SignalSet::all()).ok();
    let this = Generation::current().number();
    let mut seen = 0;
    while let Err(holder) = HOLDER.compare_exchange_weak(seen, this, Ordering::Acquire, Ordering::Relaxed) {
        seen = if holder == this { 0 } else { holder };
        std::thread::yield_now();
    }
    let _unlock = Unlock(mask);
    body()
}

impl Level {
    fn is(&self, state: u8) -> bool {
        self.state.load(Ordering::Relaxed) == state
    }

    /// What the guard found and installed, unless the level is free. Only under the lock, where no entry is freed.
    fn entry(&self) -> Option<&Entry> {
        self.any_entry().filter(|_| !self.is(FREE))
    }

    /// As [`entry`](Self::entry), also what the last guard of a free level left.
    fn any_entry(&self) -> Option<&Entry> {
        // SAFETY: null, or from `Box::into_raw`, never changed since, and freed only after it was taken out of here, which
        // happens under the lock that the caller holds.
        unsafe { self.entry.load(Ordering::Acquire).as_ref() }
    }

    /// What the function of the level does from now on.
    fn publish(&self, entry: Entry, action: Option<Installed>) {
        let action = action.map_or(ptr::null_mut(), |action| Box::into_raw(Box::new(action)));
        self.action.store(action, Ordering::SeqCst);
        self.replace_entry(entry);
    }

    /// Puts another entry in the place of the present one.
    fn replace_entry(&self, entry: Entry) {
        let old = self.entry.swap(Box::into_raw(Box::new(entry)), Ordering::SeqCst);
        self.retire(ptr::null_mut(), old);
    }

    /// Takes the action away.
    fn disarm(&self) {
        let action = self.action.swap(ptr::null_mut(), Ordering::SeqCst);
        self.retire(action, ptr::null_mut());
    }

    /// Gives the level back.
    fn free(&self) {
        self.disarm();
        self.state.store(FREE, Ordering::Release);
    }

    /// Keeps what was taken out of the level until no function can have it.
    fn retire(&self, action: *mut Installed, entry: *mut Entry) {
        if !action.is_null() || !entry.is_null() {
            let next = self.retired.load(Ordering::Relaxed);
            let retired = Box::into_raw(Box::new(Retired { action, entry, next }));
            self.retired.store(retired, Ordering::Relaxed);
        }
    }

    /// What was retired and is not in use any more; to be dropped without the lock, because actions have destructors of
    /// their own.
    fn collect(&self, deadline: Instant) -> Vec<Retired> {
        let mut garbage = Vec::new();
        if self.retired.load(Ordering::Relaxed).is_null() || !self.is_idle_before(deadline) {
            return garbage;
        }
        let mut next = self.retired.swap(ptr::null_mut(), Ordering::Relaxed);
        while !next.is_null() {
            // SAFETY: from `Box::into_raw` in `retire`, and taken out of the only list that it was in, under the lock.
            let retired = *unsafe { Box::from_raw(next) };
            next = retired.next;
            garbage.push(retired);
        }
        garbage
    }

    /// Whether all functions of this level ended before the deadline. One that this thread itself interrupted, or that
    /// belongs to a thread of the parent process, never does.
    fn is_idle_before(&self, deadline: Instant) -> bool {
        while self.running.load(Ordering::SeqCst) != 0 {
            if Instant::now() > deadline {
                return false;
            }
            std::thread::yield_now();
        }
        true
    }
}

/// What was taken out of a level.
struct Retired {
    action: *mut Installed,
    entry: *mut Entry,
    next: *mut Retired,
}

/// Only what [`Level::collect`] returns is ever dropped.
impl Drop for Retired {
    fn drop(&mut self) {
        if !self.entry.is_null() {
            // SAFETY: from `Box::into_raw`, and taken out of the level. No function has it: one that counted itself in before
            // it was taken out has counted itself out, because `collect` saw the count at zero after that; one that came
            // later read another pointer. All these accesses are in the one order of SeqCst.
            drop(unsafe { Box::from_raw(self.entry) });
        }
        if !self.action.is_null() {
            // SAFETY: as for the entry.
            drop(unsafe { Box::from_raw(self.action) });
        }
    }
}

/// Changes the disposition of a signal; the level that the guard has to [`remove`].
///
/// `ENOSPC` when there are [`LEVELS`] guards already; `EEXIST` when a handler that is for one time only should be chained.
pub(in crate::signal) fn install(signal: Signal, change: Change) -> Raw<usize> {
    let (result, _garbage) = locked(|| {
        let levels = levels(signal);
        let result = put(signal, levels, change);
        (result, if result.is_err() { collect(levels) } else { Vec::new() })
    });
    result
}

fn put(signal: Signal, levels: &[Level; LEVELS], change: Change) -> Raw<usize> {
    let found = disposition(signal)?;
    let Below { previous, over, gone } = below(levels, &found);
    let index = (0..LEVELS).find(|index| is_possible(levels, *index, &found)).ok_or(Errno::NOSPC)?;
    let level = &levels[index];
    let order = ORDER.fetch_add(1, Ordering::Relaxed) + 1;
    let (installed, adopted, action) = prepare(&previous, change, index, order)?;
    // Published first: the function may run before the call below returns.
    level.publish(Entry { previous, over, installed, adopted, order }, action);
    let replaced = match replace_disposition(signal, &installed) {
        Ok(replaced) => replaced,
        Err(errno) => {
            level.free();
            return Err(errno);
        }
    };
    if !is_same(&replaced, &found) {
        // Other code changed it in between.
        let Below { previous, over, .. } = below(levels, &replaced);
        level.replace_entry(Entry { previous, over, installed, adopted: false, order });
    } else if let Some(gone) = gone {
        levels[gone].free();
    }
    level.state.store(LIVE, Ordering::Release);
    Ok(index)
}

/// What a guard stands on.
struct Below {
    previous: c::sigaction,
    over: Option<usize>,
    /// The level that was found, when its guard is gone: other code put it back. The guard stands on what is under it.
    gone: Option<usize>,
}

fn below(levels: &[Level; LEVELS], found: &c::sigaction) -> Below {
    let top = level_of(levels, found);
    match top.and_then(|top| levels[top].entry()) {
        Some(entry) if top.is_some_and(|top| levels[top].is(REMOVED)) => {
            Below { previous: entry.previous, over: entry.over, gone: top }
        }
        _ => Below { previous: *found, over: top, gone: None },
    }
}

/// Whether a level is free, and its function is none that would be called by way of itself, for ever: other code may have
/// kept the function from an earlier guard and put it back, although the guard was gone.
fn is_possible(levels: &[Level; LEVELS], index: usize, found: &c::sigaction) -> bool {
    let is_under = |level: &Level| level.entry().is_some_and(|entry| entry.previous.sa_handler() == address(index));
    levels[index].is(FREE) && !levels.iter().any(is_under) && !leads_to(levels, index, found)
}

/// Whether what is found is the function of a level, or passes on to it.
fn leads_to(levels: &[Level; LEVELS], index: usize, found: &c::sigaction) -> bool {
    let mut action = found;
    for _ in 0..LEVELS {
        let of = (0..LEVELS).find(|level| address(*level) == action.sa_handler());
        match of.map(|level| (level, levels[level].any_entry())) {
            Some((level, _)) if level == index => return true,
            Some((_, Some(entry))) => action = &entry.previous,
            _ => return false,
        }
    }
    true
}

/// The disposition to install, whether it keeps what the kernel promised to the handler before, and the action of its
/// function.
fn prepare(
    previous: &c::sigaction,
    change: Change,
    index: usize,
    order: u64,
) -> Raw<(c::sigaction, bool, Option<Installed>)> {
    let mut new = default_action();
    match change {
        Change::Default => new.sa_mask = mark(order),
        Change::Ignore => {
            new.set_sa_handler(c::SIG_IGN);
            new.sa_mask = mark(order);
        }
        Change::Handle { action, chain, flags, mask } => {
            new.set_sa_sigaction(Some(FUNCTIONS[index]));
            new.sa_flags = flags | c::SA_SIGINFO;
            new.sa_mask = to_c(mask);
            let adopted = chain && is_function(previous);
            if adopted {
                adopt(&mut new, previous)?;
            }
            return Ok((new, adopted, Some(Installed { action, chain })));
        }
    }
    Ok((new, false, None))
}

/// A mask that tells the default action, or ignoring, of one guard from that of others and of other code. The kernel keeps it
/// and does not use it. Of real-time signals only, whose bits are kept by everybody.
fn mark(order: u64) -> c::sigset_t {
    to_c(SignalSet::from_bits(order << 33))
}

/// Lets a handler that is called from ours find what the kernel promised it: its mask, its stack, and not to be interrupted by
/// its own signal.
fn adopt(new: &mut c::sigaction, previous: &c::sigaction) -> Raw<()> {
    if previous.sa_flags & c::SA_RESETHAND != 0 {
        return Err(Errno::EXIST);
    }
    new.sa_mask = to_c(from_c(&new.sa_mask) | from_c(&previous.sa_mask));
    new.sa_flags |= previous.sa_flags & c::SA_ONSTACK;
    new.sa_flags &= !c::SA_NODEFER | (previous.sa_flags & c::SA_NODEFER);
    Ok(())
}

fn is_function(action: &c::sigaction) -> bool {
    !matches!(action.sa_handler(), c::SIG_DFL | c::SIG_IGN)
}

/// The function of a level as the kernel has it.
fn address(index: usize) -> c::sighandler_t {
    let mut action = default_action();
    action.set_sa_sigaction(Some(FUNCTIONS[index]));
    action.sa_handler()
}

/// Whether two dispositions are one and the same, but for what the C library adds.
fn is_same(one: &c::sigaction, other: &c::sigaction) -> bool {
    /// `SA_RESTORER`: how handlers return is between kernel and C library.
    const RESTORER: c_int = 0x0400_0000;
    one.sa_handler() == other.sa_handler()
        && from_c(&one.sa_mask) == from_c(&other.sa_mask)
        && (one.sa_flags | RESTORER) == (other.sa_flags | RESTORER)
}

impl Entry {
    /// Whether a disposition is what was put there, or what a handler for one time left of it: the default, with the flags of
    /// the handler.
    fn put(&self, found: &c::sigaction) -> bool {
        let marked = from_c(&self.installed.sa_mask) == from_c(&found.sa_mask);
        if found.sa_handler() == self.installed.sa_handler() {
            return is_function(found) || marked;
        }
        let both = self.installed.sa_flags & found.sa_flags;
        marked && found.sa_handler() == c::SIG_DFL && both & c::SA_RESETHAND != 0
    }
}

/// The level that put this disposition there. What handlers for one time leave looks alike: the last one counts.
fn level_of(levels: &[Level; LEVELS], found: &c::sigaction) -> Option<usize> {
    let is_its = |index: &usize| levels[*index].entry().is_some_and(|entry| entry.put(found));
    let order = |index: &usize| levels[*index].entry().map(|entry| entry.order);
    (0..LEVELS).filter(is_its).max_by_key(order)
}

/// Undoes [`install`]. Puts back what was there when the disposition is still the guard's own; otherwise what is there
/// stays, and the level only steps aside.
pub(in crate::signal) fn remove(signal: Signal, index: usize) -> Raw<()> {
    let (result, _garbage) = locked(|| {
        let levels = levels(signal);
        let level = &levels[index];
        level.state.store(REMOVED, Ordering::Release);
        let was_under = splice(levels, index);
        let result = restore(signal, levels);
        level.disarm();
        // Neither under another guard nor in force, it may be called by other code. Without a function there is nothing to
        // be called.
        if was_under || level.entry().is_some_and(|entry| !is_function(&entry.installed)) {
            level.free();
        }
        (result, collect(levels))
    });
    result
}

/// Lets the levels over this one stand on what is under it; whether there are any.
fn splice(levels: &[Level; LEVELS], index: usize) -> bool {
    let Some(gone) = levels[index].entry() else { return false };
    let mut was_under = false;
    for level in levels {
        let Some(entry) = level.entry().filter(|entry| entry.over == Some(index)) else { continue };
        let adopted = entry.adopted && gone.adopted;
        level.replace_entry(Entry { previous: gone.previous, over: gone.over, adopted, ..*entry });
        was_under = true;
    }
    was_under
}

/// If what is there was put there by a level that is gone, puts back what was there before it.
fn restore(signal: Signal, levels: &[Level; LEVELS]) -> Raw<()> {
    let current = disposition(signal)?;
    let Below { previous, gone: Some(top), .. } = below(levels, &current) else { return Ok(()) };
    let replaced = replace_disposition(signal, &previous)?;
    if is_same(&replaced, &current) {
        levels[top].free();
        return Ok(());
    }
    // Other code came in between, and what it put there may call the level's function.
    replace_disposition(signal, &replaced).map(drop)
}

/// What was retired and is not in use any more, or not in a moment.
fn collect(levels: &[Level; LEVELS]) -> Vec<Retired> {
    let deadline = Instant::now() + PATIENCE;
    levels.iter().flat_map(|level| level.collect(deadline)).collect()
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
        // `Retired`.
        let installed = unsafe { level.action.load(Ordering::SeqCst).as_ref() };
        if let Some(installed) = installed {
            // SAFETY: the kernel, or a handler that it called, gave the address of a `siginfo_t`, good while the handler runs.
            let info = unsafe { info.as_ref() };
            installed.action.run(&info.map_or_else(Fields::default, Fields::of));
        }
        if installed.is_none_or(|installed| installed.chain) {
            // SAFETY: as for the action.
            let entry = unsafe { level.entry.load(Ordering::SeqCst).as_ref() };
            if let Some(entry) = entry {
                // SAFETY: the arguments are those that the kernel gave.
                unsafe { pass_on(entry, signal, info, context) };
            }
        }
        level.running.fetch_sub(1, Ordering::SeqCst);
    });
}

/// Calls the handler that was there before, if there was one, as the kernel would: see [`adopt`].
///
/// A handler for one time only is left out, because the kernel may call it, or have called it.
///
/// # Safety
///
/// The arguments are those that the kernel gave to the handler that is running.
unsafe fn pass_on(entry: &Entry, signal: c_int, info: *mut c::siginfo_t, context: *mut c_void) {
    let previous = &entry.previous;
    if !is_function(previous) || previous.sa_flags & c::SA_RESETHAND != 0 {
        return;
    }
    if entry.adopted {
        // SAFETY: a function; its mask is in force, as the caller's argument says.
        unsafe { call(previous, signal, info, context) };
        return;
    }
    // The guard that did not mean to call it is gone.
    let own = Signal::try_from_raw(signal).filter(|_| previous.sa_flags & c::SA_NODEFER == 0);
    let mask = from_c(&previous.sa_mask) | own.map_or(SignalSet::empty(), SignalSet::from);
    if let Ok(before) = change_mask(How::Block, mask) {
        // SAFETY: as above.
        unsafe { call(previous, signal, info, context) };
        // It cannot fail when the other one did not.
        let _ = change_mask(How::Replace, before);
    }
}

/// Calls the handler of a disposition.
///
/// # Safety
///
/// It has one, and is called with its mask in force. The arguments are those that the kernel gave to the handler that is
/// running.
unsafe fn call(action: &c::sigaction, signal: c_int, info: *mut c::siginfo_t, context: *mut c_void) {
    if action.sa_flags & c::SA_SIGINFO != 0 {
        // SAFETY: neither `SIG_DFL` nor `SIG_IGN`, and installed with SA_SIGINFO: it is such a function.
        let handler = unsafe { action.sa_sigaction() };
        if let Some(handler) = handler {
            // SAFETY: whoever installed it for this signal said that the kernel may call it so; the caller sees to its mask.
            unsafe { handler(signal, info, context) };
        }
        return;
    }
    // SAFETY: neither `SIG_DFL` nor `SIG_IGN`, and installed without SA_SIGINFO: it is such a function.
    let handler: unsafe extern "C" fn(c_int) = unsafe { core::mem::transmute(action.sa_handler()) };
    // SAFETY: as above.
    unsafe { handler(signal) };
}
