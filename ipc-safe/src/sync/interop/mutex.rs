//! The C library's mutex.

use super::{deadline, place, raw, timed};
use crate::error::{Errno, Error, Result};
use crate::process::Generation;
use crate::shared::SharedBytes;
use crate::wait::Wait;
use core::fmt;
use core::marker::PhantomData;
use std::time::Duration;

/// A `pthread_mutex_t` in memory that C programs share.
///
/// It guards what both sides agree on; there is no data in it. A robust one tells the next locker that its owner died.
///
/// [pthread_mutex_lock(3)](https://man7.org/linux/man-pages/man3/pthread_mutex_lock.3.html)
#[derive(Clone, Copy)]
#[doc(alias("pthread_mutex_t", "pthread_mutex_init"))]
pub struct PosixMutex<'a> {
    raw: raw::Mutex,
    memory: PhantomData<SharedBytes<'a>>,
}

impl<'a> PosixMutex<'a> {
    /// The bytes that one takes.
    pub const SIZE: usize = size_of::<libc::pthread_mutex_t>();

    /// Makes a process-shared mutex at the start of `bytes`. A robust one survives the death of its owner.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::error::ErrorKind::InvalidInput) when there are too few bytes, or they are not aligned.
    ///
    /// # Safety
    ///
    /// Nobody uses the bytes yet; and what [`at`](Self::at) asks.
    #[expect(unsafe_code, reason = "the C library's mutex trusts the memory")]
    pub unsafe fn init(bytes: SharedBytes<'a>, robust: bool) -> Result<Self> {
        let place = place("pthread_mutex_init", bytes)?;
        // SAFETY: the view is writable memory with room for one, aligned, and nobody uses it yet, the caller says.
        let made = unsafe { raw::Mutex::init(place, robust) };
        made.map_err(|errno| Error::new("pthread_mutex_init", errno))?;
        // SAFETY: it was just made; the rest is what the caller says.
        unsafe { Self::at(bytes) }
    }

    /// The mutex at the start of `bytes`, which somebody made there.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::error::ErrorKind::InvalidInput) when there are too few bytes, or they are not aligned.
    ///
    /// # Safety
    ///
    /// - A process-shared mutex was made there, by this C library or one that has the same layout.
    /// - For as long as the mutex is used, nobody in any process accesses the bytes other than by the `pthread_mutex_`
    ///   functions: everybody who can write the memory is trusted.
    /// - No guard is forgotten (`std::mem::forget` and its like), unless the memory stays mapped until the thread ends: the
    ///   C library keeps a list of the robust mutexes that a thread holds, with pointers to them.
    #[expect(unsafe_code, reason = "the C library's mutex trusts the memory")]
    pub unsafe fn at(bytes: SharedBytes<'a>) -> Result<Self> {
        let place = place("pthread_mutex_lock", bytes)?;
        // SAFETY: the view is writable while 'a lasts; the rest is what the caller says.
        Ok(Self { raw: unsafe { raw::Mutex::new(place) }, memory: PhantomData })
    }

    /// Locks, waiting for whoever holds it. Unlocks when the guard is dropped.
    ///
    /// # Errors
    ///
    /// [`NotRecoverable`](crate::error::ErrorKind::NotRecoverable) when an owner died and nobody made the data consistent;
    /// [`Deadlock`](crate::error::ErrorKind::Deadlock) when this thread holds it and the mutex looks.
    #[doc(alias = "pthread_mutex_lock")]
    pub fn lock(self) -> Result<PosixLocked<'a>> {
        self.lock_as("pthread_mutex_lock", Wait::Forever)
    }

    /// [`lock`](Self::lock) without waiting.
    ///
    /// # Errors
    ///
    /// Also [`WouldBlock`](crate::error::ErrorKind::WouldBlock) when it is locked.
    #[doc(alias = "pthread_mutex_trylock")]
    pub fn try_lock(self) -> Result<PosixLocked<'a>> {
        self.lock_as("pthread_mutex_trylock", Wait::No)
    }

    /// [`lock`](Self::lock) that waits at most so long.
    ///
    /// # Errors
    ///
    /// Also [`TimedOut`](crate::error::ErrorKind::TimedOut) when it was locked all the time.
    #[doc(alias = "pthread_mutex_timedlock")]
    pub fn lock_timeout(self, timeout: Duration) -> Result<PosixLocked<'a>> {
        self.lock_as("pthread_mutex_timedlock", Wait::at_most(timeout))
    }

    /// Ends the mutex. The bytes are free for something else.
    ///
    /// # Errors
    ///
    /// [`Other`](crate::error::ErrorKind::Other) (`EBUSY`) when it is locked.
    ///
    /// # Safety
    ///
    /// Nobody in any process waits for it, or uses it afterwards: copies of this value neither.
    #[doc(alias = "pthread_mutex_destroy")]
    #[expect(unsafe_code, reason = "only the caller knows who uses it")]
    pub unsafe fn destroy(self) -> Result<()> {
        // SAFETY: nobody uses it any more, the caller says.
        unsafe { self.raw.destroy() }.map_err(|errno| Error::new("pthread_mutex_destroy", errno))
    }

    fn lock_as(self, call: &'static str, wait: Wait) -> Result<PosixLocked<'a>> {
        let mut died = false;
        let mut taken = |result| match result {
            Err(OWNER_DEAD) => {
                died = true;
                Ok(())
            }
            Err(BUSY) => Err(Errno::AGAIN),
            other => other,
        };
        match (wait, deadline(wait)) {
            (Wait::No, _) => taken(self.raw.try_lock()).map_err(|errno| Error::new(call, errno))?,
            (_, Some(deadline)) => timed(call, deadline, |time| taken(self.raw.lock_until(time)))?,
            _ => taken(self.raw.lock()).map_err(|errno| Error::new(call, errno))?,
        }
        let guard = PosixMutexGuard { mutex: self, generation: Generation::current(), thread: PhantomData };
        Ok(if died { PosixLocked::OwnerDied(PosixOwnerDied(guard)) } else { PosixLocked::Consistent(guard) })
    }
}

const OWNER_DEAD: Errno = Errno::from_raw(libc::EOWNERDEAD);
const BUSY: Errno = Errno::from_raw(libc::EBUSY);

impl fmt::Debug for PosixMutex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PosixMutex").finish_non_exhaustive()
    }
}

/// A locked [`PosixMutex`], and whether its last holder let go of it or died.
#[derive(Debug)]
#[must_use = "the mutex is unlocked when this is dropped, and unusable when its owner had died"]
pub enum PosixLocked<'a> {
    /// The last holder let go, or the mutex is not robust.
    Consistent(PosixMutexGuard<'a>),
    /// The last holder died: what the mutex guards may be half changed.
    OwnerDied(PosixOwnerDied<'a>),
}

impl<'a> PosixLocked<'a> {
    /// The guard, after `repair` where the last holder died.
    ///
    /// # Errors
    ///
    /// That of [`mark_consistent`](PosixOwnerDied::mark_consistent).
    pub fn recover(self, repair: impl FnOnce()) -> Result<PosixMutexGuard<'a>> {
        match self {
            Self::Consistent(guard) => Ok(guard),
            Self::OwnerDied(guard) => {
                repair();
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

/// The lock of an owner that died. Dropped as it is, it makes the mutex unusable.
#[derive(Debug)]
#[must_use = "the mutex becomes unusable when this is dropped; mark_consistent keeps it"]
pub struct PosixOwnerDied<'a>(PosixMutexGuard<'a>);

impl<'a> PosixOwnerDied<'a> {
    /// Says that what the mutex guards is in order again.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::error::ErrorKind::InvalidInput) in a forked child, where the lock is the parent's.
    #[doc(alias = "pthread_mutex_consistent")]
    pub fn mark_consistent(self) -> Result<PosixMutexGuard<'a>> {
        const CALL: &str = "pthread_mutex_consistent";
        self.0.generation.check(CALL)?;
        self.0.mutex.raw.mark_consistent().map_err(|errno| Error::new(CALL, errno))?;
        Ok(self.0)
    }
}

/// A locked [`PosixMutex`]; unlocks it when dropped. Stays in its thread. In a forked child it does nothing.
#[must_use = "the mutex is unlocked when the guard is dropped"]
pub struct PosixMutexGuard<'a> {
    mutex: PosixMutex<'a>,
    generation: Generation,
    /// As that of std: not for another thread.
    thread: PhantomData<std::sync::MutexGuard<'static, ()>>,
}

impl Drop for PosixMutexGuard<'_> {
    #[expect(unsafe_code, reason = "unlocks what this guard stands for")]
    fn drop(&mut self) {
        if self.generation.is_current() {
            // An error means that somebody broke the agreement; there is nobody to tell.
            // SAFETY: a guard is made by the thread that locked it, and stays there; in a forked child it is not current.
            let _ = unsafe { self.mutex.raw.unlock() };
        }
    }
}

impl fmt::Debug for PosixMutexGuard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PosixMutexGuard").finish_non_exhaustive()
    }
}
