//! Units that are given back.

use super::semaphore::Semaphore;
use crate::error::{Result, keeping_errno};
use crate::process::Generation;
use core::fmt;

/// Units of a semaphore, taken until this value is dropped. See [`Semaphore::acquire`].
///
/// - They are given back once: by [`release`](Self::release), by dropping, in a panic too, or by the kernel when the process
///   dies.
/// - A forked child's copy gives nothing back: the units are the parent's.
/// - Setting the value of the semaphore forgets what the kernel would give back, in every process, and nobody can ask
///   whether that happened. Dropping the guard still adds its units, on top of the value set, until the process ends: then
///   the kernel, which now counts too many given back, takes them away.
/// - When the set is removed, dropping is silent.
///
/// The undo belongs to the process, not to the thread, so a guard may be dropped in another thread; but not in one that left
/// the IPC namespace, where the same id may be another set.
#[doc(alias = "SEM_UNDO")]
#[must_use = "the units are given back when this value is dropped"]
pub struct SemaphoreGuard {
    semaphore: Semaphore,
    units: u16,
    made_in: Generation,
}

impl SemaphoreGuard {
    #[inline]
    pub(super) fn new(semaphore: Semaphore, units: u16) -> Self {
        Self { semaphore, units, made_in: Generation::current() }
    }

    /// The semaphore.
    #[must_use]
    pub const fn semaphore(&self) -> Semaphore {
        self.semaphore
    }

    /// How many units it holds.
    #[must_use]
    pub const fn units(&self) -> u16 {
        self.units
    }

    /// Gives the units back. Does nothing in a forked child.
    ///
    /// # Errors
    ///
    /// [`Removed`](crate::error::ErrorKind::Removed), or [`OutOfRange`](crate::error::ErrorKind::OutOfRange) when the value
    /// would pass 32767 because others added to it. Either way the guard is gone.
    #[inline]
    pub fn release(self) -> Result<()> {
        let result = self.give_back();
        core::mem::forget(self);
        result
    }

    #[inline]
    fn give_back(&self) -> Result<()> {
        if self.made_in.is_current() { self.semaphore.release(self.units) } else { Ok(()) }
    }
}

impl Drop for SemaphoreGuard {
    #[inline]
    fn drop(&mut self) {
        // An error means that the set is gone or its value was changed from outside: there is nothing to give back to.
        let _ = keeping_errno(|| self.give_back());
    }
}

impl fmt::Debug for SemaphoreGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SemaphoreGuard")
            .field("semaphore", &self.semaphore)
            .field("units", &self.units)
            .finish_non_exhaustive()
    }
}
