//! A value whose writers take turns and whose readers never wait.

use super::robust_mutex::{RobustMutex, RobustMutexGuard};
use crate::error::Result;
use crate::shared::{Busy, Plain, Region, Sequenced, Shared, ShmSafe, layout_of_field};
use core::fmt;
use core::sync::atomic::AtomicU32;
use std::time::Duration;

/// A plain value that readers always see whole, without waiting, and that several writers change one at a time.
///
/// A [`Sequenced`] value whose writers are kept apart by a [`RobustMutex`]. **A writer that dies** leaves the value that it
/// last set, whole, and the lock free for the next one: there is nothing to repair. In a forked child the guards of the parent
/// neither write nor unlock.
///
/// All-zero memory holds the value whose bytes are zero. What goes for the mutex goes for the writers: not in several pid
/// namespaces, and no form that a signal handler ends.
///
/// ```
/// use ipc_safe::memory::MapOptions;
/// use ipc_safe::shared::Shared;
/// use ipc_safe::sync::SequenceLock;
///
/// let position = Shared::<SequenceLock<[f64; 2]>, _>::bare(MapOptions::new().shared(4096)?)?;
/// position.write(&[1.0, 2.0])?;
/// let writer = position.lock()?;
/// writer.update(|[x, y]| [x + 1.0, y]).unwrap();
/// // Readers do not wait for the writer:
/// assert_eq!(position.read().unwrap(), [2.0, 2.0]);
/// # Ok::<(), ipc_safe::Error>(())
/// ```
#[doc(alias = "seqlock")]
#[repr(C)]
pub struct SequenceLock<P: Plain> {
    /// Held by the one that writes.
    mutex: RobustMutex<[AtomicU32; 0]>,
    value: Sequenced<P>,
}

#[expect(unsafe_code, reason = "the record's promise")]
// SAFETY: `repr(C)` of two records that are `ShmSafe`; the padding between them is never accessed, and the compiler assumes
// nothing about padding.
unsafe impl<P: Plain + 'static> ShmSafe for SequenceLock<P> {
    const LAYOUT: u64 = layout_of_field(Sequenced::<P>::LAYOUT, "SequenceLock", size_of::<Self>() as u64);
}

impl<P: Plain + Default> Default for SequenceLock<P> {
    fn default() -> Self {
        Self::new(P::default())
    }
}

impl<P: Plain> SequenceLock<P> {
    /// A lock with this value, in private memory.
    #[must_use]
    pub const fn new(value: P) -> Self {
        Self { mutex: RobustMutex::new([]), value: Sequenced::new(value) }
    }

    /// A copy of the value. Never waits.
    ///
    /// # Errors
    ///
    /// [`Busy`] when writers replaced it during each of [`Sequenced::ATTEMPTS`] looks.
    #[inline]
    pub fn read(&self) -> Result<P, Busy> {
        self.value.read()
    }

    /// How often the value was replaced.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.value.version()
    }

    /// Replaces the value, waiting for whoever else writes.
    ///
    /// # Errors
    ///
    /// As [`lock`](Self::lock).
    pub fn write(&self, value: &P) -> Result<()> {
        self.lock().map(|writer| writer.set(value))
    }

    /// Keeps other writers out, waiting for them, until the guard is dropped.
    ///
    /// # Errors
    ///
    /// As [`RobustMutex::lock`]; never [`NotRecoverable`](crate::error::ErrorKind::NotRecoverable), unless a foe writes that.
    pub fn lock(&self) -> Result<SequenceLockGuard<'_, P>> {
        Ok(self.guard(self.mutex.lock()?.recover(|_| ())))
    }

    /// [`lock`](Self::lock) without waiting.
    ///
    /// # Errors
    ///
    /// Also [`WouldBlock`](crate::error::ErrorKind::WouldBlock) when it is locked.
    pub fn try_lock(&self) -> Result<SequenceLockGuard<'_, P>> {
        Ok(self.guard(self.mutex.try_lock()?.recover(|_| ())))
    }

    /// [`lock`](Self::lock) that waits at most so long, on the monotonic clock.
    ///
    /// # Errors
    ///
    /// Also [`TimedOut`](crate::error::ErrorKind::TimedOut) when it was locked all the time.
    pub fn lock_timeout(&self, timeout: Duration) -> Result<SequenceLockGuard<'_, P>> {
        Ok(self.guard(self.mutex.lock_timeout(timeout)?.recover(|_| ())))
    }

    /// Whether a writer holds it just now, dead or alive.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.mutex.is_locked()
    }

    const fn guard<'a>(&'a self, mutex: RobustMutexGuard<'a, [AtomicU32; 0]>) -> SequenceLockGuard<'a, P> {
        SequenceLockGuard { mutex, lock: self }
    }
}

/// Also where the region is read-only and no reference to the record can be had.
impl<P: Plain + 'static, R: Region> Shared<SequenceLock<P>, R> {
    /// A copy of the value. Never waits.
    ///
    /// # Errors
    ///
    /// [`Busy`] when writers replaced it during each of the looks.
    pub fn read(&self) -> Result<P, Busy> {
        self.record().read()
    }

    /// How often the value was replaced.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.record().version()
    }
}

/// Does not lock: the value is not shown.
impl<P: Plain> fmt::Debug for SequenceLock<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SequenceLock")
            .field("locked", &self.is_locked())
            .field("version", &self.version())
            .finish_non_exhaustive()
    }
}

/// The right to write a [`SequenceLock`]; gives it up when dropped. Stays in its thread.
#[must_use = "the lock is unlocked when the guard is dropped"]
pub struct SequenceLockGuard<'a, P: Plain> {
    mutex: RobustMutexGuard<'a, [AtomicU32; 0]>,
    lock: &'a SequenceLock<P>,
}

impl<P: Plain> SequenceLockGuard<'_, P> {
    /// A copy of the value.
    ///
    /// # Errors
    ///
    /// [`Busy`] when others write without the lock.
    pub fn get(&self) -> Result<P, Busy> {
        self.lock.read()
    }

    /// Replaces the value. Does nothing in a forked child: the lock is its parent's.
    pub fn set(&self, value: &P) {
        if self.mutex.ownership().is_some() {
            self.lock.value.write(value);
        }
    }

    /// Replaces the value by what `change` makes of it.
    ///
    /// # Errors
    ///
    /// [`Busy`] when others write without the lock; then nothing is changed.
    pub fn update(&self, change: impl FnOnce(P) -> P) -> Result<(), Busy> {
        self.get().map(|value| self.set(&change(value)))
    }
}

impl<P: Plain> fmt::Debug for SequenceLockGuard<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SequenceLockGuard").field("version", &self.lock.version()).finish_non_exhaustive()
    }
}
