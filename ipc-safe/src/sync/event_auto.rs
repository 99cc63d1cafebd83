//! An event that lets one through.

use super::word::Word;
use crate::error::{Errno, Error, Result};
use crate::shared::{ShmSafe, layout_of_field};
use crate::wait::Wait;
use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// An event that lets one waiter through for each time that it is set, and is reset by that.
///
/// Setting it when it is set already changes nothing: it says that something happened, not how often (see
/// [`Semaphore`](super::Semaphore) for that). What was written before [`set`](Self::set) is seen after the wait that it ends.
///
/// One futex word: 0 is not set, so that all-zero memory is such an event. Setting it while nobody sleeps, and waiting when it
/// is set, make no system call; a hand-over to a sleeper is one to wake it and one to sleep.
///
/// It belongs to nobody and is not undone: a forked child may set it for its parent. **A waiter that is killed just when it is
/// woken** takes the wake-up with it: the event stays set, and is there for who waits next, but those who sleep do not
/// learn of it before it was taken and set again.
///
/// ```
/// use ipc_safe::memory::MapOptions;
/// use ipc_safe::shared::Shared;
/// use ipc_safe::sync::AutoResetEvent;
///
/// let ready = Shared::<AutoResetEvent, _>::bare(MapOptions::new().shared(4096)?)?;
/// std::thread::scope(|scope| {
///     scope.spawn(|| ready.set());
///     ready.wait();
/// });
/// assert!(!ready.is_set());
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [futex(2)](https://man7.org/linux/man-pages/man2/futex.2.html)
#[doc(alias("futex", "CreateEvent", "binary semaphore"))]
#[repr(transparent)]
pub struct AutoResetEvent {
    word: AtomicU32,
}

#[expect(unsafe_code, reason = "the record's promise")]
// SAFETY: transparent over an atomic integer.
unsafe impl ShmSafe for AutoResetEvent {
    const LAYOUT: u64 = layout_of_field(4, "AutoResetEvent", size_of::<Self>() as u64);
}

impl Default for AutoResetEvent {
    fn default() -> Self {
        Self::new()
    }
}

impl AutoResetEvent {
    /// An event that is not set, in private memory.
    #[must_use]
    pub const fn new() -> Self {
        Self { word: AtomicU32::new(UNSET) }
    }

    /// Sets it, and wakes one of those who wait.
    #[inline]
    #[doc(alias = "SetEvent")]
    pub fn set(&self) {
        set(&self.word);
    }

    /// Takes it back, when nobody has taken it yet.
    #[inline]
    #[doc(alias = "ResetEvent")]
    pub fn reset(&self) {
        // Who was woken for it looks, finds nothing, and marks again that there are sleepers.
        let _ = self.word.compare_exchange(SET, UNSET, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Waits until it is set, and resets it.
    #[inline]
    #[doc(alias = "WaitForSingleObject")]
    pub fn wait(&self) {
        // Without a deadline, and not interruptible: it only ends with the event.
        let _ = take(&self.word, Wait::Forever);
    }

    /// [`wait`](Self::wait) without waiting: resets it.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](crate::error::ErrorKind::WouldBlock) when it is not set.
    #[inline]
    pub fn try_wait(&self) -> Result<()> {
        self.wait_as(Wait::No)
    }

    /// [`wait`](Self::wait) for at most so long, on the monotonic clock.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](crate::error::ErrorKind::TimedOut) when nobody set it in that time.
    pub fn wait_timeout(&self, timeout: Duration) -> Result<()> {
        // Only an event that is not set needs to know the time.
        self.try_wait().or_else(|_| self.wait_as(Wait::at_most(timeout)))
    }

    /// [`wait`](Self::wait) that a signal handler ends.
    ///
    /// # Errors
    ///
    /// [`Interrupted`](crate::error::ErrorKind::Interrupted) when a handler ran while this waited.
    pub fn wait_interruptible(&self) -> Result<()> {
        self.wait_as(Wait::Interruptible)
    }

    /// Whether it is set just now.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.word.load(Ordering::Acquire) == SET
    }

    #[inline]
    fn wait_as(&self, wait: Wait) -> Result<()> {
        take(&self.word, wait).map_err(|errno| Error::new("wait", errno))
    }
}

impl fmt::Debug for AutoResetEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AutoResetEvent").field("set", &self.is_set()).finish()
    }
}

const UNSET: u32 = 0;
const SET: u32 = 1;
/// Not set, and somebody may sleep. Any other value, which only a foe writes, is taken for this one.
const SLEEPERS: u32 = 2;

/// Sets the event.
#[inline]
pub(super) fn set<W: Word>(word: &W) {
    if word.swap(SET, Ordering::Release) > SET {
        // It takes the event and leaves the mark for the others.
        word.wake(1);
    }
}

/// Takes the event.
#[inline]
pub(super) fn take<W: Word>(word: &W, wait: Wait) -> Result<(), Errno> {
    match word.compare_exchange(SET, UNSET, Ordering::Acquire, Ordering::Relaxed) {
        Ok(_) => Ok(()),
        Err(_) => take_sleeping(word, wait),
    }
}

/// Takes the event and marks that others may sleep. There is no spinning before: on one processor, who is to set the event
/// could not run meanwhile.
#[cold]
fn take_sleeping<W: Word>(word: &W, wait: Wait) -> Result<(), Errno> {
    if matches!(wait, Wait::No) {
        return Err(Errno::AGAIN);
    }
    while word.swap(SLEEPERS, Ordering::Acquire) != SET {
        // Whoever gives up here was not woken, and leaves a word that makes who sets it wake the next one.
        word.wait(SLEEPERS, wait)?;
    }
    Ok(())
}
