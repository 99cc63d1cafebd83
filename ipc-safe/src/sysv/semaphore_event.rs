//! A semaphore as a signal.

use super::semaphore::Semaphore;
use crate::error::Result;
use std::time::Duration;

/// A semaphore, initially 0, by which one process tells another that something happened. Each signal wakes one waiter, and
/// one that comes before its waiter is kept.
///
/// Never with undo: the kernel would take the signal back when its sender exits, and the receiver would wait for ever.
///
/// ```
/// use ipc_safe::sysv::{SemaphoreEvent, SemaphoreSet};
///
/// let set = SemaphoreSet::private(&[0])?;
/// let ready = SemaphoreEvent::new(set.semaphore(0));
/// ready.signal()?;
/// ready.wait()?;
/// assert!(ready.try_wait().unwrap_err().is_would_block());
/// # Ok::<(), ipc_safe::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SemaphoreEvent(Semaphore);

impl SemaphoreEvent {
    /// The semaphore as an event. Its value is the number of signals that nobody waited for yet.
    #[must_use]
    pub const fn new(semaphore: Semaphore) -> Self {
        Self(semaphore)
    }

    /// The semaphore.
    #[must_use]
    pub const fn semaphore(&self) -> Semaphore {
        self.0
    }

    /// Signals once.
    ///
    /// # Errors
    ///
    /// As [`Semaphore::add`].
    #[inline]
    pub fn signal(&self) -> Result<()> {
        self.0.add(1)
    }

    /// Waits for a signal and takes it.
    ///
    /// # Errors
    ///
    /// As [`Semaphore::subtract`].
    #[inline]
    pub fn wait(&self) -> Result<()> {
        self.0.subtract(1)
    }

    /// [`wait`](Self::wait) without waiting.
    ///
    /// # Errors
    ///
    /// As [`Semaphore::try_subtract`].
    #[inline]
    pub fn try_wait(&self) -> Result<()> {
        self.0.try_subtract(1)
    }

    /// [`wait`](Self::wait) that waits at most so long.
    ///
    /// # Errors
    ///
    /// As [`Semaphore::subtract_timeout`].
    pub fn wait_timeout(&self, timeout: Duration) -> Result<()> {
        self.0.subtract_timeout(1, timeout)
    }

    /// [`wait`](Self::wait) that a signal handler ends.
    ///
    /// # Errors
    ///
    /// As [`Semaphore::subtract_interruptible`].
    pub fn wait_interruptible(&self) -> Result<()> {
        self.0.subtract_interruptible(1)
    }
}
