//! Messages of any length over a stream.

use super::fault::fault;
use super::{Incoming, LocalStream, Outgoing};
use crate::error::{Errno, Error, ErrorKind, Result};
use crate::wait::Wait;
use std::io::IoSlice;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

/// Bytes before each frame: how long it is, and how many descriptors it has.
const HEADER: usize = 8;
/// The header says no more.
const MAX_LEN: usize = u32::MAX as usize;
/// So much memory is reserved before anything has come; after that, as much again as came.
const FIRST_STEP: usize = 64 << 10;

/// Messages over a [`LocalStream`], each with descriptors, and limits that hold against a peer that means harm.
///
/// A frame is its length in bytes and the number of its descriptors, two 32-bit integers in little-endian order, then the bytes; the
/// descriptors go with the first byte. A length is compared with the limit before memory is reserved for it, and memory is
/// reserved as bytes arrive. Descriptors that were not announced, or more than the limit, end the connection, and are closed.
///
/// ```
/// use ipc_safe::socket::{FramedStream, LocalStream};
/// use std::os::fd::AsFd;
///
/// let (here, there) = LocalStream::pair()?;
/// let mut here = FramedStream::new(here);
/// let mut there = FramedStream::new(there).max_len(1 << 20).max_descriptors(1);
///
/// here.send(b"a frame", &[std::io::stdin().as_fd()])?;
/// here.send(b"", &[])?;
/// let frame = there.receive()?.expect("not the end");
/// assert_eq!((&frame.bytes[..], frame.descriptors.len()), (&b"a frame"[..], 1));
/// assert!(there.receive()?.expect("not the end").bytes.is_empty());
/// drop(here);
/// assert!(there.receive()?.is_none());
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// # Half a frame
///
/// A call that fails with [`WouldBlock`](ErrorKind::WouldBlock), [`TimedOut`](ErrorKind::TimedOut) or
/// [`Interrupted`](ErrorKind::Interrupted) has done nothing that is lost: what has come of a frame is kept for the next
/// call, and a frame was not sent at all. One that has begun counts as sent: what did not fit is kept and goes out with the next
/// call that sends, or with [`flush`](Self::flush); [`unsent`](Self::unsent) says how much that is. Any other error is the end
/// of the connection.
///
/// [unix(7)](https://man7.org/linux/man-pages/man7/unix.7.html)
#[derive(Debug)]
pub struct FramedStream {
    stream: LocalStream,
    max_len: usize,
    max_descriptors: usize,
    partial: Partial,
    /// The rest of the last frame.
    rest: Vec<u8>,
    /// How much of `rest` is sent.
    rest_sent: usize,
    broken: bool,
}

/// A message that was received.
///
/// See [`FramedStream`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Frame {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its descriptors, close-on-exec.
    pub descriptors: Vec<OwnedFd>,
}

/// What has come of a frame.
#[derive(Debug, Default)]
struct Partial {
    header: [u8; HEADER],
    header_len: usize,
    descriptors: Vec<OwnedFd>,
    bytes: Vec<u8>,
}

impl Partial {
    /// The two numbers of the header.
    fn announced(&self) -> (usize, usize) {
        let [a, b, c, d, e, f, g, h] = self.header;
        (u32::from_le_bytes([a, b, c, d]) as usize, u32::from_le_bytes([e, f, g, h]) as usize)
    }
}

impl FramedStream {
    /// How long a received frame may be, unless [changed](Self::max_len).
    pub const DEFAULT_MAX_LEN: usize = 64 << 10;

    /// Receives frames of up to 64 KiB, without descriptors.
    #[must_use]
    pub fn new(stream: LocalStream) -> Self {
        Self {
            stream,
            max_len: Self::DEFAULT_MAX_LEN,
            max_descriptors: 0,
            partial: Partial::default(),
            rest: Vec::new(),
            rest_sent: 0,
            broken: false,
        }
    }

    /// How many bytes a frame may have that is received. One that is sent may have up to `u32::MAX`: what the peer takes is the
    /// peer's to say.
    #[must_use]
    pub fn max_len(mut self, len: usize) -> Self {
        self.max_len = len.min(MAX_LEN);
        self
    }

    /// How many descriptors a frame may have that is received, at most [253](Outgoing::MAX_DESCRIPTORS). One that is sent may
    /// have as many.
    #[must_use]
    pub fn max_descriptors(mut self, count: usize) -> Self {
        self.max_descriptors = count.min(Outgoing::MAX_DESCRIPTORS);
        self
    }

    /// The stream under it, for its addresses and credentials. What is sent or received there is missing here.
    pub const fn stream(&self) -> &LocalStream {
        &self.stream
    }

    /// The stream, with nothing read ahead. What has come of a frame, and what is unsent of one, is lost.
    pub fn into_stream(self) -> LocalStream {
        self.stream
    }

    /// Sends a frame; waits until all of it is sent.
    ///
    /// # Errors
    ///
    /// [`TooBig`](ErrorKind::TooBig) for more than 4 GiB or 253 descriptors; [`Closed`](ErrorKind::Closed) when the
    /// peer is closed or an earlier error ended the connection; otherwise as [`LocalSocket::send`](super::LocalSocket::send).
    pub fn send(&mut self, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> Result<()> {
        self.send_as(bytes, descriptors, Wait::Forever)
    }

    /// As [`send`](Self::send), without waiting.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](ErrorKind::WouldBlock) when nothing of it could be sent; otherwise as [`send`](Self::send).
    pub fn try_send(&mut self, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> Result<()> {
        self.send_as(bytes, descriptors, Wait::No)
    }

    /// As [`send`](Self::send), waiting at most so long.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](ErrorKind::TimedOut) when nothing of it could be sent by then; otherwise as [`send`](Self::send).
    pub fn send_timeout(&mut self, bytes: &[u8], descriptors: &[BorrowedFd<'_>], timeout: Duration) -> Result<()> {
        self.send_as(bytes, descriptors, Wait::at_most(timeout))
    }

    /// As [`send`](Self::send), until a signal handler has run.
    ///
    /// # Errors
    ///
    /// [`Interrupted`](ErrorKind::Interrupted) when nothing of it was sent; otherwise as [`send`](Self::send).
    pub fn send_interruptible(&mut self, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> Result<()> {
        self.send_as(bytes, descriptors, Wait::Interruptible)
    }

    fn send_as(&mut self, bytes: &[u8], descriptors: &[BorrowedFd<'_>], wait: Wait) -> Result<()> {
        if bytes.len() > MAX_LEN {
            return Err(too_big("sendmsg", "bytes", bytes.len(), MAX_LEN));
        }
        if descriptors.len() > Outgoing::MAX_DESCRIPTORS {
            return Err(too_big("sendmsg", "descriptors", descriptors.len(), Outgoing::MAX_DESCRIPTORS));
        }
        self.flush_as(wait)?;
        // Both fit: the limits do.
        let numbers = [bytes.len() as u32, descriptors.len() as u32].map(u32::to_le_bytes);
        let header = numbers.as_flattened();
        let slices = [IoSlice::new(header), IoSlice::new(bytes)];
        let sent = self.stream.send_as(&Outgoing::vectored(&slices).descriptors(descriptors), wait);
        let sent = self.noted(sent)?;
        self.rest_sent = 0;
        self.rest.clear();
        if sent < HEADER + bytes.len() {
            self.rest.extend_from_slice(header.get(sent..).unwrap_or_default());
            self.rest.extend_from_slice(bytes.get(sent.saturating_sub(HEADER)..).unwrap_or_default());
        }
        match self.flush_as(wait) {
            Err(error) if is_passing(&error) => Ok(()),
            other => other,
        }
    }

    /// How many bytes of the last frame are still to be sent.
    #[must_use]
    pub const fn unsent(&self) -> usize {
        self.rest.len() - self.rest_sent
    }

    /// Sends the rest of the last frame; waits for it.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn flush(&mut self) -> Result<()> {
        self.flush_as(Wait::Forever)
    }

    /// As [`flush`](Self::flush), without waiting.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](ErrorKind::WouldBlock) when there is still a rest; otherwise as [`send`](Self::send).
    pub fn try_flush(&mut self) -> Result<()> {
        self.flush_as(Wait::No)
    }

    /// As [`flush`](Self::flush), waiting at most so long.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](ErrorKind::TimedOut) when there is still a rest then; otherwise as [`send`](Self::send).
    pub fn flush_timeout(&mut self, timeout: Duration) -> Result<()> {
        self.flush_as(Wait::at_most(timeout))
    }

    /// As [`flush`](Self::flush), until a signal handler has run.
    ///
    /// # Errors
    ///
    /// [`Interrupted`](ErrorKind::Interrupted) when there is still a rest; otherwise as [`send`](Self::send).
    pub fn flush_interruptible(&mut self) -> Result<()> {
        self.flush_as(Wait::Interruptible)
    }

    #[inline]
    fn flush_as(&mut self, wait: Wait) -> Result<()> {
        self.check("sendmsg")?;
        while let Some(rest @ [_, ..]) = self.rest.get(self.rest_sent..) {
            let sent = self.stream.send_as(&Outgoing::new(rest), wait);
            self.rest_sent += self.noted(sent)?;
        }
        Ok(())
    }

    /// Receives a frame; waits for it. None at the end of the stream.
    ///
    /// # Errors
    ///
    /// [`TooBig`](ErrorKind::TooBig) for a frame above the limits; [`Truncated`](ErrorKind::Truncated) when the stream ends in
    /// the middle of one; one with the number `EPROTO` when its descriptors are not those that it announced;
    /// [`LimitReached`](ErrorKind::LimitReached) when this process has no room for them;
    /// [`Closed`](ErrorKind::Closed) after any of these.
    pub fn receive(&mut self) -> Result<Option<Frame>> {
        self.receive_as(Wait::Forever)
    }

    /// As [`receive`](Self::receive), without waiting.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](ErrorKind::WouldBlock) when there is no whole one; otherwise as [`receive`](Self::receive).
    pub fn try_receive(&mut self) -> Result<Option<Frame>> {
        self.receive_as(Wait::No)
    }

    /// As [`receive`](Self::receive), waiting at most so long for all of it.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](ErrorKind::TimedOut) when there is no whole one by then; otherwise as [`receive`](Self::receive).
    pub fn receive_timeout(&mut self, timeout: Duration) -> Result<Option<Frame>> {
        self.receive_as(Wait::at_most(timeout))
    }

    /// As [`receive`](Self::receive), until a signal handler has run.
    ///
    /// # Errors
    ///
    /// [`Interrupted`](ErrorKind::Interrupted); otherwise as [`receive`](Self::receive).
    pub fn receive_interruptible(&mut self) -> Result<Option<Frame>> {
        self.receive_as(Wait::Interruptible)
    }

    /// Receives the next frame into the memory of this one, which nobody needs any more: its descriptors are closed. Otherwise
    /// memory is reserved for each frame.
    ///
    /// ```
    /// use ipc_safe::socket::{FramedStream, LocalStream};
    ///
    /// let (here, there) = LocalStream::pair()?;
    /// let (mut here, mut there) = (FramedStream::new(here), FramedStream::new(there));
    /// for request in ["one", "two"] {
    ///     here.send(request.as_bytes(), &[])?;
    ///     let frame = there.receive()?.expect("not the end");
    ///     assert_eq!(frame.bytes, request.as_bytes());
    ///     there.reuse(frame);
    /// }
    /// # Ok::<(), ipc_safe::Error>(())
    /// ```
    pub fn reuse(&mut self, frame: Frame) {
        let Frame { mut bytes, mut descriptors } = frame;
        bytes.clear();
        descriptors.clear();
        // What has come of the next one stays.
        if self.partial.bytes.is_empty() {
            self.partial.bytes = bytes;
        }
        if self.partial.descriptors.is_empty() {
            self.partial.descriptors = descriptors;
        }
    }

    fn receive_as(&mut self, wait: Wait) -> Result<Option<Frame>> {
        self.check("recvmsg")?;
        let received = self.advance(wait);
        if matches!(&received, Err(error) if !is_passing(error)) {
            self.partial = Partial::default();
        }
        self.noted(received)
    }

    /// Receives until the frame is whole. Never more than it has: the descriptors of the next one come with its first byte.
    #[inline]
    fn advance(&mut self, wait: Wait) -> Result<Option<Frame>> {
        while self.partial.header_len < HEADER {
            let (came, lost) = self.receive_header(wait)?;
            if lost {
                let reason = "more descriptors came than are allowed, or than this process may have; they are closed";
                return Err(Error::new("recvmsg", Errno::from_raw(libc::EMFILE)).because(reason));
            }
            if came == 0 {
                return if self.partial.header_len == 0 { Ok(None) } else { Err(ended()) };
            }
            self.partial.header_len += came;
            self.check_descriptors()?;
        }
        let (len, descriptors) = self.partial.announced();
        if len > self.max_len {
            return Err(too_big("recvmsg", "bytes", len, self.max_len));
        }
        if descriptors != self.partial.descriptors.len() {
            return Err(violated(format!("{descriptors} announced, {} came", self.partial.descriptors.len())));
        }
        while self.partial.bytes.len() < len {
            self.receive_some(len, wait)?;
        }
        let Partial { bytes, descriptors, .. } = core::mem::take(&mut self.partial);
        Ok(Some(Frame { bytes, descriptors }))
    }

    /// Receives a part of the header, and the descriptors that come with it: how many bytes, and whether descriptors were lost.
    #[inline]
    fn receive_header(&mut self, wait: Wait) -> Result<(usize, bool)> {
        let Partial { header, header_len, descriptors, .. } = &mut self.partial;
        let room = header.get_mut(*header_len..).unwrap_or_default();
        if self.max_descriptors == 0 {
            return self.stream.receive_bytes(room, wait);
        }
        let mut incoming = Incoming::new(room).descriptors(self.max_descriptors);
        if descriptors.is_empty() {
            incoming = incoming.reuse(core::mem::take(descriptors));
        }
        let received = self.stream.receive_message_as(&mut incoming, wait)?;
        if descriptors.is_empty() {
            *descriptors = received.descriptors;
        } else {
            descriptors.extend(received.descriptors);
        }
        Ok((received.len, received.descriptors_lost))
    }

    fn check_descriptors(&self) -> Result<()> {
        match self.partial.descriptors.len() {
            count if count > self.max_descriptors => {
                Err(too_big("recvmsg", "descriptors", count, self.max_descriptors))
            }
            _ => Ok(()),
        }
    }

    /// Receives a part of a frame that has `len` bytes.
    #[inline]
    fn receive_some(&mut self, len: usize, wait: Wait) -> Result<()> {
        let bytes = &mut self.partial.bytes;
        let had = bytes.len();
        let step = had.max(FIRST_STEP).min(len - had);
        bytes.resize(had + step, 0);
        let room = bytes.get_mut(had..).unwrap_or_default();
        let received = self.stream.receive_bytes(room, wait);
        bytes.truncate(had + received.as_ref().map_or(0, |(came, _)| *came));
        match received? {
            (_, true) => Err(violated("some came in the middle of it".to_owned())),
            (0, _) => Err(ended()),
            _ => Ok(()),
        }
    }

    #[inline]
    fn check(&self, call: &'static str) -> Result<()> {
        if !self.broken {
            return Ok(());
        }
        let error = fault(call, Errno::from_raw(libc::EPIPE));
        Err(error.without_errno().because("an earlier error ended the connection"))
    }

    /// Remembers an error after which nobody knows where a frame begins.
    #[inline]
    fn noted<T>(&mut self, result: Result<T>) -> Result<T> {
        self.broken |= matches!(&result, Err(error) if !is_passing(error));
        result
    }
}

/// Whether the call can be made again.
fn is_passing(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

#[cold]
fn too_big(call: &'static str, of_what: &str, count: usize, limit: usize) -> Error {
    Error::new(call, Errno::from_raw(libc::EMSGSIZE))
        .without_errno()
        .about(format!("a frame of {count} {of_what}"))
        .because(format!("a frame has at most {limit} {of_what} here"))
}

#[cold]
fn violated(how: String) -> Error {
    Error::new("recvmsg", Errno::from_raw(libc::EPROTO))
        .about(how)
        .because("the descriptors of a frame come with its first byte, as many as it says")
}

#[cold]
fn ended() -> Error {
    Error::new("recvmsg", Errno::INVAL)
        .kind_of(ErrorKind::Truncated)
        .without_errno()
        .because("the stream ended in the middle of a frame")
}

impl AsFd for FramedStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl AsRawFd for FramedStream {
    fn as_raw_fd(&self) -> RawFd {
        self.stream.as_raw_fd()
    }
}
