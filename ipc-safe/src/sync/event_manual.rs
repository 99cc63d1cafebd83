//! An event that lets everybody through.

use super::word::Word;
use crate::error::{Errno, Error, Result};
use crate::shared::{ShmSafe, layout_of_field};
use crate::wait::Wait;
use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// An event that lets everybody through from when it is set until it is reset: a gate.
///
/// Setting it releases all who wait, also when it is reset at once and before they have run: the word counts how often it
/// was set. (The count has 30 bits; who slept while it went round exactly once would sleep on.) What was written before
/// [`set`](Self::set) is seen after the waits that it ends.
///
/// One futex word: 0 is not set, so that all-zero memory is such an event. Setting and resetting it while nobody sleeps, and
/// waiting when it is set, make no system call.
///
/// It belongs to nobody and is not undone: a forked child may set it for its parent. **Who is killed while it sets the event**
/// may not have woken those who sleep; whoever comes then passes.
///
/// ```
/// use ipc_safe::memory::MapOptions;
/// use ipc_safe::shared::Shared;
/// use ipc_safe::sync::ManualResetEvent;
///
/// let open = Shared::<ManualResetEvent, _>::bare(MapOptions::new().shared(4096)?)?;
/// std::thread::scope(|scope| {
///     for _ in 0..3 {
///         scope.spawn(|| open.wait());
///     }
///     open.set();
/// });
/// assert!(open.is_set());
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [futex(2)](https://man7.org/linux/man-pages/man2/futex.2.html)
#[doc(alias("futex", "CreateEvent", "gate", "latch"))]
#[repr(transparent)]
pub struct ManualResetEvent {
    word: AtomicU32,
}

#[expect(unsafe_code, reason = "the record's promise")]
// SAFETY: transparent over an atomic integer.
unsafe impl ShmSafe for ManualResetEvent {
    const LAYOUT: u64 = layout_of_field(4, "ManualResetEvent", size_of::<Self>() as u64);
}

impl Default for ManualResetEvent {
    fn default() -> Self {
        Self::new()
    }
}

impl ManualResetEvent {
    /// An event that is not set, in private memory.
    #[must_use]
    pub const fn new() -> Self {
        Self { word: AtomicU32::new(0) }
    }

    /// Sets it, and releases all who wait.
    #[inline]
    #[doc(alias = "SetEvent")]
    pub fn set(&self) {
        set(&self.word);
    }

    /// Resets it: who comes from now on waits.
    #[inline]
    #[doc(alias = "ResetEvent")]
    pub fn reset(&self) {
        reset(&self.word);
    }

    /// Waits until it is set.
    #[inline]
    #[doc(alias = "WaitForSingleObject")]
    pub fn wait(&self) {
        // Without a deadline, and not interruptible: it only ends with the event.
        let _ = pass(&self.word, Wait::Forever);
    }

    /// [`wait`](Self::wait) without waiting.
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
        self.word.load(Ordering::Acquire) & SET != 0
    }

    #[inline]
    fn wait_as(&self, wait: Wait) -> Result<()> {
        pass(&self.word, wait).map_err(|errno| Error::new("wait", errno))
    }
}

impl fmt::Debug for ManualResetEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManualResetEvent").field("set", &self.is_set()).finish()
    }
}

const SET: u32 = 1;
/// Somebody may sleep.
const SLEEPERS: u32 = 2;
/// The upper bits count how often it was set.
const TIME: u32 = 4;

/// How often the event was set.
const fn times(word: u32) -> u32 {
    word / TIME
}

/// Sets the event.
#[inline]
pub(super) fn set<W: Word>(word: &W) {
    let mut now = word.load(Ordering::Relaxed);
    loop {
        // Also when it is set already: what is written before this call is for who waits from now on. That does not count,
        // since who came before was released.
        let set = if now & SET == 0 { (now & !SLEEPERS).wrapping_add(TIME | SET) } else { now };
        match word.compare_exchange(now, set, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => break,
            Err(other) => now = other,
        }
    }
    if now & (SET | SLEEPERS) == SLEEPERS {
        word.wake_all();
    }
}

/// Resets the event.
#[inline]
pub(super) fn reset<W: Word>(word: &W) {
    let mut now = word.load(Ordering::Relaxed);
    while now & SET != 0 {
        match word.compare_exchange(now, now & !SET, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => break,
            Err(other) => now = other,
        }
    }
}

/// Waits until the event is set.
#[inline]
pub(super) fn pass<W: Word>(word: &W, wait: Wait) -> Result<(), Errno> {
    let now = word.load(Ordering::Acquire);
    if now & SET != 0 { Ok(()) } else { pass_sleeping(word, now, wait) }
}

/// Waits until the event is set, or was since the word was `now`.
#[cold]
fn pass_sleeping<W: Word>(word: &W, mut now: u32, wait: Wait) -> Result<(), Errno> {
    if matches!(wait, Wait::No) {
        return Err(Errno::AGAIN);
    }
    let came = times(now);
    while now & SET == 0 && times(now) == came {
        if now & SLEEPERS == 0 {
            // When this fails, the word is another one: then the wait ends at once, or another waiter has set the mark.
            let _ = word.compare_exchange(now, now | SLEEPERS, Ordering::Relaxed, Ordering::Relaxed);
        }
        word.wait(now | SLEEPERS, wait)?;
        now = word.load(Ordering::Acquire);
    }
    Ok(())
}
