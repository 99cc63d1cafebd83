//! A pipe that a handler writes the signals to.

use super::{Signal, raw};
use crate::error::{Errno, Error, Result};
use crate::process::Generation;
use crate::wait::{Wait, read_when_ready};
use core::sync::atomic::{AtomicU64, Ordering};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::pipe::{PipeFlags, pipe_with};
use std::time::Duration;

/// A pipe into which the handler writes the number of each signal: they are read in the order in which they were delivered.
/// Made by [`HandlerOptions::pipe`](super::HandlerOptions::pipe). The descriptor is that of the reading end.
///
/// It holds 65536 signals. What comes when it is full is [counted](Self::lost) and otherwise lost.
///
/// It belongs to the process that made it: in a forked child the handler leaves it alone, and reading is an error.
///
/// [pipe(7)](https://man7.org/linux/man-pages/man7/pipe.7.html)
#[derive(Debug)]
pub struct SignalPipe {
    reader: OwnedFd,
    writer: OwnedFd,
    lost: AtomicU64,
    made_in: Generation,
}

impl SignalPipe {
    pub(super) fn new() -> Result<Self> {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)
            .map_err(|errno| Error::new("pipe2", Errno::from_raw(errno.raw_os_error())))?;
        Ok(Self { reader, writer, lost: AtomicU64::new(0), made_in: Generation::current() })
    }

    /// Called in the handler.
    pub(super) fn push(&self, signal: i32) {
        let byte = signal.to_le_bytes()[0];
        if self.made_in.is_current() && !raw::write(self.writer.as_fd(), &[byte]) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many signals came while the pipe was full.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Takes the next signal; waits for one.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::error::ErrorKind::InvalidInput) in a forked child.
    pub fn read(&self) -> Result<Signal> {
        self.take(Wait::Forever)
    }

    /// Takes the next signal that came already.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](crate::error::ErrorKind::WouldBlock) when there is none, otherwise as [`read`](Self::read).
    pub fn try_read(&self) -> Result<Signal> {
        self.take(Wait::No)
    }

    /// As [`read`](Self::read), at most so long.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](crate::error::ErrorKind::TimedOut), otherwise as [`read`](Self::read).
    pub fn read_timeout(&self, timeout: Duration) -> Result<Signal> {
        self.take(Wait::at_most(timeout))
    }

    fn take(&self, wait: Wait) -> Result<Signal> {
        let mut byte = [0];
        self.made_in.check("read")?;
        read_when_ready(self.as_fd(), wait, || raw::read(self.as_fd(), &mut byte))?;
        Signal::from_raw(byte[0].into())
    }
}

impl AsFd for SignalPipe {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}
