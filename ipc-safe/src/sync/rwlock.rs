//! A lock that many readers hold at once, or one writer.

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

/// A reader-writer lock between threads, of one process or of several, and the data that it is about.
///
/// Any number of readers hold it at once, or one writer. Neither is starved by the other: while a writer waits, no new reader
/// gets in; and a writer that lets go lets in the readers that wait. Among writers, and between one and those who come just
/// then, there is no order.
///
/// As with [`Mutex`](super::Mutex), the data is reached by reference and never by `&mut`, and that readers do not write is
/// an agreement, too: both guards give the same `&`. For a small plain value that readers should never wait for, see
/// [`Sequenced`](crate::shared::Sequenced).
///
/// Two words: 0 is unlocked, so that all-zero memory is an unlocked lock. Locking and unlocking without contention make no
/// system call.
///
/// **A holder that dies leaves it locked for ever**, reader or writer; so does a guard that is forgotten, and now and then a
/// writer that is killed just when it is woken. Locking it twice in one thread may wait for oneself, for reading too: a
/// writer may have come in between. In a forked child the guards of the parent unlock nothing.
///
/// ```
/// use ipc_safe::memory::MapOptions;
/// use ipc_safe::shared::{Shared, SharedCell};
/// use ipc_safe::sync::RwLock;
///
/// let limits = Shared::<RwLock<SharedCell<[u32; 2]>>, _>::bare(MapOptions::new().shared(4096)?)?;
/// limits.write().set(&[3, 4]);
/// let one = limits.read();
/// let another = limits.read();
/// assert_eq!(one.get(), another.get());
/// assert!(limits.try_write().unwrap_err().is_would_block());
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [futex(2)](https://man7.org/linux/man-pages/man2/futex.2.html),
/// [pthread_rwlock_rdlock(3)](https://man7.org/linux/man-pages/man3/pthread_rwlock_rdlock.3p.html)
#[doc(alias("futex", "pthread_rwlock_t", "shared lock"))]
#[repr(C)]
pub struct RwLock<T: ShmSafe> {
    words: Words<AtomicU32>,
    data: T,
}

#[expect(unsafe_code, reason = "the record's promise")]
// SAFETY: `repr(C)` of two atomics and a record that is `ShmSafe`; the padding between and behind them is never accessed, and
// the compiler assumes nothing about padding.
unsafe impl<T: ShmSafe> ShmSafe for RwLock<T> {
    const LAYOUT: u64 = layout_of_field(T::LAYOUT, "RwLock", align_of::<T>() as u64);
}

impl<T: ShmSafe + Default> Default for RwLock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ShmSafe> RwLock<T> {
    /// An unlocked lock, in private memory.
    #[must_use]
    #[doc(alias = "pthread_rwlock_init")]
    pub const fn new(data: T) -> Self {
        Self { words: Words { state: AtomicU32::new(0), turn: AtomicU32::new(0) }, data }
    }

    /// Locks for reading, waiting for a writer that holds it or waits for it. Unlocks when the guard is dropped.
    #[inline]
    #[doc(alias = "pthread_rwlock_rdlock")]
    pub fn read(&self) -> RwLockReadGuard<'_, T> {
        // Without a deadline, and not interruptible: it only ends locked.
        let _ = self.words.read(Wait::Forever);
        RwLockReadGuard::of(self)
    }

    /// [`read`](Self::read) without waiting.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](crate::error::ErrorKind::WouldBlock) when a writer holds it or waits for it.
    #[inline]
    #[doc(alias = "pthread_rwlock_tryrdlock")]
    pub fn try_read(&self) -> Result<RwLockReadGuard<'_, T>> {
        self.read_as(Wait::No)
    }

    /// [`read`](Self::read) that waits at most so long, on the monotonic clock.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](crate::error::ErrorKind::TimedOut) when writers kept it all the time.
    #[doc(alias = "pthread_rwlock_timedrdlock")]
    pub fn read_timeout(&self, timeout: Duration) -> Result<RwLockReadGuard<'_, T>> {
        // Only a lock that is not to be had needs to know the time.
        self.try_read().or_else(|_| self.read_as(Wait::at_most(timeout)))
    }

    /// [`read`](Self::read) that a signal handler ends.
    ///
    /// # Errors
    ///
    /// [`Interrupted`](crate::error::ErrorKind::Interrupted) when a handler ran while this waited.
    pub fn read_interruptible(&self) -> Result<RwLockReadGuard<'_, T>> {
        self.read_as(Wait::Interruptible)
    }

    /// Locks for writing, waiting for whoever holds it. Unlocks when the guard is dropped.
    #[inline]
    #[doc(alias = "pthread_rwlock_wrlock")]
    pub fn write(&self) -> RwLockWriteGuard<'_, T> {
        // Without a deadline, and not interruptible: it only ends locked.
        let _ = self.words.write(Wait::Forever);
        RwLockWriteGuard::of(self)
    }

    /// [`write`](Self::write) without waiting.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](crate::error::ErrorKind::WouldBlock) when somebody holds it.
    #[inline]
    #[doc(alias = "pthread_rwlock_trywrlock")]
    pub fn try_write(&self) -> Result<RwLockWriteGuard<'_, T>> {
        self.write_as(Wait::No)
    }

    /// [`write`](Self::write) that waits at most so long, on the monotonic clock.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](crate::error::ErrorKind::TimedOut) when others held it all the time.
    #[doc(alias = "pthread_rwlock_timedwrlock")]
    pub fn write_timeout(&self, timeout: Duration) -> Result<RwLockWriteGuard<'_, T>> {
        // Only a lock that is not free needs to know the time.
        self.try_write().or_else(|_| self.write_as(Wait::at_most(timeout)))
    }

    /// [`write`](Self::write) that a signal handler ends.
    ///
    /// # Errors
    ///
    /// [`Interrupted`](crate::error::ErrorKind::Interrupted) when a handler ran while this waited.
    pub fn write_interruptible(&self) -> Result<RwLockWriteGuard<'_, T>> {
        self.write_as(Wait::Interruptible)
    }

    /// How many readers hold it just now.
    #[must_use]
    pub fn readers(&self) -> u32 {
        match self.words.state.load(Ordering::Relaxed) & HOLDERS {
            WRITER => 0,
            readers => readers,
        }
    }

    /// Whether a writer holds it just now.
    #[must_use]
    pub fn is_write_locked(&self) -> bool {
        self.words.state.load(Ordering::Relaxed) & HOLDERS == WRITER
    }

    #[inline]
    fn read_as(&self, wait: Wait) -> Result<RwLockReadGuard<'_, T>> {
        match self.words.read(wait) {
            Ok(()) => Ok(RwLockReadGuard::of(self)),
            Err(errno) => Err(Error::new("read", errno)),
        }
    }

    #[inline]
    fn write_as(&self, wait: Wait) -> Result<RwLockWriteGuard<'_, T>> {
        match self.words.write(wait) {
            Ok(()) => Ok(RwLockWriteGuard::of(self)),
            Err(errno) => Err(Error::new("write", errno)),
        }
    }
}

/// Does not lock: the data is not shown.
impl<T: ShmSafe> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RwLock")
            .field("readers", &self.readers())
            .field("write_locked", &self.is_write_locked())
            .finish_non_exhaustive()
    }
}

/// Makes a guard of the lock.
macro_rules! guard {
    ($(#[$attribute:meta])* $guard:ident, $release:ident) => {
        $(#[$attribute])*
        #[must_use = "the lock is unlocked when the guard is dropped"]
        pub struct $guard<'a, T: ShmSafe> {
            lock: &'a RwLock<T>,
            generation: Generation,
            /// As that of std: not for another thread, though a reference to it may be.
            thread: PhantomData<std::sync::MutexGuard<'static, ()>>,
        }

        impl<'a, T: ShmSafe> $guard<'a, T> {
            /// The guard of a lock that was just locked.
            #[inline]
            fn of(lock: &'a RwLock<T>) -> Self {
                Self { lock, generation: Generation::current(), thread: PhantomData }
            }

            /// The lock. An associated function, so that it hides no method of the data.
            pub const fn lock(guard: &Self) -> &'a RwLock<T> {
                guard.lock
            }
        }

        impl<T: ShmSafe> Deref for $guard<'_, T> {
            type Target = T;

            #[inline]
            fn deref(&self) -> &T {
                &self.lock.data
            }
        }

        impl<T: ShmSafe> Drop for $guard<'_, T> {
            #[inline]
            fn drop(&mut self) {
                // In a forked child this is a copy of the parent's guard, and the lock the parent's.
                if self.generation.is_current() {
                    self.lock.words.$release();
                }
            }
        }

        impl<T: ShmSafe + fmt::Debug> fmt::Debug for $guard<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&**self, f)
            }
        }
    };
}

guard! {
    /// A [`RwLock`] locked for reading; unlocks it when dropped. Stays in its thread.
    RwLockReadGuard, end_reading
}

guard! {
    /// A [`RwLock`] locked for writing; unlocks it when dropped. Stays in its thread.
    RwLockWriteGuard, end_writing
}

/// Who holds it: so many readers, or [`WRITER`].
const HOLDERS: u32 = (1 << 30) - 1;
const WRITER: u32 = HOLDERS;
/// Readers may sleep, on the state.
const READERS_SLEEP: u32 = 1 << 30;
/// Writers wait, or one is to have the lock next; it may sleep, on its turn. No reader gets in.
const WRITERS_WAIT: u32 = 1 << 31;
const MARKS: u32 = READERS_SLEEP | WRITERS_WAIT;

const fn is_free(state: u32) -> bool {
    state & HOLDERS == 0
}

/// Whether a reader may get in. With [`READERS_SLEEP`] it may not: somebody is about to wake those, and it could hold them up
/// otherwise, with a writer that comes next.
const fn is_readable(state: u32) -> bool {
    state & MARKS == 0 && state < WRITER - 1
}

/// The two words.
///
/// While somebody sleeps, the lock is held, or the mark is set and somebody is on the way who was woken, or is about to wake.
/// Who finds the mark set when the lock becomes free is responsible for those who sleep. A mark that stays behind though
/// nobody sleeps any more, because a process was killed, goes the next time that the lock becomes free.
#[repr(C)]
pub(super) struct Words<W> {
    pub(super) state: W,
    /// How often a writer was called. Writers sleep on this word, so that they can be woken apart from the readers.
    pub(super) turn: W,
}

impl<W: Word> Words<W> {
    #[inline]
    pub(super) fn read(&self, wait: Wait) -> Result<(), Errno> {
        let state = self.state.load(Ordering::Relaxed);
        if is_readable(state)
            && self.state.compare_exchange(state, state + 1, Ordering::Acquire, Ordering::Relaxed).is_ok()
        {
            return Ok(());
        }
        self.read_contended(wait)
    }

    #[cold]
    fn read_contended(&self, wait: Wait) -> Result<(), Errno> {
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            if is_readable(state) {
                match self.state.compare_exchange(state, state + 1, Ordering::Acquire, Ordering::Relaxed) {
                    Ok(_) => return Ok(()),
                    Err(other) => state = other,
                }
                continue;
            }
            if matches!(wait, Wait::No) {
                return Err(Errno::AGAIN);
            }
            if state & READERS_SLEEP == 0 {
                // When this fails, the state is another one: then the wait ends at once, or another reader has set the mark.
                let marked = state | READERS_SLEEP;
                let _ = self.state.compare_exchange(state, marked, Ordering::Relaxed, Ordering::Relaxed);
            }
            // Whoever gives up here leaves the mark; waking nobody is all that it can cost.
            self.state.wait(state | READERS_SLEEP, wait)?;
            state = self.state.load(Ordering::Relaxed);
        }
    }

    #[inline]
    pub(super) fn write(&self, wait: Wait) -> Result<(), Errno> {
        match self.state.compare_exchange(0, WRITER, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => Ok(()),
            Err(_) => self.write_contended(wait),
        }
    }

    #[cold]
    fn write_contended(&self, wait: Wait) -> Result<(), Errno> {
        // A writer that has waited cannot tell whether others do: it leaves the mark for them.
        let mut mark = 0;
        loop {
            let state = self.state.load(Ordering::Relaxed);
            if is_free(state) {
                let held = state | WRITER | mark;
                if self.state.compare_exchange(state, held, Ordering::Acquire, Ordering::Relaxed).is_ok() {
                    return Ok(());
                }
                continue;
            }
            if matches!(wait, Wait::No) {
                return Err(Errno::AGAIN);
            }
            if state & WRITERS_WAIT == 0 {
                let marked = state | WRITERS_WAIT;
                if self.state.compare_exchange(state, marked, Ordering::Relaxed, Ordering::Relaxed).is_err() {
                    continue;
                }
            }
            mark = WRITERS_WAIT;
            // First the turn and then the state: whoever lets go or takes the mark away after this look calls the next turn
            // after it, too.
            let turn = self.turn.load(Ordering::Acquire);
            let state = self.state.load(Ordering::Relaxed);
            if is_free(state) || state & WRITERS_WAIT == 0 {
                continue;
            }
            if let Err(errno) = self.turn.wait(turn, wait) {
                self.give_up_writing();
                return Err(errno);
            }
        }
    }

    /// Takes the mark away, which keeps readers out, and lets everybody who sleeps look again whether it is needed.
    #[cold]
    fn give_up_writing(&self) {
        let mut state = self.state.load(Ordering::Relaxed);
        while state & MARKS != 0 {
            match self.state.compare_exchange(state, state & !MARKS, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => break,
                Err(other) => state = other,
            }
        }
        self.call_writers();
        self.turn.wake_all();
        self.state.wake_all();
    }

    #[inline]
    pub(super) fn end_reading(&self) {
        let state = self.state.fetch_sub(1, Ordering::Release).wrapping_sub(1);
        if is_free(state) && state & MARKS != 0 {
            self.call_writer_or_readers(state);
        }
    }

    #[inline]
    pub(super) fn end_writing(&self) {
        let state = self.state.fetch_sub(WRITER, Ordering::Release).wrapping_sub(WRITER);
        if is_free(state) && state & MARKS != 0 {
            self.call_readers_or_writer(state);
        }
    }

    /// After reading: a writer is next, if one waits.
    #[cold]
    fn call_writer_or_readers(&self, state: u32) {
        if state & WRITERS_WAIT != 0 {
            self.call_writers();
            // The mark stays and keeps readers out until the writer that was woken has had its look.
            if self.turn.wake_one() {
                return;
            }
        }
        // No writer slept; one that was about to finds its turn called.
        self.unmark(state);
    }

    /// After writing: the readers are next, if some sleep.
    #[cold]
    fn call_readers_or_writer(&self, state: u32) {
        if state & READERS_SLEEP == 0 {
            return self.call_writer_or_readers(state);
        }
        if self.unmark(state) & WRITERS_WAIT != 0 {
            // It marks again that it waits, and so gets the lock from these readers.
            self.call_writers();
            self.turn.wake(1);
        }
    }

    /// Takes the marks away from a lock that is free, and wakes the readers. Returns the marks that it took. When somebody has
    /// the lock meanwhile, the marks stay: that one sees them when it lets go.
    fn unmark(&self, mut state: u32) -> u32 {
        while is_free(state) && state & MARKS != 0 {
            match self.state.compare_exchange(state, 0, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => {
                    if state & READERS_SLEEP != 0 {
                        self.state.wake_all();
                    }
                    return state;
                }
                Err(other) => state = other,
            }
        }
        0
    }

    /// Makes every writer that is about to sleep look again.
    fn call_writers(&self) {
        self.turn.fetch_add(1, Ordering::Release);
    }
}
