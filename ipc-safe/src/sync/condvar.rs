//! Waiting for what a mutex guards to change.

use super::mutex::MutexGuard;
use super::word::Word;
use crate::error::{Errno, Error, Rejected, Result};
use crate::shared::{ShmSafe, layout_of_field};
use crate::wait::Wait;
use core::fmt;
use core::ops::Deref;
use core::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A condition variable: waits, with a mutex unlocked meanwhile, until somebody says that what it guards has changed.
///
/// Whoever waits gives the guard and gets it back locked again. Whoever changes what is waited for does so with the mutex
/// locked, and notifies then or after unlocking. A wait may end although nobody notified: look at the condition again, or
/// let [`wait_while`](Self::wait_while) do it. It can be used with several mutexes, one at a time or at once.
///
/// Two words, the first of them a futex; all-zero memory is a condition variable that nobody waits for. Notifying then makes no
/// system call.
///
/// A wait is undone by nobody: **a waiter that is killed just when it is woken** takes a
/// [`notify_one`](Self::notify_one) with it. One that is killed asleep costs later notifications a system call each. What else
/// its death does is up to the mutex, which it does not hold while it waits: a plain [`Mutex`](super::Mutex) is lost with a
/// holder, a [`RobustMutex`](super::RobustMutex) says that the owner died when the wait locks it again.
///
/// ```
/// use ipc_safe::memory::MapOptions;
/// use ipc_safe::shared::{Shared, SharedCell};
/// use ipc_safe::sync::{Condvar, Mutex};
///
/// ipc_safe::shm_safe! {
///     struct Basket {
///         apples: Mutex<SharedCell<u32>>,
///         changed: Condvar,
///     }
/// }
///
/// let basket = Shared::<Basket, _>::bare(MapOptions::new().shared(4096)?)?;
/// std::thread::scope(|scope| {
///     scope.spawn(|| {
///         basket.apples.lock().set(&3);
///         basket.changed.notify_one();
///     });
///     let apples = basket.changed.wait_while(basket.apples.lock(), |apples| apples.get() == 0);
///     assert_eq!(apples.get(), 3);
/// });
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [futex(2)](https://man7.org/linux/man-pages/man2/futex.2.html),
/// [pthread_cond_wait(3)](https://man7.org/linux/man-pages/man3/pthread_cond_wait.3p.html)
#[doc(alias("futex", "pthread_cond_t", "condition variable"))]
#[repr(C)]
pub struct Condvar {
    /// How often somebody was notified.
    notified: AtomicU32,
    /// How many wait.
    waiters: AtomicU32,
}

#[expect(unsafe_code, reason = "the record's promise")]
// SAFETY: `repr(C)` of two atomic integers of one size.
unsafe impl ShmSafe for Condvar {
    const LAYOUT: u64 = layout_of_field(4, "Condvar", size_of::<Self>() as u64);
}

impl Default for Condvar {
    fn default() -> Self {
        Self::new()
    }
}

/// The guard of a lock that a [`Condvar`] can let go of and take again.
pub trait WaitGuard: Deref + Sized + sealed::Relock {
    /// What locking again gives: the guard, and for a robust mutex perhaps the word that the owner died.
    type Locked;
}

pub(super) mod sealed {
    /// Letting go of a lock and taking it again.
    pub trait Relock: Sized {
        /// As [`WaitGuard::Locked`](super::WaitGuard::Locked).
        type Locked;
        /// The lock itself.
        type Lock: Copy;

        /// The lock, which stays locked until the guard is dropped.
        fn lock_of(guard: &Self) -> Self::Lock;
        /// Waits for the lock.
        fn lock_again(lock: Self::Lock) -> Self::Locked;
        /// The guard, if there is nothing else to say.
        ///
        /// # Errors
        ///
        /// What there is to say.
        fn guard(locked: Self::Locked) -> Result<Self, Self::Locked>;
        /// The other way round.
        fn locked(guard: Self) -> Self::Locked;
    }
}

impl<T: ShmSafe> WaitGuard for MutexGuard<'_, T> {
    type Locked = Self;
}

impl<'a, T: ShmSafe> sealed::Relock for MutexGuard<'a, T> {
    type Locked = Self;
    type Lock = &'a super::Mutex<T>;

    fn lock_of(guard: &Self) -> Self::Lock {
        MutexGuard::mutex(guard)
    }

    fn lock_again(lock: Self::Lock) -> Self {
        lock.lock()
    }

    fn guard(locked: Self) -> Result<Self, Self> {
        Ok(locked)
    }

    fn locked(guard: Self) -> Self {
        guard
    }
}
