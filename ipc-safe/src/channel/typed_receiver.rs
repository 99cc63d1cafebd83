//! How the end that receives receives values.

use super::Receiver;
use super::drain::Drain;
use super::format::Values;
use crate::error::Result;
use crate::shared::{Plain, ReadWrite, Region};
use crate::wait::Wait;
use std::time::Duration;

/// The end of a [`Channel`](super::Channel) of [`Values`] that receives them, by copy.
pub type TypedReceiver<P, R> = Receiver<R, Values<P>>;

impl<P: Plain, R: Region<Access = ReadWrite>> Receiver<R, Values<P>> {
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
}
