//! The lock that survives its holder.

use super::locked::{Locked, OwnerDied};
use super::ownership::{Ownership, Taken};
use crate::error::Result;
use crate::process::Generation;
use crate::shared::{ShmSafe, layout_of_field};
use crate::wait::Wait;
use core::fmt;
use core::marker::PhantomData;
use core::ops::Deref;
use std::time::Duration;

/// Mutual exclusion between threads, of one process or of several, that survives the death of the holder.
///
/// When a thread ends while it holds the lock, killed or not, the next one gets it with the news:
/// [`Locked::OwnerDied`]. It looks after the data and says so with [`mark_consistent`](OwnerDied::mark_consistent), or
/// drops the guard, after which the lock fails for good with
/// [`NotRecoverable`](crate::error::ErrorKind::NotRecoverable).
///
/// ```
/// use ipc_safe::shared::{Shared, SharedCell};
/// use ipc_safe::sync::RobustMutex;
/// use ipc_safe::sysv::Segment;
///
/// let attachment = Segment::private(4096)?.attach()?;
/// let balance = Shared::<RobustMutex<SharedCell<u64>>, _>::bare(attachment)?;
/// // When a holder died: what the data has to be then.
/// let guard = balance.lock()?.recover(|cents| cents.set(&0));
/// guard.update(|cents| cents + 100);
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// # How it works
///
/// The word is a futex with priority inheritance: it holds the owner's thread id. So the kernel knows the owner: it lends it
/// the priority of who waits, marks the word when the owner dies, and says so to who asks for a lock of the dead. Waiting in
/// a ring is an error, [`Deadlock`](crate::error::ErrorKind::Deadlock), as is locking it twice. There is no form that a
/// signal handler ends: the kernel has none.
///
/// A thread id can come back. Beside the word stands when the owner started; who has waited for a tenth of a second compares
/// it with `/proc`, and takes the lock over when the id belongs to another thread by now. A holder that is killed in the few
/// instructions before it has written that down, or after it has erased it to unlock, is found only when the other thread ends.
/// So is every one where there is no `/proc`, or no descriptor left to read it; that an owner died whose id did not come back is
/// seen without.
///
/// Not noticed is a holder that forgets its guard and lives on; nor one that starts another program (`execve`) while it
/// holds the lock: it has the same id. Who waits at that moment is told that the owner died; who comes later waits until the
/// program ends.
///
/// Thread ids mean something in one pid namespace, start times in one time namespace: in another than that of the first who
/// locked it, locking fails with [`Unsupported`](crate::error::ErrorKind::Unsupported). It is asked for at each lock, which
/// costs one comparison, rather than where the memory is opened: so it needs no header, and also holds in a child that is
/// cloned into another namespace with the memory open.
///
/// [futex(2)](https://man7.org/linux/man-pages/man2/futex.2.html),
/// [pthread_mutexattr_setrobust(3)](https://man7.org/linux/man-pages/man3/pthread_mutexattr_setrobust.3.html)
#[doc(alias("FUTEX_LOCK_PI", "FUTEX_LOCK_PI2", "pthread_mutexattr_setrobust", "pthread_mutexattr_setprotocol"))]
#[repr(C)]
pub struct RobustMutex<T: ShmSafe> {
    ownership: Ownership,
    data: T,
}

#[expect(unsafe_code, reason = "the record's promise")]
// SAFETY: `repr(C)` of atomics (an `Ownership` is nothing else) and a record that is `ShmSafe`; the padding between and behind
// them is never accessed, and the compiler assumes nothing about padding.
unsafe impl<T: ShmSafe> ShmSafe for RobustMutex<T> {
    const LAYOUT: u64 = layout_of_field(T::LAYOUT, "RobustMutex", align_of::<T>() as u64);
}

impl<T: ShmSafe + Default> Default for RobustMutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ShmSafe> RobustMutex<T> {
    /// An unlocked mutex, in private memory.
    #[must_use]
    pub const fn new(data: T) -> Self {
        Self { ownership: Ownership::new(), data }
    }

    /// Locks, waiting for whoever holds it. Unlocks when the guard is dropped.
    ///
    /// # Errors
    ///
    /// [`NotRecoverable`](crate::error::ErrorKind::NotRecoverable) when an owner died and nobody made the data consistent;
    /// [`Deadlock`](crate::error::ErrorKind::Deadlock) when this thread holds it already, or holds what the owner waits for;
    /// [`Unsupported`](crate::error::ErrorKind::Unsupported) in another pid or time namespace than that of the first who
    /// locked it, and where the kernel refuses such futexes; [`Corrupt`](crate::error::ErrorKind::Corrupt) when somebody wrote
    /// nonsense into the word.
    #[inline]
    #[doc(alias = "pthread_mutex_lock")]
    pub fn lock(&self) -> Result<Locked<'_, T>> {
        self.lock_as(Wait::Forever)
    }

    /// [`lock`](Self::lock) without waiting.
    ///
    /// Finds out that the owner is dead, unless its id has come back: that takes a wait.
    ///
    /// # Errors
    ///
    /// Also [`WouldBlock`](crate::error::ErrorKind::WouldBlock) when it is locked.
    #[inline]
    #[doc(alias = "pthread_mutex_trylock")]
    pub fn try_lock(&self) -> Result<Locked<'_, T>> {
        self.lock_as(Wait::No)
    }

    /// [`lock`](Self::lock) that waits at most so long, on the monotonic clock.
    ///
    /// # Errors
    ///
    /// Also [`TimedOut`](crate::error::ErrorKind::TimedOut) when it was locked all the time.
    #[doc(alias("pthread_mutex_timedlock", "pthread_mutex_clocklock"))]
    pub fn lock_timeout(&self, timeout: Duration) -> Result<Locked<'_, T>> {
        self.lock_as(Wait::at_most(timeout))
    }

    /// Whether somebody holds it just now, dead or alive.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.ownership.is_held()
    }

    // Measured: as a call it costs 13 ns more, because the guard then goes through memory.
    #[inline(always)]
    pub(crate) fn lock_as(&self, wait: Wait) -> Result<Locked<'_, T>> {
        match self.ownership.acquire(wait)? {
            Taken::Regular => Ok(Locked::Consistent(RobustMutexGuard::of(self))),
            Taken::OwnerDied => Ok(Locked::OwnerDied(OwnerDied::of(RobustMutexGuard::of(self)))),
        }
    }
}

/// Does not lock: the data is not shown.
impl<T: ShmSafe> fmt::Debug for RobustMutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RobustMutex").field("locked", &self.is_locked()).finish_non_exhaustive()
    }
}

/// A locked [`RobustMutex`]; unlocks it when dropped. Stays in its thread.
#[must_use = "the mutex is unlocked when the guard is dropped"]
pub struct RobustMutexGuard<'a, T: ShmSafe> {
    mutex: &'a RobustMutex<T>,
    generation: Generation,
    /// As that of std: not for another thread, though a reference to it may be.
    thread: PhantomData<std::sync::MutexGuard<'static, ()>>,
}

impl<'a, T: ShmSafe> RobustMutexGuard<'a, T> {
    #[inline]
    fn of(mutex: &'a RobustMutex<T>) -> Self {
        Self { mutex, generation: Generation::current(), thread: PhantomData }
    }

    /// The mutex. An associated function, so that it hides no method of the data.
    pub const fn mutex(guard: &Self) -> &'a RobustMutex<T> {
        guard.mutex
    }

    /// A second guard of the same lock; one of the two is forgotten.
    pub(super) const fn copy(&self) -> Self {
        Self { mutex: self.mutex, generation: self.generation, thread: PhantomData }
    }

    /// The words, where this process is the one that locked them.
    #[inline]
    pub(super) fn ownership(&self) -> Option<&'a Ownership> {
        self.generation.is_current().then_some(&self.mutex.ownership)
    }
}

impl<T: ShmSafe> Deref for RobustMutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.mutex.data
    }
}

impl<T: ShmSafe> Drop for RobustMutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // In a forked child this is a copy of the parent's guard, and the lock the parent's.
        if let Some(ownership) = self.ownership() {
            ownership.release();
        }
    }
}

impl<T: ShmSafe + fmt::Debug> fmt::Debug for RobustMutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}
