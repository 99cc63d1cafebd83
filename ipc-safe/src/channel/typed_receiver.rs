//! The end that receives values.

use super::Waiting;
use super::drain::Drain;
use super::end::{End, Receiving};
use super::format::Values;
use super::header::Header;
use super::raw::Area;
use super::ring::{Geometry, Reading};
use crate::error::{Rejected, Result};
use crate::process::Pid;
use crate::shared::{Plain, ReadWrite, Region};
use crate::wait::Wait;
use core::marker::PhantomData;
use rustix::fd::BorrowedFd;
use std::time::Duration;

/// The end of a [`Channel`](super::Channel) of [`Values`] that receives them, by copy.
///
/// What is said of [`Receiver`](super::Receiver) holds here too.
pub struct TypedReceiver<P: Plain, R: Region<Access = ReadWrite>> {
    end: End<R, Receiving>,
    ring: Reading,
    values: PhantomData<fn() -> P>,
}

impl<P: Plain, R: Region<Access = ReadWrite>> TypedReceiver<P, R> {
    pub(super) fn claim(area: Area<R>, geometry: Geometry) -> Result<Self, Rejected<Area<R>>> {
        let resume = |header: &Header| Reading::resume(geometry, &header.tail.word, &header.head.word);
        let (end, ring) = End::claim("Channel::receiver", area, resume)?;
        Ok(Self { end, ring, values: PhantomData })
    }

    /// Receives a value, waiting for one.
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::error::ErrorKind::Closed) when there is none and the sender is gone or died;
    /// [`Corrupt`](crate::error::ErrorKind::Corrupt) when the other side wrote nonsense, then and ever after;
    /// [`InvalidInput`](crate::error::ErrorKind::InvalidInput) in a forked child.
    #[inline]
    pub fn receive(&mut self) -> Result<P> {
        self.receive_as(Wait::Forever)
    }

    /// [`receive`](Self::receive) without waiting.
    ///
    /// # Errors
    ///
    /// As `receive`, and [`WouldBlock`](crate::error::ErrorKind::WouldBlock) when there is none.
    #[inline]
    pub fn try_receive(&mut self) -> Result<P> {
        self.receive_as(Wait::No)
    }

    /// [`receive`](Self::receive) that waits at most so long.
    ///
    /// # Errors
    ///
    /// As `receive`, and [`TimedOut`](crate::error::ErrorKind::TimedOut).
    pub fn receive_timeout(&mut self, timeout: Duration) -> Result<P> {
        self.receive_as(Wait::at_most(timeout))
    }

    /// [`receive`](Self::receive) that a signal handler ends.
    ///
    /// # Errors
    ///
    /// As `receive`, and [`Interrupted`](crate::error::ErrorKind::Interrupted) when a handler ran while this slept.
    pub fn receive_interruptible(&mut self) -> Result<P> {
        self.receive_as(Wait::Interruptible)
    }

    #[inline]
    fn receive_as(&mut self, wait: Wait) -> Result<P> {
        self.something("receive", wait)?;
        let value = self.take()?;
        self.end.publish(&self.ring);
        Ok(value)
    }

    /// Receives a value into one that is there, waiting for one: for large values, which are copied once then.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive); the value is as it was.
    #[inline]
    pub fn receive_into(&mut self, value: &mut P) -> Result<()> {
        self.receive_into_as(value, Wait::Forever)
    }

    /// [`receive_into`](Self::receive_into) without waiting.
    ///
    /// # Errors
    ///
    /// As [`try_receive`](Self::try_receive).
    #[inline]
    pub fn try_receive_into(&mut self, value: &mut P) -> Result<()> {
        self.receive_into_as(value, Wait::No)
    }

    /// [`receive_into`](Self::receive_into) that waits at most so long.
    ///
    /// # Errors
    ///
    /// As [`receive_timeout`](Self::receive_timeout).
    pub fn receive_into_timeout(&mut self, value: &mut P, timeout: Duration) -> Result<()> {
        self.receive_into_as(value, Wait::at_most(timeout))
    }

    /// [`receive_into`](Self::receive_into) that a signal handler ends.
    ///
    /// # Errors
    ///
    /// As [`receive_interruptible`](Self::receive_interruptible).
    pub fn receive_into_interruptible(&mut self, value: &mut P) -> Result<()> {
        self.receive_into_as(value, Wait::Interruptible)
    }

    #[inline]
    fn receive_into_as(&mut self, value: &mut P, wait: Wait) -> Result<()> {
        self.something("receive_into", wait)?;
        self.end.bytes().read(self.ring.offset() as usize * Values::<P>::SLOT, value.as_mut_bytes())?;
        self.ring.advance(1);
        self.end.publish(&self.ring);
        Ok(())
    }

    /// All values that are there; waits for one. The sender gets the room of those that were taken at once, when the iterator is
    /// dropped; the others stay.
    ///
    /// ```
    /// use ipc_safe::channel;
    ///
    /// let (mut sender, mut receiver) = channel::typed_pair::<u64>(100)?;
    /// sender.send_many(&[1, 2, 3, 4])?;
    /// assert_eq!(receiver.drain()?.take(3).sum::<u64>(), 6);
    /// assert_eq!(receiver.receive()?, 4);
    /// # Ok::<(), ipc_safe::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive).
    pub fn drain(&mut self) -> Result<Drain<'_, P, R>> {
        self.drain_as(Wait::Forever)
    }

    /// [`drain`](Self::drain) without waiting.
    ///
    /// # Errors
    ///
    /// As [`try_receive`](Self::try_receive).
    pub fn try_drain(&mut self) -> Result<Drain<'_, P, R>> {
        self.drain_as(Wait::No)
    }

    /// [`drain`](Self::drain) that waits at most so long.
    ///
    /// # Errors
    ///
    /// As [`receive_timeout`](Self::receive_timeout).
    pub fn drain_timeout(&mut self, timeout: Duration) -> Result<Drain<'_, P, R>> {
        self.drain_as(Wait::at_most(timeout))
    }

    /// [`drain`](Self::drain) that a signal handler ends.
    ///
    /// # Errors
    ///
    /// As [`receive_interruptible`](Self::receive_interruptible).
    pub fn drain_interruptible(&mut self) -> Result<Drain<'_, P, R>> {
        self.drain_as(Wait::Interruptible)
    }

    fn drain_as(&mut self, wait: Wait) -> Result<Drain<'_, P, R>> {
        self.something("drain", wait)?;
        Ok(Drain::new(self))
    }

    #[inline]
    fn something(&mut self, call: &'static str, wait: Wait) -> Result<()> {
        self.end.check(call)?;
        match self.end.something(&mut self.ring, wait) {
            Ok(_) => Ok(()),
            Err(fault) => Err(self.end.fault(call, fault)),
        }
    }

    /// The next value, of which there is one.
    #[inline]
    fn take(&mut self) -> Result<P> {
        let value = self.end.bytes().load(self.ring.offset() as usize * Values::<P>::SLOT)?;
        self.ring.advance(1);
        Ok(value)
    }

    /// How many values there are, as of the last look.
    pub(super) const fn ready(&self) -> usize {
        self.ring.ready() as usize
    }

    /// The next value, if there was one at the last look.
    #[inline]
    pub(super) fn next(&mut self) -> Option<P> {
        if self.ring.ready() == 0 { None } else { self.take().ok() }
    }

    /// Gives the room of all that was taken back, in the process that took it.
    pub(super) fn publish_taken(&self) {
        if self.end.is_ours() {
            self.end.publish(&self.ring);
        }
    }

    /// How this end waits for values.
    #[must_use]
    pub const fn waiting(&self) -> Waiting {
        self.end.waiting()
    }

    /// How this end waits for values from now on.
    pub const fn set_waiting(&mut self, waiting: Waiting) {
        self.end.set_waiting(waiting);
    }

    /// The process that has the end that sends, if a living one has it. A system call or two.
    #[must_use]
    pub fn peer(&self) -> Option<Pid> {
        self.end.peer()
    }

    /// The descriptor that becomes readable when there is a value, after [`arm`](Self::arm) asked for it; if the channel has
    /// [`Bells`](super::Bells).
    #[must_use]
    pub fn bell(&self) -> Option<BorrowedFd<'_>> {
        self.end.bell()
    }

    /// Asks the sender to make the descriptor readable, once, when there is a value, or when it goes; see
    /// [`Receiver::arm`](super::Receiver::arm).
    ///
    /// # Errors
    ///
    /// As [`Receiver::arm`](super::Receiver::arm).
    pub fn arm(&mut self) -> Result<bool> {
        self.end.check("arm")?;
        self.end.arm_for(&mut self.ring, "arm")
    }
}

impl<P: Plain, R: Region<Access = ReadWrite>> core::fmt::Debug for TypedReceiver<P, R> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("TypedReceiver").field("end", &self.end).field("ring", &self.ring).finish()
    }
}
