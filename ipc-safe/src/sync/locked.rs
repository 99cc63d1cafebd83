//! What locking a robust mutex gives.

use super::robust_mutex::RobustMutexGuard;
use crate::shared::ShmSafe;
use core::fmt;
use core::ops::Deref;

/// A locked [`RobustMutex`](super::RobustMutex), and whether its last holder let go of it or died.
#[derive(Debug)]
#[must_use = "the mutex is unlocked when this is dropped, and unusable when its owner had died"]
pub enum Locked<'a, T: ShmSafe> {
    /// The last holder let go.
    Consistent(RobustMutexGuard<'a, T>),
    /// The last holder died, or gave the repair up by dying: the data may be half changed. Where the id of a dead holder has come
    /// back meanwhile, to another thread, the death may be told twice: to who takes the lock over, and to the next one.
    OwnerDied(OwnerDied<'a, T>),
}

impl<'a, T: ShmSafe> Locked<'a, T> {
    /// The guard, after `repair` where the last holder died.
    ///
    /// A `repair` that panics makes the lock unusable.
    #[inline]
    pub fn recover(self, repair: impl FnOnce(&T)) -> RobustMutexGuard<'a, T> {
        match self {
            Self::Consistent(guard) => guard,
            Self::OwnerDied(guard) => {
                repair(&guard);
                guard.mark_consistent()
            }
        }
    }

    /// Whether the last holder died.
    #[must_use]
    pub const fn is_owner_died(&self) -> bool {
        matches!(self, Self::OwnerDied(_))
    }
}

/// The lock of an owner that died. Dropped as it is, it makes the lock unusable: nobody looked after the data.
#[must_use = "the mutex becomes unusable when this is dropped; mark_consistent keeps it"]
pub struct OwnerDied<'a, T: ShmSafe>(RobustMutexGuard<'a, T>);

impl<'a, T: ShmSafe> OwnerDied<'a, T> {
    pub(super) const fn of(guard: RobustMutexGuard<'a, T>) -> Self {
        Self(guard)
    }

    /// Says that the data is in order again.
    #[doc(alias = "pthread_mutex_consistent")]
    pub fn mark_consistent(self) -> RobustMutexGuard<'a, T> {
        if let Some(ownership) = self.0.ownership() {
            ownership.mark_consistent();
        }
        // One guard takes the other's place.
        let guard = self.0.copy();
        core::mem::forget(self);
        guard
    }
}

impl<T: ShmSafe> Deref for OwnerDied<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: ShmSafe> Drop for OwnerDied<'_, T> {
    fn drop(&mut self) {
        if let Some(ownership) = self.0.ownership() {
            ownership.mark_unusable();
        }
    }
}

impl<T: ShmSafe + fmt::Debug> fmt::Debug for OwnerDied<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OwnerDied").field(&&**self).finish()
    }
}
