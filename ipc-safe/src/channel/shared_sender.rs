//! One of several ends that send.

use super::Waiting;
use super::barrier::Membarrier;
use super::claim::Claim;
use super::end::{self, Receiving, Sending, Side, wake_peer};
use super::raw::Area;
use super::record;
use super::ring::{Geometry, Writing, receiver_is_due, waits_for};
use super::seats;
use super::waiting::{Fault, Patience, Sleeper};
use crate::error::{Errno, Error, Rejected, Result, keeping_errno};
use crate::process::Generation;
use crate::shared::{ReadWrite, Region};
use crate::wait::Wait;
use core::fmt;
use core::sync::atomic::{Ordering, fence};
use std::time::Duration;

/// One of several ends of a channel of [`SharedMessages`](super::SharedMessages) that send, in threads and processes; up to 128.
///
/// Whoever sends holds a [`RobustMutex`](crate::sync::RobustMutex) for that time, also while it waits for room. A message is sent when
/// the call returns, and no order is kept between messages of two senders who do not wait for each other.
///
/// A sender that is killed while it sends is no harm to the others: what it had not made visible was never there. One that is
/// stopped (`SIGSTOP`) while it sends stops them all. There is no form that a signal handler ends: the lock has none.
///
/// The stream ends for the receiver when the last sender is gone.
pub struct SharedSender<R: Region<Access = ReadWrite>> {
    area: Area<R>,
    geometry: Geometry,
    seat: usize,
    claim: Claim,
    generation: Generation,
    barrier: Membarrier,
    patience: Patience,
    corrupt: bool,
}

impl<R: Region<Access = ReadWrite>> SharedSender<R> {
    pub(super) fn claim(area: Area<R>, geometry: Geometry) -> Result<Self, Rejected<Area<R>>> {
        let claim = match Claim::of_process() {
            Ok(claim) => claim,
            Err(error) => return Err(Rejected::new(area, error)),
        };
        let Some(seat) = seats::sit(&area.header().senders, claim) else {
            let error = Error::new("Channel::sender", Errno::NOSPC).without_errno();
            return Err(Rejected::new(area, error.because("all seats for senders are taken by processes that live")));
        };
        Ok(Self {
            area,
            geometry,
            seat,
            claim,
            generation: Generation::current(),
            barrier: Membarrier::new(),
            patience: Patience::new(),
            corrupt: false,
        })
    }

    /// Sends a message, waiting for the other senders and for room.
    ///
    /// # Errors
    ///
    /// As [`Sender::send`](super::Sender::send); and those of [`RobustMutex::lock`](crate::sync::RobustMutex::lock), which are the work
    /// of a foe.
    #[inline]
    pub fn send(&mut self, message: &[u8]) -> Result<()> {
        self.send_all("send", &[message], Wait::Forever).map(drop)
    }

    /// [`send`](Self::send) without waiting.
    ///
    /// # Errors
    ///
    /// As `send`, and [`WouldBlock`](crate::error::ErrorKind::WouldBlock) without room, or while another one sends.
    #[inline]
    pub fn try_send(&mut self, message: &[u8]) -> Result<()> {
        self.send_all("send", &[message], Wait::No).map(drop)
    }

    /// [`send`](Self::send) that waits at most so long.
    ///
    /// # Errors
    ///
    /// As `send`, and [`TimedOut`](crate::error::ErrorKind::TimedOut).
    pub fn send_timeout(&mut self, message: &[u8], timeout: Duration) -> Result<()> {
        self.send_all("send", &[message], Wait::at_most(timeout)).map(drop)
    }

    /// Sends the first messages of these, as many as there is room for, and tells how many. Waits for room for the first. The receiver
    /// sees all of them at once, with none of another sender in between.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), when that is so of the first message; none is sent then.
    pub fn send_many(&mut self, messages: &[impl AsRef<[u8]>]) -> Result<usize> {
        self.send_all("send_many", messages, Wait::Forever)
    }

    /// [`send_many`](Self::send_many) without waiting.
    ///
    /// # Errors
    ///
    /// As [`try_send`](Self::try_send).
    pub fn try_send_many(&mut self, messages: &[impl AsRef<[u8]>]) -> Result<usize> {
        self.send_all("send_many", messages, Wait::No)
    }

    /// [`send_many`](Self::send_many) that waits at most so long.
    ///
    /// # Errors
    ///
    /// As [`send_timeout`](Self::send_timeout).
    pub fn send_many_timeout(&mut self, messages: &[impl AsRef<[u8]>], timeout: Duration) -> Result<usize> {
        self.send_all("send_many", messages, Wait::at_most(timeout))
    }

    fn send_all(&mut self, call: &'static str, messages: &[impl AsRef<[u8]>], wait: Wait) -> Result<usize> {
        self.generation.check(call)?;
        if self.corrupt {
            return Err(end::error(call, Fault::Corrupt));
        }
        let Some(first) = messages.first() else { return Ok(0) };
        if record::size(first.as_ref().len(), self.geometry).is_none() {
            return Err(record::too_big(call, first.as_ref().len(), self.geometry));
        }
        if Sending::is_peer_gone(self.area.header(), false) {
            return Err(end::error(call, Fault::Closed));
        }
        // What a dead holder left is in order: the positions show what it sent.
        let guard = self.area.header().senders.lock.lock_as(wait)?.recover(|_| {});
        let sent = Self::put(&self.area, self.geometry, &mut self.patience, self.barrier, messages, wait);
        drop(guard);
        if sent.is_ok() && receiver_is_due(&self.area.header().receiver.waits, &self.barrier) {
            wake_peer::<R, Sending>(&self.area);
        }
        sent.map_err(|fault| {
            self.corrupt |= fault == Fault::Corrupt;
            end::error(call, fault)
        })
    }

    /// Writes and publishes, with the lock held.
    fn put(
        area: &Area<R>,
        geometry: Geometry,
        patience: &mut Patience,
        barrier: Membarrier,
        messages: &[impl AsRef<[u8]>],
        mut wait: Wait,
    ) -> Result<usize, Fault> {
        let header = area.header();
        let mut ring = Writing::resume(geometry, &header.tail.word, &header.head.word)?;
        let mut sent = 0;
        for message in messages {
            let message = message.as_ref();
            // The first one has a size.
            let Some(size) = record::size(message.len(), geometry) else { break };
            let left_out = record::left_out(&ring, size);
            let wanted = size + left_out;
            if !ring.has_room(&header.head.word, wanted)? {
                let mark = waits_for(wanted, geometry);
                let sleeper = Sleeper { waits: &header.sender.waits, mark, barrier: &barrier, patience };
                let room = || Ok(ring.has_room(&header.head.word, wanted)?.then_some(()));
                match sleeper.wait(wait, room, |ask| Sending::is_peer_gone(header, ask)) {
                    Ok(()) => {}
                    Err(fault) if sent == 0 => return Err(fault),
                    Err(_) => break,
                }
            }
            // Neither fails: inside the ring, which is inside the bytes.
            let _ = record::skip(&mut ring, area.bytes(), left_out);
            let _ = record::write(area.bytes(), ring.offset(), message);
            ring.advance(size);
            sent += 1;
            wait = Wait::No;
        }
        ring.publish(&header.tail.word);
        Ok(sent)
    }

    /// The longest message: a little less than half of the ring.
    #[must_use]
    pub const fn max_len(&self) -> usize {
        record::longest(self.geometry) as usize
    }

    /// How this end waits for room.
    #[must_use]
    pub const fn waiting(&self) -> Waiting {
        self.patience.waiting
    }

    /// How this end waits for room from now on.
    pub const fn set_waiting(&mut self, waiting: Waiting) {
        self.patience.waiting = waiting;
    }
}

impl<R: Region<Access = ReadWrite>> Drop for SharedSender<R> {
    fn drop(&mut self) {
        // In a forked child this is a copy of the parent's.
        if !self.generation.is_current() {
            return;
        }
        seats::rise(&self.area.header().senders, self.seat, self.claim);
        fence(Ordering::SeqCst);
        if Receiving::is_peer_gone(self.area.header(), false) {
            keeping_errno(|| wake_peer::<R, Sending>(&self.area));
        }
    }
}

impl<R: Region<Access = ReadWrite>> fmt::Debug for SharedSender<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedSender").field("seat", &self.seat).field("corrupt", &self.corrupt).finish_non_exhaustive()
    }
}
