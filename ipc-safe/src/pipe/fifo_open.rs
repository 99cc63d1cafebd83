//! Opening the ends of a FIFO.

use super::end::{End, ours, set_nonblocking};
use super::options::no_descriptor;
use super::{Fifo, PipeReader, PipeWriter};
use crate::error::{Errno, Error, Result};
use crate::wait::{Backoff, Wait, uninterrupted, until_ready};
use rustix::event::PollFlags;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::OFlags;
use rustix::io::retry_on_intr;
use rustix::pipe::{PipeFlags, SpliceFlags, pipe_with, tee};
use std::time::{Duration, Instant};

impl Fifo {
    /// Opens it for reading. Waits until somebody opens it for writing.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::error::ErrorKind::NotFound) when the name is gone, [`Removed`](crate::error::ErrorKind::Removed) when
    /// it means another file; [`PermissionDenied`](crate::error::ErrorKind::PermissionDenied);
    /// [`LimitReached`](crate::error::ErrorKind::LimitReached) for descriptors.
    ///
    /// [fifo(7)](https://man7.org/linux/man-pages/man7/fifo.7.html)
    #[doc(alias = "O_RDONLY")]
    pub fn open_reader(&self) -> Result<PipeReader> {
        self.reader(Wait::Forever)
    }

    /// Opens it for reading at once, whether anybody writes or not. Until somebody does, reading returns 0 as at the end of a
    /// stream; [`PipeReader::wait`] waits for the first writer's bytes.
    ///
    /// # Errors
    ///
    /// As [`open_reader`](Self::open_reader).
    #[doc(alias = "O_NONBLOCK")]
    pub fn try_open_reader(&self) -> Result<PipeReader> {
        self.reader(Wait::No)
    }

    /// As [`open_reader`](Self::open_reader), at most so long.
    ///
    /// The kernel has no such call: a writer is noticed up to a millisecond late.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](crate::error::ErrorKind::TimedOut) when nobody opened it for writing; otherwise as
    /// [`open_reader`](Self::open_reader).
    pub fn open_reader_timeout(&self, timeout: Duration) -> Result<PipeReader> {
        self.reader(Wait::at_most(timeout))
    }

    /// As [`open_reader`](Self::open_reader), until a signal handler has run.
    ///
    /// # Errors
    ///
    /// [`Interrupted`](crate::error::ErrorKind::Interrupted), otherwise as [`open_reader`](Self::open_reader).
    pub fn open_reader_interruptible(&self) -> Result<PipeReader> {
        self.reader(Wait::Interruptible)
    }

    /// Opens it for writing. Waits until somebody opens it for reading.
    ///
    /// # Errors
    ///
    /// As [`open_reader`](Self::open_reader).
    #[doc(alias = "O_WRONLY")]
    pub fn open_writer(&self) -> Result<PipeWriter> {
        self.writer(Wait::Forever)
    }

    /// Opens it for writing, when somebody has it open for reading.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](crate::error::ErrorKind::WouldBlock) (`ENXIO`) when nobody has; otherwise as
    /// [`open_reader`](Self::open_reader).
    #[doc(alias = "O_NONBLOCK")]
    #[doc(alias = "ENXIO")]
    pub fn try_open_writer(&self) -> Result<PipeWriter> {
        self.writer(Wait::No)
    }

    /// As [`open_writer`](Self::open_writer), at most so long.
    ///
    /// The kernel has no such call: a reader is noticed up to a millisecond late.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](crate::error::ErrorKind::TimedOut) when nobody opened it for reading; otherwise as
    /// [`open_reader`](Self::open_reader).
    pub fn open_writer_timeout(&self, timeout: Duration) -> Result<PipeWriter> {
        self.writer(Wait::at_most(timeout))
    }

    /// As [`open_writer`](Self::open_writer), until a signal handler has run.
    ///
    /// # Errors
    ///
    /// [`Interrupted`](crate::error::ErrorKind::Interrupted), otherwise as [`open_reader`](Self::open_reader).
    pub fn open_writer_interruptible(&self) -> Result<PipeWriter> {
        self.writer(Wait::Interruptible)
    }

    /// Opens it for reading such that the stream never ends: for a server whose clients come and go. The end counts as a writer
    /// itself (`O_RDWR`), so that opening it never waits, and reading waits for bytes whether anybody else has it open or not.
    ///
    /// # Errors
    ///
    /// As [`open_reader`](Self::open_reader).
    ///
    /// ```
    /// use ipc_safe::pipe::Fifo;
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("requests");
    /// let fifo = Fifo::options().create_new(true).open(&path)?.into_owned();
    /// let requests = fifo.open_lasting_reader()?;
    /// for request in ["one", "another"] {
    ///     fifo.open_writer()?.write_atomic(request)?; // a client, which closes its end again
    ///     let mut buffer = [0; 100];
    ///     assert_eq!(requests.try_read(&mut buffer)?, request.len());
    /// }
    /// assert!(requests.try_read(&mut [0]).unwrap_err().is_would_block()); // and not the end
    /// # Ok::<(), ipc_safe::Error>(())
    /// ```
    #[doc(alias = "O_RDWR")]
    pub fn open_lasting_reader(&self) -> Result<PipeReader> {
        let end = uninterrupted(Wait::Forever, || self.end(OFlags::RDWR)).map_err(|errno| self.error(errno))?;
        Ok(PipeReader(End::new(self.same(end)?)))
    }

    /// Opens both ends, and waits for nobody. While the writing one is there, the stream does not end; while the reading one is,
    /// writing does not fail.
    ///
    /// # Errors
    ///
    /// As [`open_reader`](Self::open_reader).
    pub fn open_both(&self) -> Result<(PipeReader, PipeWriter)> {
        let reader = self.try_open_reader()?;
        let writer = self.try_open_writer()?;
        Ok((reader, writer))
    }

    fn reader(&self, wait: Wait) -> Result<PipeReader> {
        let end = match wait {
            Wait::Forever | Wait::Interruptible => self.waiting(OFlags::RDONLY, wait)?,
            Wait::No | Wait::Until(_) => {
                let open = || self.end(OFlags::RDONLY | OFlags::NONBLOCK);
                let end = uninterrupted(wait, open).map_err(|errno| self.error(errno))?;
                let end = self.same(end)?;
                if let Wait::Until(deadline) = wait {
                    self.await_writer(end.as_fd(), deadline)?;
                }
                set_nonblocking(end.as_fd(), false)?;
                end
            }
        };
        Ok(PipeReader(End::new(end)))
    }

    fn writer(&self, wait: Wait) -> Result<PipeWriter> {
        let end = match wait {
            Wait::Forever | Wait::Interruptible => self.waiting(OFlags::WRONLY, wait)?,
            Wait::No => self.writer_at_once().map_err(|errno| self.error(errno)).and_then(|end| self.same(end))?,
            Wait::Until(deadline) => self.await_reader(deadline)?,
        };
        set_nonblocking(end.as_fd(), false)?;
        Ok(PipeWriter(End::new(end)))
    }

    /// Opens an end the way that waits for the other one.
    fn waiting(&self, access: OFlags, wait: Wait) -> Result<OwnedFd> {
        let end = uninterrupted(wait, || self.end(access)).map_err(|errno| self.error(errno))?;
        self.same(end)
    }

    fn writer_at_once(&self) -> core::result::Result<Option<OwnedFd>, Errno> {
        uninterrupted(Wait::No, || self.end(OFlags::WRONLY | OFlags::NONBLOCK))
    }

    fn await_reader(&self, deadline: Instant) -> Result<OwnedFd> {
        let mut backoff = Backoff::until(Some(deadline));
        loop {
            match self.writer_at_once() {
                Err(errno) if errno.as_raw() == libc::ENXIO => {
                    backoff.sleep().map_err(|errno| self.too_late(errno, "nobody opened it for reading in time"))?;
                }
                Err(errno) => return Err(self.error(errno)),
                Ok(end) => return self.same(end),
            }
        }
    }

    /// Waits until somebody has the writing end open, or had.
    fn await_writer(&self, reader: BorrowedFd<'_>, deadline: Instant) -> Result<()> {
        let (_scratch_reader, scratch) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)
            .map_err(|number| no_descriptor(Error::new("pipe2", ours(number))))?;
        let mut backoff = Backoff::until(Some(deadline));
        loop {
            // Bytes, or a hang-up: somebody was there, and may be gone.
            let was_there = until_ready(reader, PollFlags::IN, Wait::No).is_ok();
            // On an empty pipe this would wait for a writer's bytes, if there were a writer.
            let would_wait =
                || retry_on_intr(|| tee(reader, &scratch, 1, SpliceFlags::NONBLOCK)) == Err(rustix::io::Errno::AGAIN);
            if was_there || would_wait() {
                return Ok(());
            }
            backoff.sleep().map_err(|errno| self.too_late(errno, "nobody opened it for writing in time"))?;
        }
    }

    fn end(&self, flags: OFlags) -> core::result::Result<Option<OwnedFd>, Errno> {
        self.open_end(flags).map_err(ours)
    }

    fn same(&self, end: Option<OwnedFd>) -> Result<OwnedFd> {
        end.ok_or_else(|| self.replaced("open"))
    }

    fn error(&self, errno: Errno) -> Error {
        super::fifo::fault("open", errno, self.path())
    }

    fn too_late(&self, errno: Errno, reason: &'static str) -> Error {
        Error::new("open", errno).about(super::fifo::subject(self.path())).because(reason)
    }
}
