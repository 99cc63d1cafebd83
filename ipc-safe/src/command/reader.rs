//! The output of a program.

use super::child::{Child, Started, start};
use crate::error::Result;
use crate::pipe::PipeReader;
use crate::process::{ChildStatus, Pid};
use crate::wait::Wait;
use rustix::fd::BorrowedFd;
use std::io::{self, IoSliceMut, Read};
use std::process::{Command, Stdio};
use std::time::Duration;

/// A program whose output is read: `popen` for reading. Its other descriptors are what the [`Command`] says.
///
/// When dropped it closes the pipe and lets the program go on, which may get `SIGPIPE` when it writes more.
///
/// ```
/// use ipc_safe::command::{CommandReader, shell};
/// use ipc_safe::process::ChildStatus;
/// use std::io::Read;
///
/// let mut command = CommandReader::start(&mut shell("echo out; exit 7"))?;
/// let mut text = String::new();
/// command.read_to_string(&mut text).unwrap();
/// assert_eq!((text.as_str(), command.close()?), ("out\n", ChildStatus::Exited(7)));
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [popen(3)](https://man7.org/linux/man-pages/man3/popen.3.html)
#[doc(alias = "popen")]
#[derive(Debug)]
pub struct CommandReader {
    // Closed before the program is waited for.
    output: Option<PipeReader>,
    child: Child,
}

impl CommandReader {
    /// Starts the program. Its standard output is set here.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::error::ErrorKind::NotFound) without such a program,
    /// [`PermissionDenied`](crate::error::ErrorKind::PermissionDenied) when it may not be executed,
    /// [`LimitReached`](crate::error::ErrorKind::LimitReached) for processes or descriptors. Nothing is left behind then.
    pub fn start(command: &mut Command) -> Result<Self> {
        let Started { child, output, .. } = start(command.stdout(Stdio::piped()))?;
        Ok(Self { output, child })
    }

    /// The pipe, for its waiting forms; none once it is closed.
    #[must_use]
    pub const fn pipe(&self) -> Option<&PipeReader> {
        self.output.as_ref()
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
    /// [`NotFound`](crate::error::ErrorKind::NotFound) (`ECHILD`) when its status is lost, see [the module](super);
    /// [`InvalidInput`](crate::error::ErrorKind::InvalidInput) in a forked child.
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
        self.output = None;
        self.child.wait(wait)
    }
}

/// Reads the output; nothing more once it is closed.
impl Read for CommandReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.output.as_ref().map_or(Ok(0), |mut output| output.read(buffer))
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.output.as_ref().map_or(Ok(0), |mut output| output.read_vectored(buffers))
    }
}
