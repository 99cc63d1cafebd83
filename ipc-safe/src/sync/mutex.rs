//! A lock of one word.

use super::word::Word;
use crate::error::{Errno, Error, Result};
use crate::process::Generation;
use crate::shared::{ShmSafe, layout_of_field};
use crate::wait::Wait;
use core::fmt;
use core::marker::PhantomData;
use core::ops::Deref;
use core::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Mutual exclusion between threads, of one process or of several, and the data that it is about.
///
/// One futex word: 0 is unlocked, so that all-zero memory is an unlocked mutex. Locking and unlocking without contention make
/// no system call.
///
/// The data is reached through the guard, by reference and never by `&mut`: that others keep to the lock is an agreement,
/// and no proof rests on it. Plain values go into a [`SharedCell`](crate::shared::SharedCell), which reads and replaces them
/// by copy; counters and flags can be atomics, accessed with [`Relaxed`](Ordering::Relaxed) order.
///
/// **A holder that dies leaves it locked for ever**; so does a guard that is forgotten. Where that matters, use
/// [`RobustMutex`](super::RobustMutex), which costs a little more. Locking it twice in one thread waits for oneself. In a
/// forked child the guards of the parent unlock nothing.
///
/// ```
/// use ipc_safe::shared::{Shared, SharedCell};
/// use ipc_safe::sync::Mutex;
/// use ipc_safe::sysv::Segment;
///
/// let attachment = Segment::private(4096)?.attach()?;
/// let balance = Shared::<Mutex<SharedCell<u64>>, _>::bare(attachment)?;
/// balance.lock().update(|cents| cents + 100);
/// assert_eq!(balance.lock().get(), 100);
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [futex(2)](https://man7.org/linux/man-pages/man2/futex.2.html)
#[doc(alias("futex", "pthread_mutex_t"))]
#[repr(C)]
pub struct Mutex<T: ShmSafe> {
    word: AtomicU32,
    data: T,
}

#[expect(unsafe_code, reason = "the record's promise")]
// SAFETY: `repr(C)` of an atomic and a record that is `ShmSafe`; the padding between and behind them is never accessed, and
// the compiler assumes nothing about padding.
unsafe impl<T: ShmSafe> ShmSafe for Mutex<T> {
    const LAYOUT: u64 = layout_of_field(T::LAYOUT, "Mutex", align_of::<T>() as u64);
}

impl<T: ShmSafe + Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ShmSafe> Mutex<T> {
    /// An unlocked mutex, in private memory.
    #[must_use]
    pub const fn new(data: T) -> Self {
        Self { word: AtomicU32::new(FREE), data }
    }

    /// Locks, waiting for whoever holds it. Unlocks when the guard is dropped.
    #[inline]
    #[doc(alias = "pthread_mutex_lock")]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        // Without a deadline, and not interruptible: it only ends locked.
        let _ = acquire(&self.word, Wait::Forever);
        MutexGuard::of(self)
    }

    /// [`lock`](Self::lock) without waiting.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](crate::error::ErrorKind::WouldBlock) when it is locked.
    #[inline]
    #[doc(alias = "pthread_mutex_trylock")]
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>> {
        self.lock_as(Wait::No)
    }

    /// [`lock`](Self::lock) that waits at most so long, on the monotonic clock.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](crate::error::ErrorKind::TimedOut) when it was locked all the time.
    #[doc(alias = "pthread_mutex_timedlock")]
    pub fn lock_timeout(&self, timeout: Duration) -> Result<MutexGuard<'_, T>> {
        // Only a mutex that is not free needs to know the time.
        self.try_lock().or_else(|_| self.lock_as(Wait::at_most(timeout)))
    }

    /// [`lock`](Self::lock) that a signal handler ends.
    ///
    /// # Errors
    ///
    /// [`Interrupted`](crate::error::ErrorKind::Interrupted) when a handler ran while this waited.
    pub fn lock_interruptible(&self) -> Result<MutexGuard<'_, T>> {
        self.lock_as(Wait::Interruptible)
    }

    /// Whether somebody holds it just now.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.word.load(Ordering::Relaxed) != FREE
    }

    #[inline]
    fn lock_as(&self, wait: Wait) -> Result<MutexGuard<'_, T>> {
        match acquire(&self.word, wait) {
            Ok(()) => Ok(MutexGuard::of(self)),
            Err(errno) => Err(Error::new("lock", errno)),
        }
    }
}

/// Does not lock: the data is not shown.
impl<T: ShmSafe> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutex").field("locked", &self.is_locked()).finish_non_exhaustive()
    }
}

/// A locked [`Mutex`]; unlocks it when dropped. Stays in its thread.
#[must_use = "the mutex is unlocked when the guard is dropped"]
pub struct MutexGuard<'a, T: ShmSafe> {
    mutex: &'a Mutex<T>,
    generation: Generation,
    /// As that of std: not for another thread, though a reference to it may be.
    thread: PhantomData<std::sync::MutexGuard<'static, ()>>,
}

impl<'a, T: ShmSafe> MutexGuard<'a, T> {
    /// The guard of a mutex that was just locked.
    #[inline]
    fn of(mutex: &'a Mutex<T>) -> Self {
        Self { mutex, generation: Generation::current(), thread: PhantomData }
    }

    /// The mutex. An associated function, so that it hides no method of the data.
    pub const fn mutex(guard: &Self) -> &'a Mutex<T> {
        guard.mutex
    }
}

impl<T: ShmSafe> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.mutex.data
    }
}

impl<T: ShmSafe> Drop for MutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // In a forked child this is a copy of the parent's guard, and the lock the parent's.
        if self.generation.is_current() {
            release(&self.mutex.word);
        }
    }
}

impl<T: ShmSafe + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

const FREE: u32 = 0;
const HELD: u32 = 1;
/// Held, and somebody may sleep. Any other value, which only a foe writes, is taken for this one.
const CONTENDED: u32 = 2;

/// Takes the lock of this word.
#[inline]
pub(super) fn acquire<W: Word>(word: &W, wait: Wait) -> Result<(), Errno> {
    match word.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed) {
        Ok(_) => Ok(()),
        Err(_) => acquire_contended(word, wait),
    }
}

#[cold]
fn acquire_contended<W: Word>(word: &W, wait: Wait) -> Result<(), Errno> {
    if matches!(wait, Wait::No) {
        return Err(Errno::AGAIN);
    }
    for _ in 0..W::SPINS {
        match word.load(Ordering::Relaxed) {
            FREE if word.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_ok() => return Ok(()),
            // Others sleep already: no use in racing them for it.
            CONTENDED => break,
            _ => core::hint::spin_loop(),
        }
    }
    acquire_sleeping(word, wait)
}

/// Takes the lock and marks it as contended: for who has slept, or knows that others may.
pub(super) fn acquire_sleeping<W: Word>(word: &W, wait: Wait) -> Result<(), Errno> {
    while word.swap(CONTENDED, Ordering::Acquire) != FREE {
        // Whoever gives up here was not woken, and leaves a word that makes the holder wake the next one.
        word.wait(CONTENDED, wait)?;
    }
    Ok(())
}

/// Lets go of the lock.
#[inline]
pub(super) fn release<W: Word>(word: &W) {
    if word.swap(FREE, Ordering::Release) != HELD {
        word.wake(1);
    }
}
