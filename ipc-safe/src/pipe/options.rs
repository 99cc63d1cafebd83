//! How a pipe is made.

use super::end::{End, ours};
use super::{PipeReader, PipeWriter};
use crate::error::{Errno, Error, Result};
use rustix::pipe::{PipeFlags, pipe_with};

/// A new pipe: its two ends, blocking and close-on-exec.
///
/// # Errors
///
/// As [`PipeOptions::create`].
///
/// [pipe(2)](https://man7.org/linux/man-pages/man2/pipe.2.html)
#[doc(alias = "pipe2")]
pub fn pipe() -> Result<(PipeReader, PipeWriter)> {
    PipeOptions::new().create()
}

/// How to make a pipe: packets, non-blocking ends, capacity.
///
/// ```
/// use ipc_safe::pipe::PipeOptions;
///
/// let (reader, writer) = PipeOptions::new().packets(true).create()?;
/// writer.write_atomic("one")?;
/// writer.write_atomic("another")?;
/// let mut packet = [0; 100];
/// assert_eq!(reader.try_read(&mut packet)?, 3); // and not 10
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [pipe(2)](https://man7.org/linux/man-pages/man2/pipe.2.html)
#[doc(alias = "pipe2")]
#[derive(Clone, Copy, Debug, Default)]
#[must_use]
pub struct PipeOptions {
    packets: bool,
    nonblocking: bool,
    capacity: Option<usize>,
}

impl PipeOptions {
    /// A pipe as [`pipe`] makes it, until something else is said.
    pub const fn new() -> Self {
        Self { packets: false, nonblocking: false, capacity: None }
    }

    /// Each write is a packet, and each read takes one; a write of more than [`PIPE_BUF`](super::PIPE_BUF) bytes is several. What
    /// is longer than the reader's buffer is lost without a word: a buffer of `PIPE_BUF` bytes loses nothing. There are no empty
    /// packets.
    #[doc(alias = "O_DIRECT")]
    pub const fn packets(mut self, packets: bool) -> Self {
        self.packets = packets;
        self
    }

    /// Both ends are non-blocking, see [`PipeReader::set_nonblocking`].
    #[doc(alias = "O_NONBLOCK")]
    pub const fn nonblocking(mut self, nonblocking: bool) -> Self {
        self.nonblocking = nonblocking;
        self
    }

    /// It holds at least so many bytes, see [`PipeReader::set_capacity`].
    #[doc(alias = "F_SETPIPE_SZ")]
    pub const fn capacity(mut self, bytes: usize) -> Self {
        self.capacity = Some(bytes);
        self
    }

    /// Makes the pipe.
    ///
    /// # Errors
    ///
    /// [`LimitReached`](crate::error::ErrorKind::LimitReached) when the process or the system has as many descriptors as it may;
    /// otherwise as [`PipeReader::set_capacity`].
    #[doc(alias = "pipe2")]
    pub fn create(self) -> Result<(PipeReader, PipeWriter)> {
        let mut flags = PipeFlags::CLOEXEC;
        flags.set(PipeFlags::DIRECT, self.packets);
        flags.set(PipeFlags::NONBLOCK, self.nonblocking);
        let (reader, writer) = pipe_with(flags).map_err(|number| no_descriptor(Error::new("pipe2", ours(number))))?;
        let (reader, writer) = (PipeReader(End::new(reader)), PipeWriter(End::new(writer)));
        if let Some(bytes) = self.capacity {
            writer.set_capacity(bytes)?;
        }
        Ok((reader, writer))
    }
}

/// Says which limit is reached, when one is.
pub(crate) fn no_descriptor(error: Error) -> Error {
    match error.errno().map(Errno::as_raw) {
        Some(libc::EMFILE) => error.because("the process has as many descriptors as it may (RLIMIT_NOFILE)"),
        Some(libc::ENFILE) => error
            .because("the system has as many open files as it may (fs.file-max), or the user as many pages in pipes"),
        _ => error,
    }
}
