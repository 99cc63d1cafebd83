//! The end that sends, and how it sends messages of bytes.

use super::Waiting;
use super::end::{End, Sending};
use super::format::{Format, Messages};
use super::header::Header;
use super::raw::Area;
use super::record::{self, PREFIX};
use super::reservation::Reservation;
use super::ring::{Geometry, Writing};
use super::waiting::Fault;
use crate::error::{Rejected, Result};
use crate::process::Pid;
use crate::shared::{ReadWrite, Region, SharedBytes};
use crate::wait::Wait;
use core::marker::PhantomData;
use rustix::fd::BorrowedFd;
use std::time::Duration;

/// The end of a [`Channel`](super::Channel) that sends.
///
/// A message is sent when the call returns: from then on the receiver gets it, whatever becomes of this process. A call that
/// fails sent nothing.
///
/// When this is dropped the stream ends; another sender may take the end afterwards. In a forked child its copy does nothing.
///
/// What it sends is said by the format of the channel: messages of bytes here, or values ([`TypedSender`](super::TypedSender)).
pub struct Sender<R: Region<Access = ReadWrite>, F: Format = Messages> {
    pub(super) end: End<R, Sending>,
    pub(super) ring: Writing,
    format: PhantomData<fn(F)>,
}

impl<R: Region<Access = ReadWrite>, F: Format> Sender<R, F> {
    pub(super) fn claim(area: Area<R>, geometry: Geometry) -> Result<Self, Rejected<Area<R>>> {
        let resume = |header: &Header| Writing::resume(geometry, &header.tail.word, &header.head.word);
        let (end, ring) = End::claim("Channel::sender", area, resume)?;
        Ok(Self { end, ring, format: PhantomData })
    }

    /// How this end waits for room.
    #[must_use]
    pub const fn waiting(&self) -> Waiting {
        self.end.waiting()
    }

    /// How this end waits for room from now on.
    pub const fn set_waiting(&mut self, waiting: Waiting) {
        self.end.set_waiting(waiting);
    }

    /// The process that has the end that receives, if a living one has it. A system call or two.
    #[must_use]
    pub fn peer(&self) -> Option<Pid> {
        self.end.peer()
    }

    /// The descriptor that becomes readable when there is room, after [`arm`](Self::arm) asked for it; if the channel has
    /// [`Bells`](super::Bells).
    #[must_use]
    pub fn bell(&self) -> Option<BorrowedFd<'_>> {
        self.end.bell()
    }
}

impl<R: Region<Access = ReadWrite>> Sender<R> {
    /// Sends a message, waiting for room.
    ///
    /// # Errors
    ///
    /// [`TooBig`](crate::error::ErrorKind::TooBig) for a message longer than [`max_len`](Self::max_len);
    /// [`Closed`](crate::error::ErrorKind::Closed) when the receiver is gone, or died while there was no room;
    /// [`Corrupt`](crate::error::ErrorKind::Corrupt) when the other side wrote nonsense, then and ever after;
    /// [`InvalidInput`](crate::error::ErrorKind::InvalidInput) in a forked child.
    #[inline]
    pub fn send(&mut self, message: &[u8]) -> Result<()> {
        self.send_as(message, Wait::Forever)
    }

    /// [`send`](Self::send) without waiting.
    ///
    /// # Errors
    ///
    /// As `send`, and [`WouldBlock`](crate::error::ErrorKind::WouldBlock) without room.
    #[inline]
    pub fn try_send(&mut self, message: &[u8]) -> Result<()> {
        self.send_as(message, Wait::No)
    }

    /// [`send`](Self::send) that waits at most so long.
    ///
    /// # Errors
    ///
    /// As `send`, and [`TimedOut`](crate::error::ErrorKind::TimedOut).
    pub fn send_timeout(&mut self, message: &[u8], timeout: Duration) -> Result<()> {
        self.send_as(message, Wait::at_most(timeout))
    }

    /// [`send`](Self::send) that a signal handler ends.
    ///
    /// # Errors
    ///
    /// As `send`, and [`Interrupted`](crate::error::ErrorKind::Interrupted) when a handler ran while this slept.
    pub fn send_interruptible(&mut self, message: &[u8]) -> Result<()> {
        self.send_as(message, Wait::Interruptible)
    }

    #[inline]
    fn send_as(&mut self, message: &[u8], wait: Wait) -> Result<()> {
        let (offset, size) = self.place("send", message.len(), wait)?;
        record::write(self.end.bytes(), offset, message)?;
        self.ring.advance(size);
        self.end.publish(&self.ring);
        Ok(())
    }

    /// Room for a message of this length in the ring itself, to write it there. Waits for room. What is not
    /// [committed](Reservation::commit) is not sent.
    ///
    /// ```
    /// use ipc_safe::channel;
    ///
    /// let (mut sender, mut receiver) = channel::pair(4096)?;
    /// let room = sender.reserve(12)?;
    /// room.bytes().store(0, &7_u64)?;
    /// room.bytes().store(8, &5_u32)?;
    /// room.commit();
    /// assert_eq!(receiver.peek()?.bytes().load::<u32>(8)?, 5);
    /// # Ok::<(), ipc_safe::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn reserve(&mut self, len: usize) -> Result<Reservation<'_, R>> {
        self.reserve_as(len, Wait::Forever)
    }

    /// [`reserve`](Self::reserve) without waiting.
    ///
    /// # Errors
    ///
    /// As [`try_send`](Self::try_send).
    pub fn try_reserve(&mut self, len: usize) -> Result<Reservation<'_, R>> {
        self.reserve_as(len, Wait::No)
    }

    /// [`reserve`](Self::reserve) that waits at most so long.
    ///
    /// # Errors
    ///
    /// As [`send_timeout`](Self::send_timeout).
    pub fn reserve_timeout(&mut self, len: usize, timeout: Duration) -> Result<Reservation<'_, R>> {
        self.reserve_as(len, Wait::at_most(timeout))
    }

    /// [`reserve`](Self::reserve) that a signal handler ends.
    ///
    /// # Errors
    ///
    /// As [`send_interruptible`](Self::send_interruptible).
    pub fn reserve_interruptible(&mut self, len: usize) -> Result<Reservation<'_, R>> {
        self.reserve_as(len, Wait::Interruptible)
    }

    #[inline]
    fn reserve_as(&mut self, len: usize, wait: Wait) -> Result<Reservation<'_, R>> {
        let (offset, _) = self.place("reserve", len, wait)?;
        Ok(Reservation::new(self, offset, len))
    }

    /// Sends the first messages of these, as many as there is room for, and tells how many. Waits for room for the first. The
    /// receiver sees all of them at once, and is woken once.
    ///
    /// ```
    /// use ipc_safe::channel;
    ///
    /// let (mut sender, mut receiver) = channel::pair(4096)?;
    /// assert_eq!(sender.send_many(&["one", "two", "three"])?, 3);
    /// let mut batch = receiver.batch()?;
    /// let mut longest = 0;
    /// while let Some(message) = batch.next()? {
    ///     longest = longest.max(message.len());
    /// }
    /// assert_eq!(longest, 5);
    /// # Ok::<(), ipc_safe::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), when that is so of the first message; none is sent then.
    pub fn send_many(&mut self, messages: &[impl AsRef<[u8]>]) -> Result<usize> {
        self.send_many_as(messages, Wait::Forever)
    }

    /// [`send_many`](Self::send_many) without waiting.
    ///
    /// # Errors
    ///
    /// As [`try_send`](Self::try_send).
    pub fn try_send_many(&mut self, messages: &[impl AsRef<[u8]>]) -> Result<usize> {
        self.send_many_as(messages, Wait::No)
    }

    /// [`send_many`](Self::send_many) that waits at most so long.
    ///
    /// # Errors
    ///
    /// As [`send_timeout`](Self::send_timeout).
    pub fn send_many_timeout(&mut self, messages: &[impl AsRef<[u8]>], timeout: Duration) -> Result<usize> {
        self.send_many_as(messages, Wait::at_most(timeout))
    }

    /// [`send_many`](Self::send_many) that a signal handler ends.
    ///
    /// # Errors
    ///
    /// As [`send_interruptible`](Self::send_interruptible).
    pub fn send_many_interruptible(&mut self, messages: &[impl AsRef<[u8]>]) -> Result<usize> {
        self.send_many_as(messages, Wait::Interruptible)
    }

    fn send_many_as(&mut self, messages: &[impl AsRef<[u8]>], mut wait: Wait) -> Result<usize> {
        let mut sent = 0;
        for message in messages {
            let message = message.as_ref();
            match self.place("send_many", message.len(), wait) {
                Ok((offset, size)) => {
                    record::write(self.end.bytes(), offset, message)?;
                    self.ring.advance(size);
                }
                Err(error) if sent == 0 => return Err(error),
                // What is written is sent; the next call meets the error again.
                Err(_) => break,
            }
            sent += 1;
            wait = Wait::No;
        }
        if sent > 0 {
            self.end.publish(&self.ring);
        }
        Ok(sent)
    }

    /// Makes room for a message: where its record goes, and the size of it.
    #[inline]
    fn place(&mut self, call: &'static str, len: usize, wait: Wait) -> Result<(u32, u32)> {
        self.end.check(call)?;
        let geometry = self.ring.geometry();
        let Some(size) = record::size(len, geometry) else { return Err(record::too_big(call, len, geometry)) };
        if self.end.peer_left() {
            return Err(self.end.fault(call, Fault::Closed));
        }
        let left_out = record::left_out(&self.ring, size);
        if let Err(fault) = self.end.room(&mut self.ring, size + left_out, wait) {
            return Err(self.end.fault(call, fault));
        }
        record::skip(&mut self.ring, self.end.bytes(), left_out)?;
        Ok((self.ring.offset(), size))
    }

    /// The bytes of a reserved message.
    #[inline]
    pub(super) fn reserved(&self, offset: u32, len: usize) -> SharedBytes<'_> {
        self.end.bytes().part((offset + PREFIX) as usize, len).expect("the record lies in the ring")
    }

    /// Sends what was reserved in this process, of which `len` bytes are the message: not more than were reserved.
    #[inline]
    pub(super) fn commit(&mut self, len: usize) {
        if !self.end.is_ours() {
            return;
        }
        let size = record::size(len, self.ring.geometry()).expect("not longer than what was reserved");
        self.end.bytes().store(self.ring.offset() as usize, &(len as u32)).expect("the record lies in the ring");
        self.ring.advance(size);
        self.end.publish(&self.ring);
    }

    /// The longest message: a little less than half of the ring.
    #[must_use]
    pub const fn max_len(&self) -> usize {
        record::longest(self.ring.geometry()) as usize
    }

    /// Asks the receiver to make the descriptor readable, once, when there is room for a message of this length, or when it goes.
    /// False when that is so already. That it died does not show: give `poll` a timeout, and try.
    ///
    /// Forgotten when this end waits otherwise in between.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::error::ErrorKind::InvalidInput) without bells, [`TooBig`](crate::error::ErrorKind::TooBig),
    /// [`Corrupt`](crate::error::ErrorKind::Corrupt), [`Unsupported`](crate::error::ErrorKind::Unsupported) where the kernel has no
    /// `membarrier`.
    pub fn arm(&mut self, len: usize) -> Result<bool> {
        self.end.check("arm")?;
        let geometry = self.ring.geometry();
        let Some(size) = record::size(len, geometry) else { return Err(record::too_big("arm", len, geometry)) };
        let wanted = size + record::left_out(&self.ring, size);
        self.end.arm_for(&mut self.ring, wanted, "arm")
    }
}

impl<R: Region<Access = ReadWrite>, F: Format> core::fmt::Debug for Sender<R, F> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Sender").field("end", &self.end).field("ring", &self.ring).finish()
    }
}
