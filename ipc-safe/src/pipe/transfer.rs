//! Bytes that move from descriptor to descriptor inside the kernel.

use super::end::{Manner, ours};
use super::writer::failed;
use super::{PipeReader, PipeWriter};
use crate::error::Result;
use crate::wait::Wait;
use rustix::event::PollFlags;
use rustix::fd::AsFd;
use rustix::pipe::{SpliceFlags, splice, tee};
use std::time::Duration;

fn flags(manner: Manner) -> SpliceFlags {
    match manner {
        Manner::AsItIs => SpliceFlags::empty(),
        Manner::AtOnce => SpliceFlags::NONBLOCK,
    }
}

impl PipeReader {
    /// Moves up to `len` bytes out of the pipe to another descriptor (a file, a socket, another pipe) without copying them
    /// through this program; how many, 0 at the end of the stream. Waits for bytes, and for room in another pipe.
    ///
    /// A file gets them at its position; one that is open for appending is refused.
    ///
    /// ```
    /// use ipc_safe::pipe;
    ///
    /// let (reader, writer) = pipe::pipe()?;
    /// writer.write_atomic("into a file")?;
    /// let mut file = tempfile::NamedTempFile::new().unwrap();
    /// assert_eq!(reader.splice_to(&file, 100)?, 11);
    /// assert_eq!(std::fs::read(file.path()).unwrap(), b"into a file");
    /// # Ok::<(), ipc_safe::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of writing to the target; [`InvalidInput`](crate::error::ErrorKind::InvalidInput) when it takes no splices.
    ///
    /// [splice(2)](https://man7.org/linux/man-pages/man2/splice.2.html)
    #[doc(alias = "splice")]
    pub fn splice_to(&self, target: impl AsFd, len: usize) -> Result<usize> {
        self.splice_as(Wait::Forever, target, len)
    }

    /// As [`splice_to`](Self::splice_to), without waiting for a pipe. Another target waits as its descriptor says.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](crate::error::ErrorKind::WouldBlock), otherwise as [`splice_to`](Self::splice_to).
    #[doc(alias = "SPLICE_F_NONBLOCK")]
    pub fn try_splice_to(&self, target: impl AsFd, len: usize) -> Result<usize> {
        self.splice_as(Wait::No, target, len)
    }

    /// As [`splice_to`](Self::splice_to), waiting at most so long for a pipe. Another target waits as its descriptor says.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](crate::error::ErrorKind::TimedOut), otherwise as [`splice_to`](Self::splice_to).
    pub fn splice_to_timeout(&self, target: impl AsFd, len: usize, timeout: Duration) -> Result<usize> {
        self.splice_as(Wait::at_most(timeout), target, len)
    }

    /// As [`splice_to`](Self::splice_to), until a signal handler has run.
    ///
    /// # Errors
    ///
    /// [`Interrupted`](crate::error::ErrorKind::Interrupted), otherwise as [`splice_to`](Self::splice_to).
    pub fn splice_to_interruptible(&self, target: impl AsFd, len: usize) -> Result<usize> {
        self.splice_as(Wait::Interruptible, target, len)
    }

    /// Puts up to `len` of the bytes that wait here into another pipe too, and leaves them here; how many, 0 at the end of the
    /// stream. Waits for bytes, and for room. Always from the first byte that waits here.
    ///
    /// ```
    /// use ipc_safe::pipe;
    ///
    /// let ((reader, writer), (copy_reader, copy_writer)) = (pipe::pipe()?, pipe::pipe()?);
    /// writer.write_atomic("twice")?;
    /// assert_eq!(reader.tee_to(&copy_writer, 100)?, 5);
    /// assert_eq!((reader.available()?, copy_reader.available()?), (5, 5));
    /// # Ok::<(), ipc_safe::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::error::ErrorKind::Closed) when nobody reads the other pipe;
    /// [`InvalidInput`](crate::error::ErrorKind::InvalidInput) when both are ends of one.
    ///
    /// [tee(2)](https://man7.org/linux/man-pages/man2/tee.2.html)
    #[doc(alias = "tee")]
    pub fn tee_to(&self, target: &PipeWriter, len: usize) -> Result<usize> {
        self.tee_as(Wait::Forever, target, len)
    }

    /// As [`tee_to`](Self::tee_to), without waiting.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](crate::error::ErrorKind::WouldBlock), otherwise as [`tee_to`](Self::tee_to).
    pub fn try_tee_to(&self, target: &PipeWriter, len: usize) -> Result<usize> {
        self.tee_as(Wait::No, target, len)
    }

    /// As [`tee_to`](Self::tee_to), at most so long.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](crate::error::ErrorKind::TimedOut), otherwise as [`tee_to`](Self::tee_to).
    pub fn tee_to_timeout(&self, target: &PipeWriter, len: usize, timeout: Duration) -> Result<usize> {
        self.tee_as(Wait::at_most(timeout), target, len)
    }

    /// As [`tee_to`](Self::tee_to), until a signal handler has run.
    ///
    /// # Errors
    ///
    /// [`Interrupted`](crate::error::ErrorKind::Interrupted), otherwise as [`tee_to`](Self::tee_to).
    pub fn tee_to_interruptible(&self, target: &PipeWriter, len: usize) -> Result<usize> {
        self.tee_as(Wait::Interruptible, target, len)
    }

    fn splice_as(&self, wait: Wait, target: impl AsFd, len: usize) -> Result<usize> {
        let other = (target.as_fd(), PollFlags::OUT);
        self.0
            .perform(wait, PollFlags::IN, Some(other), |manner| {
                splice(self, None, &target, None, len, flags(manner)).map_err(ours)
            })
            .map_err(|errno| failed("splice", errno))
    }

    fn tee_as(&self, wait: Wait, target: &PipeWriter, len: usize) -> Result<usize> {
        let other = (target.as_fd(), PollFlags::OUT);
        self.0
            .perform(wait, PollFlags::IN, Some(other), |manner| tee(self, target, len, flags(manner)).map_err(ours))
            .map_err(|errno| failed("tee", errno))
    }
}

impl PipeWriter {
    /// Moves up to `len` bytes from another descriptor (a file from its position, a socket, another pipe) into the pipe without
    /// copying them through this program; how many, 0 at the end of the source. Waits for room, and for bytes.
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::error::ErrorKind::Closed) when nobody reads; those of reading the source;
    /// [`InvalidInput`](crate::error::ErrorKind::InvalidInput) when it gives no splices.
    ///
    /// [splice(2)](https://man7.org/linux/man-pages/man2/splice.2.html)
    #[doc(alias = "splice")]
    pub fn splice_from(&self, source: impl AsFd, len: usize) -> Result<usize> {
        self.splice_as(Wait::Forever, source, len)
    }

    /// As [`splice_from`](Self::splice_from), without waiting for a pipe. Another source waits as its descriptor says.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](crate::error::ErrorKind::WouldBlock), otherwise as [`splice_from`](Self::splice_from).
    #[doc(alias = "SPLICE_F_NONBLOCK")]
    pub fn try_splice_from(&self, source: impl AsFd, len: usize) -> Result<usize> {
        self.splice_as(Wait::No, source, len)
    }

    /// As [`splice_from`](Self::splice_from), waiting at most so long for a pipe. Another source waits as its descriptor says.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](crate::error::ErrorKind::TimedOut), otherwise as [`splice_from`](Self::splice_from).
    pub fn splice_from_timeout(&self, source: impl AsFd, len: usize, timeout: Duration) -> Result<usize> {
        self.splice_as(Wait::at_most(timeout), source, len)
    }

    /// As [`splice_from`](Self::splice_from), until a signal handler has run.
    ///
    /// # Errors
    ///
    /// [`Interrupted`](crate::error::ErrorKind::Interrupted), otherwise as [`splice_from`](Self::splice_from).
    pub fn splice_from_interruptible(&self, source: impl AsFd, len: usize) -> Result<usize> {
        self.splice_as(Wait::Interruptible, source, len)
    }

    fn splice_as(&self, wait: Wait, source: impl AsFd, len: usize) -> Result<usize> {
        let other = (source.as_fd(), PollFlags::IN);
        self.0
            .perform(wait, PollFlags::OUT, Some(other), |manner| {
                splice(&source, None, self, None, len, flags(manner)).map_err(ours)
            })
            .map_err(|errno| failed("splice", errno))
    }
}
