//! The input of a program.

use super::child::{Child, Started, start};
use crate::error::Result;
use crate::pipe::PipeWriter;
use crate::process::{ChildStatus, Pid};
use crate::wait::Wait;
use rustix::fd::BorrowedFd;
use std::io::{self, IoSlice, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

/// A program whose input is written: `popen` for writing. Its other descriptors are what the [`Command`] says.
///
/// When dropped it closes the pipe, so that the program reads the end, and lets it go on.
///
/// ```
/// use ipc_safe::command::{CommandWriter, shell};
/// use ipc_safe::process::ChildStatus;
/// use std::io::Write;
///
/// let mut command = CommandWriter::start(&mut shell("read number; exit $number"))?;
/// command.write_all(b"7\n").unwrap();
/// assert_eq!(command.close()?, ChildStatus::Exited(7));
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [popen(3)](https://man7.org/linux/man-pages/man3/popen.3.html)
#[doc(alias = "popen")]
#[derive(Debug)]
pub struct CommandWriter {
    // Closed before the program is waited for.
    input: Option<PipeWriter>,
    child: Child,
}

impl CommandWriter {
    /// Starts the program. Its standard input is set here.
    ///
    /// # Errors
    ///
    /// As [`CommandReader::start`](super::CommandReader::start).
    pub fn start(command: &mut Command) -> Result<Self> {
        let Started { child, input, .. } = start(command.stdin(Stdio::piped()))?;
        Ok(Self { input, child })
    }

    /// The pipe, for its waiting forms; none once it is closed.
    #[must_use]
    pub const fn pipe(&self) -> Option<&PipeWriter> {
        self.input.as_ref()
    }

    /// The process id of the program.
    #[must_use]
    pub const fn pid(&self) -> Pid {
        self.child.pid()
    }

    /// A descriptor of the program, to send it signals by; none when it ended at once and `SIGCHLD` is ignored.
    #[must_use]
    pub fn pidfd(&self) -> Option<BorrowedFd<'_>> {
        self.child.pidfd()
    }

    /// Closes the pipe, and waits for the program to end. Called again, it tells the same.
    ///
    /// # Errors
    ///
    /// As [`CommandReader::close`](super::CommandReader::close).
    #[doc(alias = "pclose")]
    pub fn close(&mut self) -> Result<ChildStatus> {
        self.close_as(Wait::Forever)
    }

    /// As [`close`](Self::close), without waiting.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](crate::error::ErrorKind::WouldBlock) when it runs, otherwise as [`close`](Self::close).
    pub fn try_close(&mut self) -> Result<ChildStatus> {
        self.close_as(Wait::No)
    }

    /// As [`close`](Self::close), at most so long.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](crate::error::ErrorKind::TimedOut) when it runs, otherwise as [`close`](Self::close).
    pub fn close_timeout(&mut self, timeout: Duration) -> Result<ChildStatus> {
        self.close_as(Wait::at_most(timeout))
    }

    /// As [`close`](Self::close), until a signal handler has run.
    ///
    /// # Errors
    ///
    /// [`Interrupted`](crate::error::ErrorKind::Interrupted), otherwise as [`close`](Self::close).
    pub fn close_interruptible(&mut self) -> Result<ChildStatus> {
        self.close_as(Wait::Interruptible)
    }

    fn close_as(&mut self, wait: Wait) -> Result<ChildStatus> {
        self.input = None;
        self.child.wait(wait)
    }
}

/// Writes the input; an error once it is closed, as without a reader.
impl Write for CommandWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.input.as_ref().map_or_else(closed, |mut input| input.write(bytes))
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        self.input.as_ref().map_or_else(closed, |mut input| input.write_vectored(buffers))
    }

    /// Does nothing: nothing is kept back.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn closed() -> io::Result<usize> {
    Err(io::ErrorKind::BrokenPipe.into())
}
