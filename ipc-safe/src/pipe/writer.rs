//! The writing end.

use super::end::{End, Instead, Manner, Raw, both_ends, ours};
use super::reader::keep_standard;
use super::readiness::Writable;
use super::{PIPE_BUF, raw};
use crate::error::{Errno, Error, Rejected, Result};
use crate::wait::{Wait, uninterrupted, until_ready};
use rustix::event::PollFlags;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use rustix::fs::OFlags;
use rustix::io::{ReadWriteFlags, pwritev2};
use rustix::pipe::SpliceFlags;
use std::io::{self, IoSlice, Write};
use std::process::{ChildStdin, Stdio};
use std::time::Duration;

/// The writing end of a pipe or FIFO. Closed when dropped; when the last one is, the stream ends.
///
/// It writes by [`std::io::Write`], through `&PipeWriter` too: what does not fit waits for readers. A write that waited may have
/// written a part when it returns. When nobody has the reading end open, writing fails, see [the module](super).
///
/// ```
/// use ipc_safe::error::ErrorKind;
/// use ipc_safe::pipe;
///
/// let (reader, writer) = pipe::pipe()?;
/// while writer.try_write(&[0; 4096]).is_ok() {} // until it is full
/// assert!(writer.try_write(b"more").unwrap_err().is_would_block());
/// drop(reader);
/// assert_eq!(writer.try_write(b"more").unwrap_err().kind(), ErrorKind::Closed);
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [pipe(7)](https://man7.org/linux/man-pages/man7/pipe.7.html)
#[derive(Debug)]
pub struct PipeWriter(pub(super) End);

both_ends!(PipeWriter, OFlags::WRONLY, PipeWriter);

impl PipeWriter {
    /// Writes what there is room for, and tells how much that is. Up to [`PIPE_BUF`] bytes: all or nothing.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](crate::error::ErrorKind::WouldBlock) when it is full, or has no room for all of at most `PIPE_BUF` bytes;
    /// [`Closed`](crate::error::ErrorKind::Closed) when nobody reads.
    #[doc(alias = "write")]
    pub fn try_write(&self, bytes: &[u8]) -> Result<usize> {
        self.write_as(Wait::No, bytes)
    }

    /// As [`try_write`](Self::try_write), and waits for room, at most so long: until something is written.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](crate::error::ErrorKind::TimedOut): nothing was written. [`Closed`](crate::error::ErrorKind::Closed) when
    /// nobody reads.
    pub fn write_timeout(&self, bytes: &[u8], timeout: Duration) -> Result<usize> {
        self.write_as(Wait::at_most(timeout), bytes)
    }

    /// As [`Write::write`], until a signal handler has run.
    ///
    /// # Errors
    ///
    /// [`Interrupted`](crate::error::ErrorKind::Interrupted): nothing was written. A handler that was installed with
    /// `SA_RESTART` does not interrupt. [`Closed`](crate::error::ErrorKind::Closed) when nobody reads.
    pub fn write_interruptible(&self, bytes: &[u8]) -> Result<usize> {
        self.write_as(Wait::Interruptible, bytes)
    }

    /// Writes all of at most [`PIPE_BUF`] (4096) bytes in one piece: nothing that others write comes in between. Waits for room.
    ///
    /// # Errors
    ///
    /// [`TooBig`](crate::error::ErrorKind::TooBig) for more bytes, which the kernel might tear apart: nothing was written.
    /// [`Closed`](crate::error::ErrorKind::Closed) when nobody reads.
    ///
    /// [pipe(7), PIPE_BUF](https://man7.org/linux/man-pages/man7/pipe.7.html)
    #[doc(alias = "PIPE_BUF")]
    pub fn write_atomic(&self, bytes: impl AsRef<[u8]>) -> Result<()> {
        self.write_atomic_as(Wait::Forever, bytes.as_ref())
    }

    /// As [`write_atomic`](Self::write_atomic), without waiting.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](crate::error::ErrorKind::WouldBlock) when there is no room for all of it: nothing was written. Otherwise as
    /// [`write_atomic`](Self::write_atomic).
    pub fn try_write_atomic(&self, bytes: impl AsRef<[u8]>) -> Result<()> {
        self.write_atomic_as(Wait::No, bytes.as_ref())
    }

    /// As [`write_atomic`](Self::write_atomic), at most so long.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](crate::error::ErrorKind::TimedOut): nothing was written. Otherwise as [`write_atomic`](Self::write_atomic).
    pub fn write_atomic_timeout(&self, bytes: impl AsRef<[u8]>, timeout: Duration) -> Result<()> {
        self.write_atomic_as(Wait::at_most(timeout), bytes.as_ref())
    }

    /// As [`write_atomic`](Self::write_atomic), until a signal handler has run.
    ///
    /// # Errors
    ///
    /// [`Interrupted`](crate::error::ErrorKind::Interrupted): nothing was written. Otherwise as
    /// [`write_atomic`](Self::write_atomic).
    pub fn write_atomic_interruptible(&self, bytes: impl AsRef<[u8]>) -> Result<()> {
        self.write_atomic_as(Wait::Interruptible, bytes.as_ref())
    }

    /// Puts the pages that the bytes lie in into the pipe, without a copy; how many bytes went. Waits for room.
    ///
    /// # Safety
    ///
    /// What is read is what the memory holds at that time. Until everything is read, by whoever reads the pipe and whatever
    /// the pages are spliced to from there, the memory is neither changed nor given back to be used for something else.
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::error::ErrorKind::Closed) when nobody reads.
    ///
    /// [vmsplice(2)](https://man7.org/linux/man-pages/man2/vmsplice.2.html)
    #[expect(unsafe_code, reason = "the memory stays in use")]
    pub unsafe fn vmsplice(&self, bytes: &[u8]) -> Result<usize> {
        self.0
            .perform(Wait::Forever, PollFlags::OUT, None, |_| {
                // SAFETY: what the call asks of the memory, this function asks of its caller.
                unsafe { raw::vmsplice(self.as_fd(), bytes, SpliceFlags::empty()) }
            })
            .map_err(|errno| failed("vmsplice", errno))
    }

    /// Waits until there is room for [`PIPE_BUF`] bytes or nobody reads any more, and tells which.
    ///
    /// # Errors
    ///
    /// That of `poll`.
    #[doc(alias = "poll")]
    pub fn wait(&self) -> Result<Writable> {
        self.wait_as(Wait::Forever)
    }

    /// Whether there is room, or nobody reads any more.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](crate::error::ErrorKind::WouldBlock) when neither: it is full.
    pub fn try_wait(&self) -> Result<Writable> {
        self.wait_as(Wait::No)
    }

    /// As [`wait`](Self::wait), at most so long.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](crate::error::ErrorKind::TimedOut).
    pub fn wait_timeout(&self, timeout: Duration) -> Result<Writable> {
        self.wait_as(Wait::at_most(timeout))
    }

    /// As [`wait`](Self::wait), until a signal handler has run.
    ///
    /// # Errors
    ///
    /// [`Interrupted`](crate::error::ErrorKind::Interrupted).
    pub fn wait_interruptible(&self) -> Result<Writable> {
        self.wait_as(Wait::Interruptible)
    }

    /// Makes this the standard output of the process, in place of what that was, for it and the programs that it starts.
    ///
    /// The other way round, for a program to be started, is [`Command::stdout`](std::process::Command::stdout).
    ///
    /// # Errors
    ///
    /// That of `dup2`.
    #[doc(alias = "dup2")]
    pub fn into_stdout(self) -> Result<()> {
        let descriptor = OwnedFd::from(self);
        rustix::stdio::dup2_stdout(&descriptor).map_err(|number| Error::new("dup2", ours(number)))?;
        keep_standard(descriptor, libc::STDOUT_FILENO)
    }

    #[inline]
    fn write_as(&self, wait: Wait, bytes: &[u8]) -> Result<usize> {
        self.0
            .perform(wait, PollFlags::OUT, None, |manner| match manner {
                Manner::AsItIs => rustix::io::write(self, bytes).map_err(ours),
                Manner::AtOnce => self.write_at_once(bytes),
            })
            .map_err(|errno| failed("write", errno))
    }

    #[inline]
    fn write_at_once(&self, bytes: &[u8]) -> Raw<usize> {
        if self.0.twin().is_none() {
            match pwritev2(self, &[IoSlice::new(bytes)], u64::MAX, ReadWriteFlags::NOWAIT) {
                Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {}
                result => return result.map_err(ours),
            }
        }
        match self.0.instead(PollFlags::OUT)? {
            Instead::Twin(descriptor) => rustix::io::write(descriptor, bytes),
            // There is room for so much, and more might wait.
            Instead::Ready(descriptor) => rustix::io::write(descriptor, &bytes[..bytes.len().min(PIPE_BUF)]),
        }
        .map_err(ours)
    }

    fn write_atomic_as(&self, wait: Wait, bytes: &[u8]) -> Result<()> {
        if bytes.len() > PIPE_BUF {
            return Err(Error::new("write", Errno::from_raw(libc::EMSGSIZE))
                .without_errno()
                .about(format!("{} bytes", bytes.len()))
                .because(format!("only up to {PIPE_BUF} bytes (PIPE_BUF) are written in one piece")));
        }
        self.write_as(wait, bytes).map(drop)
    }

    fn wait_as(&self, wait: Wait) -> Result<Writable> {
        match until_ready(self.as_fd(), PollFlags::OUT, wait) {
            Ok(events) if events.contains(PollFlags::ERR) => Ok(Writable::Broken),
            Ok(_) => Ok(Writable::Room),
            Err(errno) => Err(Error::new("poll", errno)),
        }
    }
}

/// A write of any sort that failed.
#[cold]
pub(super) fn failed(call: &'static str, errno: Errno) -> Error {
    let error = Error::new(call, errno);
    if errno.as_raw() == libc::EPIPE { error.because("nobody has the reading end open") } else { error }
}

impl Write for &PipeWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(uninterrupted(Wait::Forever, || rustix::io::write(*self, bytes).map_err(ours))?)
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(uninterrupted(Wait::Forever, || rustix::io::writev(*self, buffers).map_err(ours))?)
    }

    /// Does nothing: nothing is kept back.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Write for PipeWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self).write(bytes)
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self).write_vectored(buffers)
    }

    /// Does nothing: nothing is kept back.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl From<ChildStdin> for PipeWriter {
    fn from(input: ChildStdin) -> Self {
        Self(End::new(input.into()))
    }
}
