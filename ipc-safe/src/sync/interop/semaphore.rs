//! The C library's semaphore.

use super::{deadline, place, raw, timed};
use crate::error::{Error, ErrorKind, Result};
use crate::shared::SharedBytes;
use crate::wait::{Wait, uninterrupted};
use core::fmt;
use core::marker::PhantomData;
use std::time::Duration;

/// A `sem_t` in memory that C programs share: a count of units that are taken and given back.
///
/// Nothing gives a dead process's units back. The functions may be called in a signal handler by C programs.
///
/// [sem_overview(7)](https://man7.org/linux/man-pages/man7/sem_overview.7.html)
#[derive(Clone, Copy)]
#[doc(alias("sem_t", "sem_init"))]
pub struct PosixSemaphore<'a> {
    raw: raw::Semaphore,
    memory: PhantomData<SharedBytes<'a>>,
}

impl<'a> PosixSemaphore<'a> {
    /// The bytes that one takes.
    pub const SIZE: usize = size_of::<libc::sem_t>();

    /// Makes a process-shared semaphore of `value` units at the start of `bytes`.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) when there are too few bytes, they are not aligned, or `value` is above
    /// 2147483647.
    ///
    /// # Safety
    ///
    /// Nobody uses the bytes yet; and what [`at`](Self::at) asks.
    #[expect(unsafe_code, reason = "the C library's semaphore trusts the memory")]
    pub unsafe fn init(bytes: SharedBytes<'a>, value: u32) -> Result<Self> {
        let place = place("sem_init", bytes)?;
        // SAFETY: the view is writable memory with room for one, aligned, and nobody uses it yet, the caller says.
        unsafe { raw::Semaphore::init(place, value) }.map_err(|errno| Error::new("sem_init", errno))?;
        // SAFETY: it was just made; the rest is what the caller says.
        unsafe { Self::at(bytes) }
    }

    /// The semaphore at the start of `bytes`, which somebody made there.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) when there are too few bytes, or they are not aligned.
    ///
    /// # Safety
    ///
    /// A process-shared semaphore was made there, by this C library or one that has the same layout; for as long as it is
    /// used, nobody in any process accesses the bytes other than by the `sem_` functions.
    #[expect(unsafe_code, reason = "the C library's semaphore trusts the memory")]
    pub unsafe fn at(bytes: SharedBytes<'a>) -> Result<Self> {
        let place = place("sem_wait", bytes)?;
        // SAFETY: the view is writable while 'a lasts; the rest is what the caller says.
        Ok(Self { raw: unsafe { raw::Semaphore::new(place) }, memory: PhantomData })
    }

    /// Takes a unit, waiting for one.
    ///
    /// # Errors
    ///
    /// Only what the C library reports of a broken semaphore.
    #[doc(alias = "sem_wait")]
    pub fn acquire(self) -> Result<()> {
        self.acquire_as("sem_wait", Wait::Forever)
    }

    /// [`acquire`](Self::acquire) without waiting.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](ErrorKind::WouldBlock) when there is none.
    #[doc(alias = "sem_trywait")]
    pub fn try_acquire(self) -> Result<()> {
        self.acquire_as("sem_trywait", Wait::No)
    }

    /// [`acquire`](Self::acquire) that waits at most so long.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](ErrorKind::TimedOut) when there was none all the time.
    #[doc(alias = "sem_timedwait")]
    pub fn acquire_timeout(self, timeout: Duration) -> Result<()> {
        self.acquire_as("sem_timedwait", Wait::at_most(timeout))
    }

    /// [`acquire`](Self::acquire) that a signal handler ends.
    ///
    /// # Errors
    ///
    /// [`Interrupted`](ErrorKind::Interrupted) when a handler ran while this waited.
    pub fn acquire_interruptible(self) -> Result<()> {
        self.acquire_as("sem_wait", Wait::Interruptible)
    }

    /// Gives a unit.
    ///
    /// # Errors
    ///
    /// [`OutOfRange`](ErrorKind::OutOfRange) when there are 2147483647 already.
    #[doc(alias = "sem_post")]
    pub fn post(self) -> Result<()> {
        self.raw.post().map_err(|errno| {
            let error = Error::new("sem_post", errno);
            if errno.as_raw() == libc::EOVERFLOW { error.kind_of(ErrorKind::OutOfRange) } else { error }
        })
    }

    /// The units that are there just now.
    ///
    /// # Errors
    ///
    /// Only what the C library reports of a broken semaphore.
    #[doc(alias = "sem_getvalue")]
    pub fn value(self) -> Result<u32> {
        let value = self.raw.value().map_err(|errno| Error::new("sem_getvalue", errno))?;
        // POSIX lets a C library say how many wait, as a negative number; glibc does not.
        Ok(u32::try_from(value).unwrap_or(0))
    }

    /// Ends the semaphore. The bytes are free for something else.
    ///
    /// # Errors
    ///
    /// Only what the C library reports of a broken semaphore.
    ///
    /// # Safety
    ///
    /// Nobody in any process waits for it, or uses it afterwards: copies of this value neither.
    #[doc(alias = "sem_destroy")]
    #[expect(unsafe_code, reason = "only the caller knows who uses it")]
    pub unsafe fn destroy(self) -> Result<()> {
        // SAFETY: nobody uses it any more, the caller says.
        unsafe { self.raw.destroy() }.map_err(|errno| Error::new("sem_destroy", errno))
    }

    fn acquire_as(self, call: &'static str, wait: Wait) -> Result<()> {
        if let Some(deadline) = deadline(wait) {
            return timed(call, deadline, |time| self.raw.wait_until(time));
        }
        let result = match wait {
            Wait::No => uninterrupted(wait, || self.raw.try_wait()),
            // With a deadline the kernel never makes an interrupted wait again by itself, whatever the handler's flags.
            Wait::Interruptible => self.raw.wait_until(&raw::from_now(Duration::MAX)),
            _ => uninterrupted(wait, || self.raw.wait()),
        };
        result.map_err(|errno| Error::new(call, errno))
    }
}

impl fmt::Debug for PosixSemaphore<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PosixSemaphore").field("value", &self.value().ok()).finish_non_exhaustive()
    }
}
