//! A descriptor that becomes readable when a signal comes.

use super::raw;
use crate::error::{Errno, Error, Result};
use crate::process::Generation;
use crate::wait::{Wait, read_when_ready};
use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// A descriptor that is readable while signals came that were not taken, for `poll` and all that is built on it. Made by
/// [`HandlerOptions::wakeup`](super::HandlerOptions::wakeup).
///
/// It belongs to the process that made it: in a forked child the handler leaves it alone, and taking is an error.
///
/// [eventfd(2)](https://man7.org/linux/man-pages/man2/eventfd.2.html)
#[doc(alias = "eventfd")]
#[derive(Debug)]
pub struct Wakeup {
    descriptor: OwnedFd,
    made_in: Generation,
}

impl Wakeup {
    pub(super) fn new() -> Result<Self> {
        let descriptor = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map_err(|errno| Error::new("eventfd", Errno::from_raw(errno.raw_os_error())))?;
        Ok(Self { descriptor, made_in: Generation::current() })
    }

    /// Called in the handler. Fails only when 2⁶⁴ signals were not taken.
    pub(super) fn wake(&self) {
        if self.made_in.is_current() {
            raw::write(self.as_fd(), &1_u64.to_ne_bytes());
        }
    }

    /// Waits for a signal; how many came since the last look.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::error::ErrorKind::InvalidInput) in a forked child.
    pub fn wait(&self) -> Result<u64> {
        self.take(Wait::Forever)
    }

    /// How many signals came since the last look.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](crate::error::ErrorKind::WouldBlock) when none did, otherwise as [`wait`](Self::wait).
    pub fn try_wait(&self) -> Result<u64> {
        self.take(Wait::No)
    }

    /// As [`wait`](Self::wait), at most so long.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](crate::error::ErrorKind::TimedOut), otherwise as [`wait`](Self::wait).
    pub fn wait_timeout(&self, timeout: Duration) -> Result<u64> {
        self.take(Wait::at_most(timeout))
    }

    fn take(&self, wait: Wait) -> Result<u64> {
        let mut count = [0; 8];
        self.made_in.check("read")?;
        read_when_ready(self.as_fd(), wait, || raw::read(self.as_fd(), &mut count))?;
        Ok(u64::from_ne_bytes(count))
    }
}

impl AsFd for Wakeup {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}
