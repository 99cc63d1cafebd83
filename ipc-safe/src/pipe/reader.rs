//! The reading end.

use super::end::{End, Instead, Manner, Raw, both_ends, ours};
use super::readiness::Readable;
use crate::error::{Errno, Error, Rejected, Result};
use crate::wait::{Wait, uninterrupted, until_ready};
use rustix::event::PollFlags;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use rustix::fs::OFlags;
use rustix::io::{FdFlags, ReadWriteFlags, fcntl_setfd, preadv2};
use std::io::{self, IoSliceMut, Read};
use std::process::{ChildStderr, ChildStdout, Stdio};
use std::time::Duration;

/// The reading end of a pipe or FIFO. Closed when dropped.
///
/// It reads by [`std::io::Read`], through `&PipeReader` too. Reading returns 0 when all is read and nobody can write any more: all
/// writing ends, in all processes, are closed. Until then every read waits for bytes.
///
/// ```
/// use ipc_safe::pipe;
/// use std::io::Write;
///
/// let (reader, mut writer) = pipe::pipe()?;
/// let mut buffer = [0; 10];
/// assert!(reader.try_read(&mut buffer).unwrap_err().is_would_block()); // empty
/// writer.write_all(b"bytes").unwrap();
/// drop(writer);
/// assert_eq!(reader.try_read(&mut buffer)?, 5);
/// assert_eq!(reader.try_read(&mut buffer)?, 0); // the end
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [pipe(7)](https://man7.org/linux/man-pages/man7/pipe.7.html)
#[derive(Debug)]
pub struct PipeReader(pub(super) End);

both_ends!(PipeReader, OFlags::RDONLY, PipeReader);

impl PipeReader {
    /// Reads what is there, at most as much as the buffer holds; 0 at the end of the stream, or without a buffer.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](crate::error::ErrorKind::WouldBlock) when there is nothing yet.
    #[doc(alias = "read")]
    pub fn try_read(&self, buffer: &mut [u8]) -> Result<usize> {
        self.read_as(Wait::No, buffer)
    }

    /// As [`Read::read`], at most so long.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](crate::error::ErrorKind::TimedOut) when there is nothing by then.
    pub fn read_timeout(&self, buffer: &mut [u8], timeout: Duration) -> Result<usize> {
        self.read_as(Wait::at_most(timeout), buffer)
    }

    /// As [`Read::read`], until a signal handler has run.
    ///
    /// # Errors
    ///
    /// [`Interrupted`](crate::error::ErrorKind::Interrupted); nothing was read then. A handler that was installed with
    /// `SA_RESTART` does not interrupt.
    pub fn read_interruptible(&self, buffer: &mut [u8]) -> Result<usize> {
        self.read_as(Wait::Interruptible, buffer)
    }

    /// Waits until there are bytes or the stream has ended, and tells which.
    ///
    /// A reading end of a FIFO that was opened before anybody wrote waits for the first writer, though reading it would say at
    /// once that the stream has ended.
    ///
    /// # Errors
    ///
    /// That of `poll`.
    #[doc(alias = "poll")]
    pub fn wait(&self) -> Result<Readable> {
        self.wait_as(Wait::Forever)
    }

    /// Whether there are bytes, or the stream has ended.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](crate::error::ErrorKind::WouldBlock) when neither.
    pub fn try_wait(&self) -> Result<Readable> {
        self.wait_as(Wait::No)
    }

    /// As [`wait`](Self::wait), at most so long.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](crate::error::ErrorKind::TimedOut).
    pub fn wait_timeout(&self, timeout: Duration) -> Result<Readable> {
        self.wait_as(Wait::at_most(timeout))
    }

    /// As [`wait`](Self::wait), until a signal handler has run.
    ///
    /// # Errors
    ///
    /// [`Interrupted`](crate::error::ErrorKind::Interrupted).
    pub fn wait_interruptible(&self) -> Result<Readable> {
        self.wait_as(Wait::Interruptible)
    }

    /// Makes this the standard input of the process, in place of what that was, for it and the programs that it starts. What std
    /// has read from the old one already is still there first.
    ///
    /// The other way round, for a program to be started, is [`Command::stdin`](std::process::Command::stdin).
    ///
    /// # Errors
    ///
    /// That of `dup2`.
    #[doc(alias = "dup2")]
    pub fn into_stdin(self) -> Result<()> {
        let descriptor = OwnedFd::from(self);
        rustix::stdio::dup2_stdin(&descriptor).map_err(|number| Error::new("dup2", ours(number)))?;
        keep_standard(descriptor, libc::STDIN_FILENO)
    }

    #[inline]
    fn read_as(&self, wait: Wait, buffer: &mut [u8]) -> Result<usize> {
        self.0
            .perform(wait, PollFlags::IN, None, |manner| match manner {
                Manner::AsItIs => rustix::io::read(self, &mut *buffer).map_err(ours),
                Manner::AtOnce => self.read_at_once(buffer),
            })
            .map_err(failed)
    }

    #[inline]
    fn read_at_once(&self, buffer: &mut [u8]) -> Raw<usize> {
        if self.0.twin().is_none() {
            match preadv2(self, &mut [IoSliceMut::new(buffer)], u64::MAX, ReadWriteFlags::NOWAIT) {
                Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {}
                result => return result.map_err(ours),
            }
        }
        let (Instead::Twin(descriptor) | Instead::Ready(descriptor)) = self.0.instead(PollFlags::IN)?;
        rustix::io::read(descriptor, buffer).map_err(ours)
    }

    fn wait_as(&self, wait: Wait) -> Result<Readable> {
        match until_ready(self.as_fd(), PollFlags::IN, wait) {
            Ok(events) if events.contains(PollFlags::IN) => Ok(Readable::Bytes),
            Ok(_) => Ok(Readable::End),
            Err(errno) => Err(Error::new("poll", errno)),
        }
    }
}

#[cold]
fn failed(errno: Errno) -> Error {
    Error::new("read", errno)
}

/// Keeps the descriptor when it is itself the standard one that it was copied to, open and inherited; closes it otherwise.
pub(super) fn keep_standard(descriptor: OwnedFd, standard: RawFd) -> Result<()> {
    if descriptor.as_raw_fd() == standard {
        fcntl_setfd(&descriptor, FdFlags::empty())
            .map_err(|number| Error::new("fcntl", ours(number)).about("F_SETFD"))?;
        let _ = descriptor.into_raw_fd();
    }
    Ok(())
}

impl Read for &PipeReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(uninterrupted(Wait::Forever, || rustix::io::read(*self, &mut *buffer).map_err(ours))?)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        Ok(uninterrupted(Wait::Forever, || rustix::io::readv(*self, buffers).map_err(ours))?)
    }
}

impl Read for PipeReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&*self).read_vectored(buffers)
    }
}

impl From<ChildStdout> for PipeReader {
    fn from(output: ChildStdout) -> Self {
        Self(End::new(output.into()))
    }
}

impl From<ChildStderr> for PipeReader {
    fn from(output: ChildStderr) -> Self {
        Self(End::new(output.into()))
    }
}
