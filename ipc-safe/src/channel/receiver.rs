//! The end that receives, and how it receives messages of bytes.

use super::Waiting;
use super::batch::Batch;
use super::end::{End, Receiving};
use super::format::{Format, Messages};
use super::header::Header;
use super::peeked::Peeked;
use super::raw::Area;
use super::record::{self, Found};
use super::ring::{Geometry, Reading};
use crate::error::{Errno, Error, Rejected, Result};
use crate::process::Pid;
use crate::shared::{ReadOnly, ReadWrite, Region, SharedBytes};
use crate::wait::Wait;
use core::marker::PhantomData;
use rustix::fd::BorrowedFd;
use std::time::Duration;

/// The end of a [`Channel`](super::Channel) that receives.
///
/// Each message comes once, whole, and in the order in which it was sent. When the sender is gone, or died, what it sent is still
/// received; then comes [`Closed`](crate::error::ErrorKind::Closed).
///
/// When this is dropped, sending fails; another receiver may take the end afterwards. In a forked child its copy does nothing.
///
/// What it receives is said by the format of the channel: messages of bytes here, or values
/// ([`TypedReceiver`](super::TypedReceiver)).
pub struct Receiver<R: Region<Access = ReadWrite>, F: Format = Messages> {
    pub(super) end: End<R, Receiving>,
    pub(super) ring: Reading,
    format: PhantomData<fn() -> F>,
}

impl<R: Region<Access = ReadWrite>, F: Format> Receiver<R, F> {
    pub(super) fn claim(area: Area<R>, geometry: Geometry) -> Result<Self, Rejected<Area<R>>> {
        let resume = |header: &Header| Reading::resume(geometry, &header.tail.word, &header.head.word);
        let (end, ring) = End::claim("Channel::receiver", area, resume)?;
        Ok(Self { end, ring, format: PhantomData })
    }

    /// Gives the room of all that was taken back, in the process that took it.
    pub(super) fn publish_taken(&self) {
        if self.end.is_ours() {
            self.end.publish(&self.ring);
        }
    }

    /// How this end waits for something to receive.
    #[must_use]
    pub const fn waiting(&self) -> Waiting {
        self.end.waiting()
    }

    /// How this end waits for something to receive from now on.
    pub const fn set_waiting(&mut self, waiting: Waiting) {
        self.end.set_waiting(waiting);
    }

    /// The process that has the end that sends, if a living one has it. A system call or two.
    #[must_use]
    pub fn peer(&self) -> Option<Pid> {
        self.end.peer()
    }

    /// The descriptor that becomes readable when there is something to receive, after [`arm`](Self::arm) asked for it; if the channel has
    /// [`Bells`](super::Bells).
    #[must_use]
    pub fn bell(&self) -> Option<BorrowedFd<'_>> {
        self.end.bell()
    }

    /// Asks the sender to make the descriptor readable, once, when there is something to receive, or when it goes. False when that is so already.
    /// That it died does not show: give `poll` a timeout, and try.
    ///
    /// Forgotten when this end waits otherwise in between.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::error::ErrorKind::InvalidInput) without bells, [`Corrupt`](crate::error::ErrorKind::Corrupt),
    /// [`Unsupported`](crate::error::ErrorKind::Unsupported) where the kernel has no `membarrier`.
    pub fn arm(&mut self) -> Result<bool> {
        self.end.check("arm")?;
        self.end.arm_for(&mut self.ring, "arm")
    }
}

impl<R: Region<Access = ReadWrite>> Receiver<R> {
    /// Receives a message, waiting for one. It replaces what the vector has; its room is kept.
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::error::ErrorKind::Closed) when there is none and the sender is gone or died;
    /// [`Corrupt`](crate::error::ErrorKind::Corrupt) when the other side wrote nonsense, then and ever after;
    /// [`OutOfMemory`](crate::error::ErrorKind::OutOfMemory) when there is no memory for the message, which stays;
    /// [`InvalidInput`](crate::error::ErrorKind::InvalidInput) in a forked child. The vector is as it was.
    #[inline]
    pub fn receive(&mut self, message: &mut Vec<u8>) -> Result<()> {
        self.receive_as(message, Wait::Forever)
    }

    /// [`receive`](Self::receive) without waiting.
    ///
    /// # Errors
    ///
    /// As `receive`, and [`WouldBlock`](crate::error::ErrorKind::WouldBlock) when there is none.
    #[inline]
    pub fn try_receive(&mut self, message: &mut Vec<u8>) -> Result<()> {
        self.receive_as(message, Wait::No)
    }

    /// [`receive`](Self::receive) that waits at most so long.
    ///
    /// # Errors
    ///
    /// As `receive`, and [`TimedOut`](crate::error::ErrorKind::TimedOut).
    pub fn receive_timeout(&mut self, message: &mut Vec<u8>, timeout: Duration) -> Result<()> {
        self.receive_as(message, Wait::at_most(timeout))
    }

    /// [`receive`](Self::receive) that a signal handler ends.
    ///
    /// # Errors
    ///
    /// As `receive`, and [`Interrupted`](crate::error::ErrorKind::Interrupted) when a handler ran while this slept.
    pub fn receive_interruptible(&mut self, message: &mut Vec<u8>) -> Result<()> {
        self.receive_as(message, Wait::Interruptible)
    }

    #[inline]
    fn receive_as(&mut self, message: &mut Vec<u8>, wait: Wait) -> Result<()> {
        let found = self.find("receive", wait)?;
        // Not more than half of the ring. Whoever offers a channel chooses how large that is.
        self.end.bytes().read_vec(found.offset as usize, found.len as usize, message)?;
        self.release(found.size);
        Ok(())
    }

    /// Receives a message into a slice, waiting for one, and tells its length.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive), and [`TooBig`](crate::error::ErrorKind::TooBig) when the slice is too short; the message stays.
    #[inline]
    pub fn receive_into(&mut self, message: &mut [u8]) -> Result<usize> {
        self.receive_into_as(message, Wait::Forever)
    }

    /// [`receive_into`](Self::receive_into) without waiting.
    ///
    /// # Errors
    ///
    /// As [`receive_into`](Self::receive_into) and [`try_receive`](Self::try_receive).
    #[inline]
    pub fn try_receive_into(&mut self, message: &mut [u8]) -> Result<usize> {
        self.receive_into_as(message, Wait::No)
    }

    /// [`receive_into`](Self::receive_into) that waits at most so long.
    ///
    /// # Errors
    ///
    /// As [`receive_into`](Self::receive_into) and [`receive_timeout`](Self::receive_timeout).
    pub fn receive_into_timeout(&mut self, message: &mut [u8], timeout: Duration) -> Result<usize> {
        self.receive_into_as(message, Wait::at_most(timeout))
    }

    /// [`receive_into`](Self::receive_into) that a signal handler ends.
    ///
    /// # Errors
    ///
    /// As [`receive_into`](Self::receive_into) and [`receive_interruptible`](Self::receive_interruptible).
    pub fn receive_into_interruptible(&mut self, message: &mut [u8]) -> Result<usize> {
        self.receive_into_as(message, Wait::Interruptible)
    }

    #[inline]
    fn receive_into_as(&mut self, message: &mut [u8], wait: Wait) -> Result<usize> {
        let found = self.find("receive_into", wait)?;
        let len = found.len as usize;
        let Some(target) = message.get_mut(..len) else { return Err(too_short(len, message.len())) };
        self.end.bytes().read(found.offset as usize, target)?;
        self.release(found.size);
        Ok(len)
    }

    /// The next message where it lies in the ring, waiting for one. It stays there until it is
    /// [released](Peeked::release); dropped, it comes again.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive).
    pub fn peek(&mut self) -> Result<Peeked<'_, R>> {
        self.peek_as(Wait::Forever)
    }

    /// [`peek`](Self::peek) without waiting.
    ///
    /// # Errors
    ///
    /// As [`try_receive`](Self::try_receive).
    pub fn try_peek(&mut self) -> Result<Peeked<'_, R>> {
        self.peek_as(Wait::No)
    }

    /// [`peek`](Self::peek) that waits at most so long.
    ///
    /// # Errors
    ///
    /// As [`receive_timeout`](Self::receive_timeout).
    pub fn peek_timeout(&mut self, timeout: Duration) -> Result<Peeked<'_, R>> {
        self.peek_as(Wait::at_most(timeout))
    }

    /// [`peek`](Self::peek) that a signal handler ends.
    ///
    /// # Errors
    ///
    /// As [`receive_interruptible`](Self::receive_interruptible).
    pub fn peek_interruptible(&mut self) -> Result<Peeked<'_, R>> {
        self.peek_as(Wait::Interruptible)
    }

    #[inline]
    fn peek_as(&mut self, wait: Wait) -> Result<Peeked<'_, R>> {
        let found = self.find("peek", wait)?;
        Ok(Peeked::new(self, found))
    }

    /// All messages that are there, where they lie in the ring; waits for one. The sender gets the room of those that were taken
    /// at once, when the batch is dropped.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive).
    pub fn batch(&mut self) -> Result<Batch<'_, R>> {
        self.batch_as(Wait::Forever)
    }

    /// [`batch`](Self::batch) without waiting.
    ///
    /// # Errors
    ///
    /// As [`try_receive`](Self::try_receive).
    pub fn try_batch(&mut self) -> Result<Batch<'_, R>> {
        self.batch_as(Wait::No)
    }

    /// [`batch`](Self::batch) that waits at most so long.
    ///
    /// # Errors
    ///
    /// As [`receive_timeout`](Self::receive_timeout).
    pub fn batch_timeout(&mut self, timeout: Duration) -> Result<Batch<'_, R>> {
        self.batch_as(Wait::at_most(timeout))
    }

    /// [`batch`](Self::batch) that a signal handler ends.
    ///
    /// # Errors
    ///
    /// As [`receive_interruptible`](Self::receive_interruptible).
    pub fn batch_interruptible(&mut self) -> Result<Batch<'_, R>> {
        self.batch_as(Wait::Interruptible)
    }

    fn batch_as(&mut self, wait: Wait) -> Result<Batch<'_, R>> {
        self.find("batch", wait)?;
        Ok(Batch::new(self))
    }

    /// The next message, which is still there afterwards.
    #[inline]
    fn find(&mut self, call: &'static str, wait: Wait) -> Result<Found> {
        self.end.check(call)?;
        let found = match self.end.something(&mut self.ring, wait) {
            Ok(_) => record::find(&mut self.ring, self.end.bytes()),
            Err(fault) => return Err(self.end.fault(call, fault)),
        };
        found.map_err(|nonsense| self.end.fault(call, nonsense))
    }

    /// Gives the room of the next message back.
    #[inline]
    fn release(&mut self, size: u32) {
        self.ring.advance(size);
        self.end.publish(&self.ring);
    }

    /// Gives the room of a message back that was looked at, in the process that looked.
    #[inline]
    pub(super) fn release_peeked(&mut self, size: u32) {
        if self.end.is_ours() {
            self.release(size);
        }
    }

    /// The next message of a batch, if there was one at the last look.
    pub(super) fn next(&mut self) -> Result<Option<Found>> {
        if self.ring.ready() == 0 {
            return Ok(None);
        }
        self.end.check("batch")?;
        let found = record::find(&mut self.ring, self.end.bytes());
        found.map(Some).map_err(|nonsense| self.end.fault("batch", nonsense))
    }

    /// Takes a message without giving its room back.
    pub(super) const fn take(&mut self, size: u32) {
        self.ring.advance(size);
    }

    /// The bytes of a message.
    #[inline]
    pub(super) fn found(&self, found: Found) -> SharedBytes<'_, ReadOnly> {
        let bytes = self.end.bytes().part(found.offset as usize, found.len as usize);
        bytes.expect("the record lies in the ring").read_only()
    }
}

impl<R: Region<Access = ReadWrite>, F: Format> core::fmt::Debug for Receiver<R, F> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Receiver").field("end", &self.end).field("ring", &self.ring).finish()
    }
}

#[cold]
fn too_short(len: usize, room: usize) -> Error {
    let reason = format!("the message has {len} bytes; it stays in the channel");
    Error::new("receive_into", Errno::TOOBIG).without_errno().about(format!("{room} bytes")).because(reason)
}
