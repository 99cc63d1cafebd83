//! Programs, each of which reads what the one before writes.

use super::child::{Child, Started, start};
use crate::error::{Error, Result};
use crate::pipe::{PipeReader, PipeWriter};
use crate::process::{ChildStatus, Pid};
use crate::wait::Wait;
use core::borrow::BorrowMut;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Programs that run at the same time, the output of each being the input of the next one: what a shell makes of `a | b | c`.
///
/// The input of the first and the output of the last are what their commands say: inherited, a file, or, with
/// [`Stdio::piped`], a pipe whose other end is here. All between is set here.
///
/// When dropped it closes its ends and lets the programs go on.
///
/// ```
/// use ipc_safe::command::Pipeline;
/// use std::io::{Read, Write};
/// use std::process::{Command, Stdio};
///
/// let mut pipeline = Pipeline::start([
///     Command::new("sort").stdin(Stdio::piped()),
///     &mut Command::new("uniq"),
///     Command::new("wc").arg("-l").stdout(Stdio::piped()),
/// ])?;
/// pipeline.take_input().unwrap().write_all(b"b\na\nb\n").unwrap(); // and dropped: the end of the input
/// let mut count = String::new();
/// pipeline.output().unwrap().read_to_string(&mut count).unwrap();
/// assert_eq!(count.trim(), "2");
/// assert!(pipeline.wait()?.iter().all(|status| status.is_success()));
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [pipe(7)](https://man7.org/linux/man-pages/man7/pipe.7.html), [waitid(2)](https://man7.org/linux/man-pages/man2/waitid.2.html)
#[doc(alias = "popen")]
#[derive(Debug)]
pub struct Pipeline {
    // Closed before the programs are waited for.
    input: Option<PipeWriter>,
    output: Option<PipeReader>,
    children: Vec<Child>,
}

impl Pipeline {
    /// Starts the programs.
    ///
    /// # Errors
    ///
    /// As [`CommandReader::start`](super::CommandReader::start), for the first one that cannot be started: those that run
    /// already are killed then, and nothing is left behind. [`InvalidInput`](crate::error::ErrorKind::InvalidInput) without any.
    pub fn start<C: BorrowMut<Command>>(commands: impl IntoIterator<Item = C>) -> Result<Self> {
        let mut commands = commands.into_iter().peekable();
        let mut pipeline = Self { input: None, output: None, children: Vec::new() };
        let mut before = None;
        while let Some(mut command) = commands.next() {
            let is_last = commands.peek().is_none();
            match pipeline.add(command.borrow_mut(), before.take(), is_last) {
                Ok(output) => before = output,
                Err(error) => {
                    pipeline.children.iter_mut().for_each(Child::end);
                    return Err(error);
                }
            }
        }
        if pipeline.children.is_empty() {
            return Err(Error::invalid("execve", "a pipeline has at least one command").without_errno());
        }
        Ok(pipeline)
    }

    /// Starts one more, which reads `before`; its output, for the next one.
    fn add(&mut self, command: &mut Command, before: Option<PipeReader>, is_last: bool) -> Result<Option<PipeReader>> {
        let is_first = self.children.is_empty();
        if let Some(before) = before {
            command.stdin(before);
        }
        if !is_last {
            command.stdout(Stdio::piped());
        }
        let started = start(command);
        // The command goes on holding what it was given: the program before would never find that nobody reads any more.
        if !is_first {
            command.stdin(Stdio::inherit());
        }
        let Started { child, input, output } = started?;
        self.children.push(child);
        if is_first {
            self.input = input;
        }
        if is_last {
            self.output = output;
            return Ok(None);
        }
        Ok(output)
    }

    /// The writing end to the first program, when its command asked for a pipe and nobody took it.
    pub const fn input(&mut self) -> Option<&mut PipeWriter> {
        self.input.as_mut()
    }

    /// The reading end from the last program, when its command asked for a pipe and nobody took it.
    pub const fn output(&mut self) -> Option<&mut PipeReader> {
        self.output.as_mut()
    }

    /// Takes the writing end out. The first program reads the end of its input when it is dropped.
    pub const fn take_input(&mut self) -> Option<PipeWriter> {
        self.input.take()
    }

    /// Takes the reading end out.
    pub const fn take_output(&mut self) -> Option<PipeReader> {
        self.output.take()
    }

    /// The process ids, in the order of the commands.
    pub fn pids(&self) -> impl ExactSizeIterator<Item = Pid> {
        self.children.iter().map(Child::pid)
    }

    /// Closes the ends that nobody took, and waits until all have ended; their statuses, in the order of the commands. Called
    /// again, it tells the same.
    ///
    /// A shell tells the status of the last one, or with `pipefail` that of the last one that failed.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::error::ErrorKind::NotFound) (`ECHILD`) when a status is lost, see [the module](super); also then all
    /// have ended, and the others have their [statuses](Self::statuses). [`InvalidInput`](crate::error::ErrorKind::InvalidInput) in a forked child.
    #[doc(alias = "waitpid")]
    pub fn wait(&mut self) -> Result<Vec<ChildStatus>> {
        self.wait_as(Wait::Forever)
    }

    /// As [`wait`](Self::wait), without waiting.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](crate::error::ErrorKind::WouldBlock) when one of them runs, otherwise as [`wait`](Self::wait).
    pub fn try_wait(&mut self) -> Result<Vec<ChildStatus>> {
        self.wait_as(Wait::No)
    }

    /// As [`wait`](Self::wait), at most so long.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](crate::error::ErrorKind::TimedOut) when one of them runs, otherwise as [`wait`](Self::wait).
    pub fn wait_timeout(&mut self, timeout: Duration) -> Result<Vec<ChildStatus>> {
        self.wait_as(Wait::at_most(timeout))
    }

    /// As [`wait`](Self::wait), until a signal handler has run.
    ///
    /// # Errors
    ///
    /// [`Interrupted`](crate::error::ErrorKind::Interrupted), otherwise as [`wait`](Self::wait).
    pub fn wait_interruptible(&mut self) -> Result<Vec<ChildStatus>> {
        self.wait_as(Wait::Interruptible)
    }

    /// The status of each one that was waited for, in the order of the commands; none of the others. After [`wait`](Self::wait) has
    /// failed because one is lost, here are those of the others.
    pub fn statuses(&self) -> impl ExactSizeIterator<Item = Option<Result<ChildStatus>>> {
        self.children.iter().map(|child| child.ended().cloned())
    }

    /// Kills those that run, and waits for them.
    #[doc(alias = "SIGKILL")]
    pub fn kill(&mut self) {
        self.children.iter().for_each(Child::kill);
        self.children.iter_mut().for_each(Child::end);
    }

    fn wait_as(&mut self, wait: Wait) -> Result<Vec<ChildStatus>> {
        (self.input, self.output) = (None, None);
        let mut lost = None;
        let mut statuses = Vec::with_capacity(self.children.len());
        for child in &mut self.children {
            match child.wait(wait) {
                Ok(status) => statuses.push(status),
                Err(error) if error.kind() == crate::error::ErrorKind::NotFound => lost = lost.or(Some(error)),
                Err(error) => return Err(error),
            }
        }
        lost.map_or(Ok(statuses), Err)
    }
}
