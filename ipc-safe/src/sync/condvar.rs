//! Waiting for what a mutex guards to change.

use super::locked::Locked;
use super::mutex::{Mutex, MutexGuard};
use super::robust_mutex::{RobustMutex, RobustMutexGuard};
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

impl Condvar {
    /// A condition variable, in private memory.
    #[must_use]
    #[doc(alias = "pthread_cond_init")]
    pub const fn new() -> Self {
        Self { notified: AtomicU32::new(0), waiters: AtomicU32::new(0) }
    }

    /// Wakes one of those who wait.
    #[inline]
    #[doc(alias = "pthread_cond_signal")]
    pub fn notify_one(&self) {
        notify(&self.notified, &self.waiters, 1);
    }

    /// Wakes all who wait.
    #[inline]
    #[doc(alias = "pthread_cond_broadcast")]
    pub fn notify_all(&self) {
        notify(&self.notified, &self.waiters, i32::MAX.cast_unsigned());
    }

    /// Unlocks, waits until it is notified, and locks again. Now and then it ends without that.
    #[doc(alias = "pthread_cond_wait")]
    pub fn wait<G: WaitGuard>(&self, guard: G) -> G::Locked {
        // Without a deadline, and not interruptible: it only ends notified.
        self.wait_as(guard, Wait::Forever).0
    }

    /// [`wait`](Self::wait) as long as `condition` is true of what the mutex guards.
    ///
    /// It is looked at with the mutex locked. When locking it again has something else to say than that it is locked, that
    /// is returned at once.
    pub fn wait_while<G: WaitGuard>(&self, guard: G, condition: impl FnMut(&G::Target) -> bool) -> G::Locked {
        self.wait_while_as(guard, condition, || Wait::Forever).0
    }

    /// [`wait`](Self::wait) for at most so long, on the monotonic clock. Locking again then takes the time that it takes.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](crate::error::ErrorKind::TimedOut) when nobody notified it in that time. The error has what locking gave.
    #[doc(alias = "pthread_cond_timedwait")]
    pub fn wait_timeout<G: WaitGuard>(&self, guard: G, timeout: Duration) -> Result<G::Locked, Rejected<G::Locked>> {
        outcome(self.wait_as(guard, Wait::at_most(timeout)))
    }

    /// [`wait_while`](Self::wait_while) for at most so long, on the monotonic clock. Locking again takes the time that it
    /// takes.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](crate::error::ErrorKind::TimedOut) when the condition is still true after that time. The error has what
    /// locking gave.
    pub fn wait_timeout_while<G: WaitGuard>(
        &self,
        guard: G,
        timeout: Duration,
        condition: impl FnMut(&G::Target) -> bool,
    ) -> Result<G::Locked, Rejected<G::Locked>> {
        outcome(self.wait_while_as(guard, condition, || Wait::at_most(timeout)))
    }

    /// [`wait`](Self::wait) that a signal handler ends.
    ///
    /// # Errors
    ///
    /// [`Interrupted`](crate::error::ErrorKind::Interrupted) when a handler ran while this waited. The error has what locking
    /// gave.
    pub fn wait_interruptible<G: WaitGuard>(&self, guard: G) -> Result<G::Locked, Rejected<G::Locked>> {
        outcome(self.wait_as(guard, Wait::Interruptible))
    }

    fn wait_as<G: WaitGuard>(&self, guard: G, wait: Wait) -> (G::Locked, Result<(), Errno>) {
        let lock = G::lock_of(&guard);
        let result = sleep(&self.notified, &self.waiters, wait, || drop(guard));
        (G::lock_again(lock), result)
    }

    /// `wait` is asked when it is certain that there is something to wait for.
    fn wait_while_as<G: WaitGuard>(
        &self,
        mut guard: G,
        mut condition: impl FnMut(&G::Target) -> bool,
        wait: impl FnOnce() -> Wait,
    ) -> (G::Locked, Result<(), Errno>) {
        if !condition(&guard) {
            return (G::locked(guard), Ok(()));
        }
        let wait = wait();
        loop {
            let (locked, result) = self.wait_as(guard, wait);
            guard = match G::guard(locked) {
                Ok(guard) => guard,
                Err(locked) => return (locked, Ok(())),
            };
            if !condition(&guard) {
                return (G::locked(guard), Ok(()));
            }
            if result.is_err() {
                return (G::locked(guard), result);
            }
        }
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condvar").field("waiters", &self.waiters.load(Ordering::Relaxed)).finish_non_exhaustive()
    }
}

fn outcome<L>((locked, result): (L, Result<(), Errno>)) -> Result<L, Rejected<L>> {
    match result {
        Ok(()) => Ok(locked),
        Err(errno) => Err(Rejected::new(locked, Error::new("wait", errno))),
    }
}

/// The guard of a lock that a [`Condvar`] can let go of and take again.
pub trait WaitGuard: Deref + sealed::Relock<<Self as WaitGuard>::Locked> {
    /// What locking again gives: a guard of a [`Mutex`] itself, and for a [`RobustMutex`] what its
    /// [`lock`](RobustMutex::lock) gives.
    type Locked;
}

pub(super) mod sealed {
    /// How to take a lock again that a guard let go of when it was dropped.
    pub trait Relock<Locked>: Sized {
        /// The lock itself.
        type Lock: Copy;

        fn lock_of(guard: &Self) -> Self::Lock;
        /// Waits for the lock, which the calling thread has just let go of.
        fn lock_again(lock: Self::Lock) -> Locked;
        /// The guard, when there is nothing else to say, and otherwise what there is.
        fn guard(locked: Locked) -> Result<Self, Locked>;
        fn locked(guard: Self) -> Locked;
    }
}

impl<T: ShmSafe> WaitGuard for MutexGuard<'_, T> {
    type Locked = Self;
}

impl<'a, T: ShmSafe> sealed::Relock<Self> for MutexGuard<'a, T> {
    type Lock = &'a Mutex<T>;

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

impl<'a, T: ShmSafe> WaitGuard for RobustMutexGuard<'a, T> {
    type Locked = Result<Locked<'a, T>>;
}

impl<'a, T: ShmSafe> sealed::Relock<Result<Locked<'a, T>>> for RobustMutexGuard<'a, T> {
    type Lock = &'a RobustMutex<T>;

    fn lock_of(guard: &Self) -> Self::Lock {
        RobustMutexGuard::mutex(guard)
    }

    fn lock_again(lock: Self::Lock) -> Result<Locked<'a, T>> {
        lock.lock()
    }

    fn guard(locked: Result<Locked<'a, T>>) -> Result<Self, Result<Locked<'a, T>>> {
        match locked {
            Ok(Locked::Consistent(guard)) => Ok(guard),
            other => Err(other),
        }
    }

    fn locked(guard: Self) -> Result<Locked<'a, T>> {
        Ok(Locked::Consistent(guard))
    }
}

/// Says to up to `count` waiters that something has changed.
///
/// That somebody waits is known without looking twice: waiters count themselves before they unlock, and who changes what they
/// wait for has locked after that, or before they looked.
#[inline]
pub(super) fn notify<W: Word>(notified: &W, waiters: &W, count: u32) {
    if waiters.load(Ordering::Relaxed) != 0 {
        notified.fetch_add(1, Ordering::Relaxed);
        notified.wake(count);
    }
}

/// Sleeps until the next notification after `unlock`.
pub(super) fn sleep<W: Word>(notified: &W, waiters: &W, wait: Wait, unlock: impl FnOnce()) -> Result<(), Errno> {
    waiters.fetch_add(1, Ordering::Relaxed);
    let before = notified.load(Ordering::Relaxed);
    unlock();
    let mut result = Ok(());
    // A number that goes round while this thread does not run would make it sleep on: 2³² notifications.
    while result.is_ok() && notified.load(Ordering::Relaxed) == before {
        // Whoever gives up here was not woken.
        result = notified.wait(before, wait);
    }
    waiters.fetch_sub(1, Ordering::Relaxed);
    result
}
