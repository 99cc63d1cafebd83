//! How the end that sends sends values.

use super::Sender;
use super::format::Values;
use super::waiting::Fault;
use crate::error::Result;
use crate::shared::{Plain, ReadWrite, Region};
use crate::wait::Wait;
use std::time::Duration;

/// The end of a [`Channel`](super::Channel) of [`Values`] that sends them, by copy.
pub type TypedSender<P, R> = Sender<R, Values<P>>;

impl<P: Plain, R: Region<Access = ReadWrite>> Sender<R, Values<P>> {
    /// Sends a value, waiting for room.
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::error::ErrorKind::Closed) when the receiver is gone, or died while there was no room;
    /// [`Corrupt`](crate::error::ErrorKind::Corrupt) when the other side wrote nonsense, then and ever after;
    /// [`InvalidInput`](crate::error::ErrorKind::InvalidInput) in a forked child.
    #[inline]
    pub fn send(&mut self, value: &P) -> Result<()> {
        self.send_as(value, Wait::Forever)
    }

    /// [`send`](Self::send) without waiting.
    ///
    /// # Errors
    ///
    /// As `send`, and [`WouldBlock`](crate::error::ErrorKind::WouldBlock) without room.
    #[inline]
    pub fn try_send(&mut self, value: &P) -> Result<()> {
        self.send_as(value, Wait::No)
    }

    /// [`send`](Self::send) that waits at most so long.
    ///
    /// # Errors
    ///
    /// As `send`, and [`TimedOut`](crate::error::ErrorKind::TimedOut).
    pub fn send_timeout(&mut self, value: &P, timeout: Duration) -> Result<()> {
        self.send_as(value, Wait::at_most(timeout))
    }

    /// [`send`](Self::send) that a signal handler ends.
    ///
    /// # Errors
    ///
    /// As `send`, and [`Interrupted`](crate::error::ErrorKind::Interrupted) when a handler ran while this slept.
    pub fn send_interruptible(&mut self, value: &P) -> Result<()> {
        self.send_as(value, Wait::Interruptible)
    }

    #[inline]
    fn send_as(&mut self, value: &P, wait: Wait) -> Result<()> {
        self.room("send", wait)?;
        self.put(value)?;
        self.end.publish(&self.ring);
        Ok(())
    }

    /// Sends the first of these values, as many as there is room for, and tells how many. Waits for room for the first. The
    /// receiver sees all of them at once, and is woken once.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send); none is sent then.
    pub fn send_many(&mut self, values: &[P]) -> Result<usize> {
        self.send_many_as(values, Wait::Forever)
    }

    /// [`send_many`](Self::send_many) without waiting.
    ///
    /// # Errors
    ///
    /// As [`try_send`](Self::try_send).
    pub fn try_send_many(&mut self, values: &[P]) -> Result<usize> {
        self.send_many_as(values, Wait::No)
    }

    /// [`send_many`](Self::send_many) that waits at most so long.
    ///
    /// # Errors
    ///
    /// As [`send_timeout`](Self::send_timeout).
    pub fn send_many_timeout(&mut self, values: &[P], timeout: Duration) -> Result<usize> {
        self.send_many_as(values, Wait::at_most(timeout))
    }

    /// [`send_many`](Self::send_many) that a signal handler ends.
    ///
    /// # Errors
    ///
    /// As [`send_interruptible`](Self::send_interruptible).
    pub fn send_many_interruptible(&mut self, values: &[P]) -> Result<usize> {
        self.send_many_as(values, Wait::Interruptible)
    }

    fn send_many_as(&mut self, values: &[P], mut wait: Wait) -> Result<usize> {
        let mut sent = 0;
        for value in values {
            match self.room("send_many", wait) {
                Ok(()) => self.put(value)?,
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

    #[inline]
    fn room(&mut self, call: &'static str, wait: Wait) -> Result<()> {
        self.end.check(call)?;
        if self.end.peer_left() {
            return Err(self.end.fault(call, Fault::Closed));
        }
        match self.end.room(&mut self.ring, 1, wait) {
            Ok(()) => Ok(()),
            Err(fault) => Err(self.end.fault(call, fault)),
        }
    }

    #[inline]
    fn put(&mut self, value: &P) -> Result<()> {
        self.end.bytes().store(self.ring.offset() as usize * Values::<P>::SLOT, value)?;
        self.ring.advance(1);
        Ok(())
    }

    /// Asks the receiver to make the descriptor readable, once, when there is room, or when it goes; see
    /// [`Sender::arm`](super::Sender::arm).
    ///
    /// # Errors
    ///
    /// As [`Sender::arm`](super::Sender::arm), but for `TooBig`.
    pub fn arm(&mut self) -> Result<bool> {
        self.end.check("arm")?;
        self.end.arm_for(&mut self.ring, 1, "arm")
    }
}
