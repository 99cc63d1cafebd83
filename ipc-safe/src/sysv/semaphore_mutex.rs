//! A semaphore as a lock.

use super::semaphore::Semaphore;
use super::semaphore_guard::SemaphoreGuard;
use crate::error::Result;
use std::time::Duration;

/// Mutual exclusion between processes by a semaphore whose initial value is 1: one unit, taken with undo.
///
/// The kernel unlocks it when the holder dies; the next one is not told, so what it guards must bear that. Locking it twice
/// waits for oneself. It protects by agreement: any process with the right to write can add a unit.
///
/// ```
/// use ipc_safe::sysv::{SemaphoreMutex, SemaphoreSet};
///
/// let set = SemaphoreSet::private(&[1])?;
/// let mutex = SemaphoreMutex::new(set.semaphore(0));
/// let guard = mutex.lock()?;
/// assert!(mutex.try_lock().unwrap_err().is_would_block());
/// guard.release()?;
/// # Ok::<(), ipc_safe::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SemaphoreMutex(Semaphore);

impl SemaphoreMutex {
    /// The semaphore as a lock. It is unlocked when its value is 1.
    #[must_use]
    pub const fn new(semaphore: Semaphore) -> Self {
        Self(semaphore)
    }

    /// The semaphore.
    #[must_use]
    pub const fn semaphore(&self) -> Semaphore {
        self.0
    }

    /// Locks, waiting for whoever holds it. Unlocks when the guard is dropped.
    ///
    /// # Errors
    ///
    /// As [`Semaphore::acquire`].
    #[inline]
    pub fn lock(&self) -> Result<SemaphoreGuard> {
        self.0.acquire(1)
    }

    /// [`lock`](Self::lock) without waiting.
    ///
    /// # Errors
    ///
    /// As [`Semaphore::try_acquire`].
    #[inline]
    pub fn try_lock(&self) -> Result<SemaphoreGuard> {
        self.0.try_acquire(1)
    }

    /// [`lock`](Self::lock) that waits at most so long.
    ///
    /// # Errors
    ///
    /// As [`Semaphore::acquire_timeout`].
    pub fn lock_timeout(&self, timeout: Duration) -> Result<SemaphoreGuard> {
        self.0.acquire_timeout(1, timeout)
    }

    /// [`lock`](Self::lock) that a signal handler ends.
    ///
    /// # Errors
    ///
    /// As [`Semaphore::acquire_interruptible`].
    pub fn lock_interruptible(&self) -> Result<SemaphoreGuard> {
        self.0.acquire_interruptible(1)
    }
}
