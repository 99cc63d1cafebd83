//! Blocking signals in the calling thread.

use super::SignalSet;
use super::raw::{self, How};
use crate::error::{Error, Result, keeping_errno};
use core::cell::{Cell, RefCell};
use core::fmt;
use core::mem::ManuallyDrop;
use std::rc::Rc;

thread_local! {
    /// The layer of the calling thread, once a guard needed one. Not dropped at the thread's end: the destructors of other
    /// locals run after it and may have guards. [`Sweep`] drops the layer.
    static CURRENT: ManuallyDrop<RefCell<Option<Rc<Layer>>>> = const { ManuallyDrop::new(RefCell::new(None)) };
    /// Whether the thread's locals are being dropped.
    static ENDS: Cell<bool> = const { Cell::new(false) };
    static SWEEP: Sweep = const { Sweep };
}

/// Drops the layer of a thread that ends, now or with its last guard.
struct Sweep;

impl Drop for Sweep {
    fn drop(&mut self) {
        ENDS.set(true);
        Layer::forget_unused(0);
    }
}

/// What the guards of a thread did to its mask. A scope that changes the mask has a layer of its own: what its guards do ends
/// with it.
#[derive(Debug)]
struct Layer {
    /// How many guards block each signal.
    counts: [Cell<u32>; 64],
    /// The signals that were not blocked before the first guard.
    added: Cell<SignalSet>,
    /// Those that the last guard let go of while a scope above this layer was running.
    owed: Cell<SignalSet>,
    /// The signals that are blocked here because a guard below the scope of this layer blocks them.
    inherited: SignalSet,
}

impl Layer {
    fn new(inherited: SignalSet) -> Self {
        let none = || Cell::new(SignalSet::empty());
        Self { counts: [const { Cell::new(0) }; 64], added: none(), owed: none(), inherited }
    }

    /// The layer of the calling thread, made when there is none.
    #[inline]
    fn current() -> Rc<Self> {
        let layer = || {
            // From now on there is something to sweep, unless that is over.
            let _ = SWEEP.try_with(|_| ());
            Rc::new(Self::new(SignalSet::empty()))
        };
        CURRENT.with(|current| Rc::clone(current.borrow_mut().get_or_insert_with(layer)))
    }

    /// Puts another layer in place; returns the one that was there.
    fn replace(layer: Option<Rc<Self>>) -> Option<Rc<Self>> {
        CURRENT.with(|current| current.replace(layer))
    }

    #[inline]
    fn is_current(&self) -> bool {
        CURRENT
            .with(|current| current.borrow().as_ref().is_some_and(|current| core::ptr::eq(Rc::as_ptr(current), self)))
    }

    /// In a thread that ends, drops the layer that nothing but these many handles uses.
    #[inline]
    fn forget_unused(handles: usize) {
        if ENDS.get() {
            let _unused =
                CURRENT.with(|current| current.borrow_mut().take_if(|layer| Rc::strong_count(layer) <= 1 + handles));
        }
    }

    /// Changes the count of each of the signals; those whose count was `was`.
    #[inline]
    fn change(&self, signals: SignalSet, was: u32, change: impl Fn(u32) -> u32) -> SignalSet {
        let (mut left, mut found) = (signals.bits(), 0);
        while left != 0 {
            let count = &self.counts[left.trailing_zeros() as usize];
            if count.get() == was {
                found |= left & left.wrapping_neg();
            }
            count.set(change(count.get()));
            left &= left - 1;
        }
        SignalSet::from_bits(found)
    }

    /// Counts a guard. `before` is the mask that it found.
    #[inline]
    fn enter(&self, signals: SignalSet, before: SignalSet) {
        // Only forgotten guards reach the end of the count; then the signal stays blocked.
        let first = self.change(signals, 0, |count| count.saturating_add(1));
        self.added.set(self.added.get() | (first - before));
    }

    /// Counts a guard out; the signals that are to be unblocked now.
    #[inline]
    fn leave(&self, signals: SignalSet) -> SignalSet {
        let last = self.change(signals, 1, |count| count.saturating_sub(1));
        let unblock = last & self.added.get();
        self.added.set(self.added.get() - unblock);
        unblock
    }
}

/// Blocks signals in the thread that made it: they wait until the guard is dropped, or until they are
/// [taken](Self::wait).
///
/// Guards count for each signal: several may block the same one, they may be dropped in any order, and the last one
/// unblocks it, unless it was blocked before the first. Signals that came meanwhile are delivered while the last guard is
/// dropped. The guard stays on its thread, and is released by a panic too. In a forked child the copy of the guard undoes the
/// copy of the mask.
///
/// A mask belongs to a thread. To keep a signal away from all of them, block it in `main` before the first thread is started:
/// threads begin with the mask of the one that starts them. So do programs that are executed;
/// [`CommandMask`](super::CommandMask) gives them the mask that was there before the guards.
///
/// ```
/// use ipc_safe::signal::{self, Signal, SignalSet};
///
/// let guard = SignalSet::from(Signal::USR1).block()?;
/// signal::raise(Signal::USR1)?; // waits
/// assert!(signal::pending()?.contains(Signal::USR1));
/// assert_eq!(guard.try_wait()?.signal, Signal::USR1); // taken, without any handler
/// drop(guard);
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [pthread_sigmask(3)](https://man7.org/linux/man-pages/man3/pthread_sigmask.3.html)
#[doc(alias = "pthread_sigmask")]
#[doc(alias = "sigprocmask")]
#[doc(alias = "sigblock")]
#[doc(alias = "sighold")]
#[must_use = "the signals are unblocked again when the guard is dropped"]
pub struct MaskGuard {
    layer: Rc<Layer>,
    signals: SignalSet,
}

impl SignalSet {
    /// Blocks these signals in the calling thread. [`KILL`](super::Signal::KILL) and [`STOP`](super::Signal::STOP) cannot be
    /// blocked and are left out.
    ///
    /// # Errors
    ///
    /// Only where a system call filter forbids the call.
    #[doc(alias = "SIG_BLOCK")]
    #[inline]
    pub fn block(self) -> Result<MaskGuard> {
        let signals = self.maskable();
        let layer = Layer::current();
        let before = raw::change_mask(How::Block, signals).map_err(failed)?;
        layer.enter(signals, before);
        Ok(MaskGuard { layer, signals })
    }

    /// Runs `body` with these signals unblocked in the calling thread, and puts the mask back as it was. Signals that wait
    /// are delivered at once.
    ///
    /// A guard that is made within ends with it, wherever it is moved to.
    ///
    /// # Errors
    ///
    /// Only where a system call filter forbids the call; then `body` did not run.
    #[doc(alias = "SIG_UNBLOCK")]
    #[doc(alias = "sigrelse")]
    pub fn unblocked<R>(self, body: impl FnOnce() -> R) -> Result<R> {
        scope(How::Unblock, self, body)
    }

    /// Runs `body` with exactly these signals blocked in the calling thread, and puts the mask back as it was.
    ///
    /// A guard that is made within ends with it, wherever it is moved to.
    ///
    /// # Errors
    ///
    /// Only where a system call filter forbids the call; then `body` did not run.
    #[doc(alias = "SIG_SETMASK")]
    #[doc(alias = "sigsetmask")]
    pub fn as_mask<R>(self, body: impl FnOnce() -> R) -> Result<R> {
        scope(How::Replace, self.maskable(), body)
    }
}

impl MaskGuard {
    /// The signals that it blocks.
    #[must_use]
    pub const fn signals(&self) -> SignalSet {
        self.signals
    }

    /// Whether its signals are blocked: not while a scope runs that was entered after the guard was made, and not after the
    /// scope that it was made in.
    pub(super) fn is_in_effect(&self) -> bool {
        self.layer.is_current()
    }

    /// Lets go of the signals, as dropping does.
    ///
    /// # Errors
    ///
    /// Only where a system call filter forbids the call.
    pub fn restore(mut self) -> Result<()> {
        let signals = core::mem::take(&mut self.signals);
        self.layer.release(signals)
    }
}

impl Layer {
    /// Counts a guard out, and unblocks what nobody blocks any more.
    #[inline]
    fn release(&self, signals: SignalSet) -> Result<()> {
        let unblock = self.leave(signals);
        if unblock.is_empty() {
            return Ok(());
        }
        if !self.is_current() {
            self.owed.set(self.owed.get() | unblock);
            return Ok(());
        }
        raw::unblock(unblock).map_err(failed)
    }
}

impl Drop for MaskGuard {
    #[inline]
    fn drop(&mut self) {
        // It can fail only by a system call filter; nobody is there to be told.
        let _ = keeping_errno(|| self.layer.release(self.signals));
        Layer::forget_unused(1);
    }
}

impl fmt::Debug for MaskGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MaskGuard").field("signals", &self.signals).finish()
    }
}

/// Puts mask and layer back as they were when a scope began.
struct Restore {
    mask: SignalSet,
    layer: Option<Rc<Layer>>,
}

impl Drop for Restore {
    fn drop(&mut self) {
        let owed = self.layer.as_ref().map_or(SignalSet::empty(), |layer| layer.owed.take());
        Layer::replace(self.layer.take());
        // As for the guards.
        let _ = keeping_errno(|| raw::change_mask(How::Replace, self.mask - owed));
        Layer::forget_unused(0);
    }
}

fn scope<R>(how: How, set: SignalSet, body: impl FnOnce() -> R) -> Result<R> {
    let inherited = match how {
        How::Replace => SignalSet::empty(),
        How::Block | How::Unblock => blocked_by_guards() - set,
    };
    let mask = raw::change_mask(how, set).map_err(failed)?;
    let layer = (!inherited.is_empty()).then(|| Rc::new(Layer::new(inherited)));
    let _restore = Restore { mask, layer: Layer::replace(layer) };
    Ok(body())
}

/// The signals that the calling thread would not block without its guards.
fn blocked_by_guards() -> SignalSet {
    CURRENT.with(|current| {
        current.borrow().as_ref().map_or(SignalSet::empty(), |layer| layer.added.get() | layer.inherited)
    })
}

/// The signals that the calling thread blocks.
///
/// # Errors
///
/// Only where a system call filter forbids the call.
#[doc(alias = "siggetmask")]
pub fn blocked() -> Result<SignalSet> {
    raw::mask().map_err(failed)
}

/// Sets the mask of a thread that has no guards yet.
pub(super) fn begin_with(mask: SignalSet) {
    // It fails only by a system call filter, which would have refused the guard of the thread that started this one.
    let _ = raw::change_mask(How::Replace, mask.maskable());
}

/// The mask that the calling thread would have without its guards: for threads and programs that it starts.
///
/// # Errors
///
/// Only where a system call filter forbids the call.
pub fn original() -> Result<SignalSet> {
    Ok(blocked()? - blocked_by_guards())
}

/// The signals that came and wait to be unblocked, for the calling thread or the whole process.
///
/// # Errors
///
/// Only where a system call filter forbids the call.
///
/// [sigpending(2)](https://man7.org/linux/man-pages/man2/sigpending.2.html)
#[doc(alias = "sigpending")]
pub fn pending() -> Result<SignalSet> {
    raw::pending().map_err(|errno| Error::new("sigpending", errno))
}

#[cold]
fn failed(errno: crate::error::Errno) -> Error {
    Error::new("pthread_sigmask", errno)
}
