//! A program that answers.

use super::child::{Child, Started, start};
use super::coprocess_options::CoprocessOptions;
use super::message::{Arrived, Missing, Protocol};
use crate::error::{Errno, Error, ErrorKind, Result};
use crate::pipe::{PipeReader, PipeWriter, ours};
use crate::process::{ChildStatus, Pid};
use crate::signal::without_broken_pipe;
use crate::wait::{Wait, until_any_ready};
use rustix::event::{PollFd, PollFlags};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A program that is written to and read from: messages in both directions, lines unless the [options](Self::options) say frames.
///
/// What the program writes on its own account, such as a greeting, is received like an answer: before the first request.
///
/// Nothing here waits for ever unless the plain forms are asked to, and whatever the program does is an error that says so: it
/// ends, it closes its output, it answers half a line, it writes without end. While a message is sent, what comes is taken, so
/// that two full pipes never wait for each other.
///
/// Many programs keep their output back when it is no terminal: that is a request that is never answered. They have an option
/// against it (`sed -u`, `grep --line-buffered`), or `stdbuf -oL` helps.
///
/// When dropped it kills the program, and waits for that. A program that is to end by itself gets [`finish`](Self::finish).
/// Forked copies of the value are of no use, so that nobody answers for somebody else: their methods fail with
/// [`InvalidInput`](ErrorKind::InvalidInput), and nothing is killed.
///
/// ```
/// use ipc_safe::command::Coprocess;
/// use std::process::Command;
/// use std::time::Duration;
///
/// let mut upper = Coprocess::start(Command::new("sed").args(["-u", "s/a/A/g"]))?;
/// assert_eq!(upper.request_timeout("banana", Duration::from_secs(10))?, b"bAnAnA");
/// let (rest, status) = upper.finish()?;
/// assert!(rest.is_empty() && status.is_success());
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [pipe(7)](https://man7.org/linux/man-pages/man7/pipe.7.html), [poll(2)](https://man7.org/linux/man-pages/man2/poll.2.html)
#[doc(alias = "popen2")]
#[doc(alias = "coproc")]
#[derive(Debug)]
#[must_use = "the program is killed when this value is dropped"]
pub struct Coprocess {
    input: Option<PipeWriter>,
    output: PipeReader,
    child: Child,
    protocol: Protocol,
    limit: usize,
    /// What came and was not received yet.
    came: Arrived,
    /// Where it is read to first.
    chunk: Box<[u8]>,
    has_ended: bool,
    /// Only a part of a message went: nothing that follows would be understood.
    is_torn: bool,
    /// A request was not answered yet.
    is_due: bool,
}

impl Coprocess {
    /// How to talk to it: lines or frames, how much is taken from it.
    pub const fn options() -> CoprocessOptions {
        CoprocessOptions::new()
    }

    /// Starts a program that is talked to in lines. Its standard input and output are set here.
    ///
    /// # Errors
    ///
    /// As [`CommandReader::start`](super::CommandReader::start).
    pub fn start(command: &mut Command) -> Result<Self> {
        Self::options().start(command)
    }

    pub(super) fn new(command: &mut Command, protocol: Protocol, limit: usize) -> Result<Self> {
        let Started { mut child, input, output } = start(command.stdin(Stdio::piped()).stdout(Stdio::piped()))?;
        let ends = input.zip(output).ok_or_else(|| Error::invalid("execve", "the program has no pipes"));
        let prepared = ends.and_then(|(input, output)| {
            // The program has the other ends, whose descriptions are not changed by this.
            input.set_nonblocking(true)?;
            output.set_nonblocking(true)?;
            Ok((input, output))
        });
        match prepared {
            Ok((input, output)) => Ok(Self {
                input: Some(input),
                output,
                child,
                protocol,
                limit,
                came: Arrived::default(),
                chunk: vec![0; HEADROOM].into(),
                has_ended: false,
                is_torn: false,
                is_due: false,
            }),
            Err(error) => {
                child.end();
                Err(error)
            }
        }
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

    /// Sends a message. Waits for the program to read it, and takes meanwhile what it writes.
    ///
    /// # Errors
    ///
    /// [`Closed`](ErrorKind::Closed) when the program does not read any more, with how it ended; [`TooBig`](ErrorKind::TooBig)
    /// when it writes more than the [limit](CoprocessOptions::limit) meanwhile; [`InvalidInput`](ErrorKind::InvalidInput) for a
    /// line with a line feed, after [`finish`](Self::finish), and once a message went only in part.
    pub fn send(&mut self, message: impl AsRef<[u8]>) -> Result<()> {
        self.send_as(Wait::Forever, message.as_ref())
    }

    /// As [`send`](Self::send), without waiting.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](ErrorKind::WouldBlock), otherwise as [`send`](Self::send). Up to
    /// [`PIPE_BUF`](crate::pipe::PIPE_BUF) bytes were not sent then; of more, a part may be, and nothing can follow it.
    pub fn try_send(&mut self, message: impl AsRef<[u8]>) -> Result<()> {
        self.send_as(Wait::No, message.as_ref())
    }

    /// As [`send`](Self::send), at most so long.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](ErrorKind::TimedOut), otherwise as [`send`](Self::send). Up to
    /// [`PIPE_BUF`](crate::pipe::PIPE_BUF) bytes were not sent then; of more, a part may be, and nothing can follow it.
    pub fn send_timeout(&mut self, message: impl AsRef<[u8]>, timeout: Duration) -> Result<()> {
        self.send_as(Wait::at_most(timeout), message.as_ref())
    }

    /// As [`send`](Self::send), until a signal handler has run.
    ///
    /// # Errors
    ///
    /// [`Interrupted`](ErrorKind::Interrupted), otherwise as [`send`](Self::send). Up to
    /// [`PIPE_BUF`](crate::pipe::PIPE_BUF) bytes were not sent then; of more, a part may be, and nothing can follow it.
    pub fn send_interruptible(&mut self, message: impl AsRef<[u8]>) -> Result<()> {
        self.send_as(Wait::Interruptible, message.as_ref())
    }

    /// Receives a message, without its line feed or length. Waits for it.
    ///
    /// # Errors
    ///
    /// [`Closed`](ErrorKind::Closed) when the program closed its output, with how it ended; [`Truncated`](ErrorKind::Truncated)
    /// when it did so in the middle of a message; [`TooBig`](ErrorKind::TooBig) when the message is longer than the
    /// [limit](CoprocessOptions::limit): it stays, and nothing behind it is received.
    pub fn receive(&mut self) -> Result<Vec<u8>> {
        self.receive_as(Wait::Forever)
    }

    /// As [`receive`](Self::receive), when a message is there.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](ErrorKind::WouldBlock), otherwise as [`receive`](Self::receive).
    pub fn try_receive(&mut self) -> Result<Vec<u8>> {
        self.receive_as(Wait::No)
    }

    /// As [`receive`](Self::receive), at most so long.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](ErrorKind::TimedOut), otherwise as [`receive`](Self::receive). What came of the message stays for the next
    /// try.
    pub fn receive_timeout(&mut self, timeout: Duration) -> Result<Vec<u8>> {
        self.receive_as(Wait::at_most(timeout))
    }

    /// As [`receive`](Self::receive), until a signal handler has run.
    ///
    /// # Errors
    ///
    /// [`Interrupted`](ErrorKind::Interrupted), otherwise as [`receive`](Self::receive).
    pub fn receive_interruptible(&mut self) -> Result<Vec<u8>> {
        self.receive_as(Wait::Interruptible)
    }

    /// Sends a message, and receives the one that answers it.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send) and [`receive`](Self::receive); [`InvalidInput`](ErrorKind::InvalidInput) while the answer to an
    /// earlier request is due, which would be taken for the answer to this one: receive that first.
    pub fn request(&mut self, message: impl AsRef<[u8]>) -> Result<Vec<u8>> {
        self.request_as(Wait::Forever, message.as_ref())
    }

    /// As [`request`](Self::request), at most so long in all.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](ErrorKind::TimedOut), otherwise as [`request`](Self::request).
    pub fn request_timeout(&mut self, message: impl AsRef<[u8]>, timeout: Duration) -> Result<Vec<u8>> {
        self.request_as(Wait::at_most(timeout), message.as_ref())
    }

    /// As [`request`](Self::request), until a signal handler has run.
    ///
    /// # Errors
    ///
    /// [`Interrupted`](ErrorKind::Interrupted), otherwise as [`request`](Self::request).
    pub fn request_interruptible(&mut self, message: impl AsRef<[u8]>) -> Result<Vec<u8>> {
        self.request_as(Wait::Interruptible, message.as_ref())
    }

    /// Closes the program's input, takes what it still writes, and waits for its end: what was not received, and how it ended.
    ///
    /// # Errors
    ///
    /// [`TooBig`](ErrorKind::TooBig) when it writes more than the limit; [`NotFound`](ErrorKind::NotFound) when its status is
    /// lost, see [the module](super).
    pub fn finish(&mut self) -> Result<(Vec<u8>, ChildStatus)> {
        self.finish_as(Wait::Forever)
    }

    /// As [`finish`](Self::finish), at most so long. To be called again, or dropped, when the time was too short.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](ErrorKind::TimedOut), otherwise as [`finish`](Self::finish).
    pub fn finish_timeout(&mut self, timeout: Duration) -> Result<(Vec<u8>, ChildStatus)> {
        self.finish_as(Wait::at_most(timeout))
    }

    /// As [`finish`](Self::finish), without waiting.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](ErrorKind::WouldBlock), otherwise as [`finish`](Self::finish).
    pub fn try_finish(&mut self) -> Result<(Vec<u8>, ChildStatus)> {
        self.finish_as(Wait::No)
    }

    /// As [`finish`](Self::finish), until a signal handler has run.
    ///
    /// # Errors
    ///
    /// [`Interrupted`](ErrorKind::Interrupted), otherwise as [`finish`](Self::finish).
    pub fn finish_interruptible(&mut self) -> Result<(Vec<u8>, ChildStatus)> {
        self.finish_as(Wait::Interruptible)
    }

    /// Writes all of the bytes as they are, whatever the protocol is, and [finishes](Self::finish): for programs such as `sort`,
    /// which answer when their input has ended.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send) and [`finish`](Self::finish). That the program stops reading early is no error: it may have read
    /// all it needs.
    ///
    /// ```
    /// use ipc_safe::command::Coprocess;
    /// use std::process::Command;
    ///
    /// let (sorted, status) = Coprocess::start(&mut Command::new("sort"))?.filter("b\na\nc\n")?;
    /// assert_eq!((sorted.as_slice(), status.is_success()), (&b"a\nb\nc\n"[..], true));
    /// # Ok::<(), ipc_safe::Error>(())
    /// ```
    pub fn filter(&mut self, bytes: impl AsRef<[u8]>) -> Result<(Vec<u8>, ChildStatus)> {
        self.filter_as(Wait::Forever, bytes.as_ref())
    }

    /// As [`filter`](Self::filter), at most so long in all.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](ErrorKind::TimedOut), otherwise as [`filter`](Self::filter).
    pub fn filter_timeout(&mut self, bytes: impl AsRef<[u8]>, timeout: Duration) -> Result<(Vec<u8>, ChildStatus)> {
        self.filter_as(Wait::at_most(timeout), bytes.as_ref())
    }

    fn send_as(&mut self, wait: Wait, message: &[u8]) -> Result<()> {
        let packed = self.protocol.pack(message)?;
        self.write_all(wait, &packed)
    }

    fn receive_as(&mut self, wait: Wait) -> Result<Vec<u8>> {
        self.child.check("read")?;
        loop {
            match self.came.take_message(self.protocol, self.limit) {
                Ok(message) => {
                    self.is_due = false;
                    return Ok(message);
                }
                Err(Missing::TooLong(len)) => return Err(self.too_big(len)),
                Err(Missing::Rest) => {}
            }
            if self.has_ended {
                return Err(self.ended(wait));
            }
            let mut descriptors = [PollFd::new(&self.output, PollFlags::IN)];
            until_any_ready(&mut descriptors, wait).map_err(|errno| self.no_answer(errno))?;
            self.read_some()?;
        }
    }

    fn request_as(&mut self, wait: Wait, message: &[u8]) -> Result<Vec<u8>> {
        if self.is_due {
            let reason = "the answer to an earlier request is still to come: receive it first";
            return Err(Error::invalid("write", reason).without_errno());
        }
        self.send_as(wait, message)?;
        self.is_due = true;
        self.receive_as(wait)
    }

    fn filter_as(&mut self, wait: Wait, bytes: &[u8]) -> Result<(Vec<u8>, ChildStatus)> {
        match self.write_all(wait, bytes) {
            Err(error) if error.kind() != ErrorKind::Closed => Err(error),
            _ => self.finish_as(wait),
        }
    }

    fn finish_as(&mut self, wait: Wait) -> Result<(Vec<u8>, ChildStatus)> {
        self.child.check("read")?;
        self.input = None;
        while !self.has_ended {
            self.check_flood()?;
            let mut descriptors = [PollFd::new(&self.output, PollFlags::IN)];
            until_any_ready(&mut descriptors, wait).map_err(|errno| Error::new("poll", errno))?;
            self.read_some()?;
        }
        let status = self.child.wait(wait)?;
        Ok((self.came.take_all(), status))
    }

    /// Writes, and reads meanwhile.
    fn write_all(&mut self, wait: Wait, bytes: &[u8]) -> Result<()> {
        self.child.check("write")?;
        let refused = |reason| Err(Error::invalid("write", reason).without_errno());
        if self.is_torn {
            return refused("only a part of an earlier message was sent: nothing can follow it");
        }
        if self.input.is_none() {
            return refused("the input of the program is closed");
        }
        let mut left = bytes;
        while !left.is_empty() {
            let written = self.write_some(wait, left);
            // What was sent in part cannot be taken back.
            self.is_torn = left.len() < bytes.len() && written.is_err();
            left = &left[written?..];
        }
        Ok(())
    }

    /// Waits until the program reads or writes, and does its part; how many bytes it was given.
    fn write_some(&mut self, wait: Wait, bytes: &[u8]) -> Result<usize> {
        self.check_flood()?;
        let Some(input) = &self.input else { return Ok(0) };
        let mut descriptors = [PollFd::new(input, PollFlags::OUT), PollFd::new(&self.output, PollFlags::IN)];
        // An end that has come is there for ever.
        let count = if self.has_ended { 1 } else { 2 };
        until_any_ready(&mut descriptors[..count], wait).map_err(not_read)?;
        let [can_write, can_read] = descriptors.map(|descriptor| !descriptor.revents().is_empty());
        if can_read {
            self.read_some()?;
        }
        if can_write { self.write_now(wait, bytes) } else { Ok(0) }
    }

    fn write_now(&mut self, wait: Wait, bytes: &[u8]) -> Result<usize> {
        let Some(input) = &self.input else { return Ok(0) };
        // The death of the program is not that of this one.
        match without_broken_pipe(|| rustix::io::write(input, bytes).map_err(ours))? {
            Ok(len) => Ok(len),
            Err(Errno::AGAIN | Errno::INTR) => Ok(0),
            Err(errno) => {
                let how = self.child.describe(patience(wait));
                let error = Error::new("write", errno);
                Err(match error.kind() {
                    ErrorKind::Closed => error.because(format!("the program does not read any more: {how}")),
                    _ => error,
                })
            }
        }
    }

    /// Takes what is there now.
    fn read_some(&mut self) -> Result<()> {
        match rustix::io::read(&self.output, &mut self.chunk[..]).map_err(ours) {
            Ok(0) => self.has_ended = true,
            Ok(len) => self.came.push(&self.chunk[..len]),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(errno) => return Err(Error::new("read", errno)),
        }
        Ok(())
    }

    /// That it has not written more than is taken.
    fn check_flood(&self) -> Result<()> {
        if self.came.len() <= self.limit {
            return Ok(());
        }
        Err(Error::new("read", Errno::from_raw(libc::EMSGSIZE)).without_errno().because(format!(
            "the program has written {} bytes that nobody received; at most {} are taken",
            self.came.len(),
            self.limit
        )))
    }

    fn too_big(&self, len: usize) -> Error {
        let (unit, limit) = (self.protocol.unit(), self.limit);
        Error::new("read", Errno::from_raw(libc::EMSGSIZE))
            .without_errno()
            .because(format!("a {unit} of {len} bytes or more; at most {limit} are taken"))
    }

    fn no_answer(&self, errno: Errno) -> Error {
        let error = Error::new("read", errno);
        match (errno, self.came.len()) {
            (Errno::TIMEDOUT, 0) => error.because("nothing came in time; does the program keep its output back?"),
            (Errno::TIMEDOUT, len) => {
                error.because(format!("only a part of a {} came in time, {len} bytes", self.protocol.unit()))
            }
            _ => error,
        }
    }

    /// The program has closed its output, perhaps because it ended.
    fn ended(&mut self, wait: Wait) -> Error {
        let how = self.child.describe(patience(wait));
        let error = Error::new("read", Errno::from_raw(libc::EPIPE)).without_errno();
        match self.came.len() {
            0 => error.because(format!("the program closed its output: {how}")),
            len => error.kind_of(ErrorKind::Truncated).because(format!(
                "the program closed its output in the middle of a {}, after {len} bytes: {how}",
                self.protocol.unit()
            )),
        }
    }
}

/// How much is read at a time, and may therefore be there beyond the limit.
const HEADROOM: usize = 8192;

fn not_read(errno: Errno) -> Error {
    let error = Error::new("write", errno);
    match errno {
        Errno::TIMEDOUT => error.because("the program did not read all of it in time"),
        _ => error,
    }
}

/// How long to wait for the status of a program whose pipes are closed: it is ending, or never will.
fn patience(wait: Wait) -> Duration {
    const MOST: Duration = Duration::from_millis(100);
    match wait {
        Wait::Forever | Wait::Interruptible => MOST,
        Wait::No => Duration::ZERO,
        Wait::Until(deadline) => deadline.saturating_duration_since(Instant::now()).min(MOST),
    }
}

/// What it writes, for `poll`. A message that came together with an earlier one is not seen there: receive, without waiting, until
/// there is none.
impl AsFd for Coprocess {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.output.as_fd()
    }
}

impl AsRawFd for Coprocess {
    fn as_raw_fd(&self) -> RawFd {
        self.output.as_raw_fd()
    }
}

impl Drop for Coprocess {
    fn drop(&mut self) {
        crate::error::keeping_errno(|| {
            // One that may not be killed, because it has become another user's, finds the end of its input.
            self.input = None;
            self.child.end();
        });
    }
}
