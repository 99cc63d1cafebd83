//! What a channel does: the positions of its ring, and the messages in between.

use ipc_safe::error::{Errno, ErrorKind};
use ipc_safe::testing::model::{Answer, Fault};
use std::collections::VecDeque;

/// The other side let go of its end.
pub(crate) const CLOSED: Fault = Fault { errno: None, kind: ErrorKind::Closed };
/// Longer than any message in this ring.
pub(crate) const TOO_BIG: Fault = Fault { errno: None, kind: ErrorKind::TooBig };
/// The end has a holder.
pub(crate) const TAKEN: Fault = Fault { errno: None, kind: ErrorKind::AlreadyExists };
pub(crate) const TIMED_OUT: Fault = Fault::new(Errno::TIMEDOUT, ErrorKind::TimedOut);

/// What an end is to the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    /// Nobody had it yet.
    Nobody,
    Present,
    Left,
}

/// A record: the message, and where it begins and ends in the stream of all bytes, or slots.
#[derive(Clone, Debug)]
struct Record {
    start: u64,
    end: u64,
    bytes: Vec<u8>,
}

/// What goes through the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Bytes, in records that lie in one piece and begin at a multiple of eight, after four bytes of length.
    Messages,
    /// Slots of a value each.
    Slots,
}

/// The ring, and both sides' own idea of where they are in it.
#[derive(Clone, Debug)]
pub(crate) struct Ring {
    capacity: u64,
    cut: Cut,
    records: VecDeque<Record>,
    /// Up to where messages can be received.
    published: u64,
    /// Where the sender goes on: ahead when it left the rest of the ring out for a message that it did not send.
    tail: u64,
    /// Up to where the sender has got room back.
    released: u64,
    /// Where the receiver is.
    head: u64,
    /// How many messages it knew of at its last look.
    known: usize,
    pub(crate) sender: Holder,
    pub(crate) receiver: Holder,
    /// How much room makes the descriptor of the sender readable.
    sender_waits: Option<u64>,
    receiver_waits: bool,
    /// Whether the descriptor is readable: of the sender, of the receiver.
    pub(crate) bells: [bool; 2],
}

impl Ring {
    /// An empty one.
    pub(crate) const fn new(capacity: u64, cut: Cut) -> Self {
        Self {
            capacity,
            cut,
            records: VecDeque::new(),
            published: 0,
            tail: 0,
            released: 0,
            head: 0,
            known: 0,
            sender: Holder::Nobody,
            receiver: Holder::Nobody,
            sender_waits: None,
            receiver_waits: false,
            bells: [false; 2],
        }
    }

    /// The longest message.
    pub(crate) const fn longest(&self) -> usize {
        self.capacity as usize / 2 - 4
    }

    /// Where a record would begin and end.
    fn place(&self, len: usize) -> Answer<(u64, u64)> {
        if self.cut == Cut::Slots {
            return Ok((self.tail, self.tail + 1));
        }
        if len > self.longest() {
            return Err(TOO_BIG);
        }
        let size = (len as u64 + 4).next_multiple_of(8);
        let rest = self.capacity - self.tail % self.capacity;
        let start = if size <= rest { self.tail } else { self.tail + rest };
        Ok((start, start + size))
    }

    /// Room for a message: where it begins and ends.
    pub(crate) fn reserve(&mut self, len: usize) -> Answer<(u64, u64)> {
        let (start, end) = self.place(len)?;
        if self.receiver == Holder::Left {
            return Err(CLOSED);
        }
        if end - self.released > self.capacity {
            return Err(Fault::WOULD_BLOCK);
        }
        self.tail = start;
        Ok((start, end))
    }

    fn push(&mut self, bytes: Vec<u8>) -> Answer<()> {
        let (start, end) = self.reserve(bytes.len())?;
        self.records.push_back(Record { start, end, bytes });
        self.tail = end;
        Ok(())
    }

    fn publish(&mut self) {
        self.published = self.tail;
        if std::mem::take(&mut self.receiver_waits) {
            self.bells[1] = true;
        }
    }

    /// Sends the first messages of these, as many as there is room for.
    pub(crate) fn send_many(&mut self, messages: impl IntoIterator<Item = Vec<u8>>) -> Answer<usize> {
        let mut sent = 0;
        for bytes in messages {
            match self.push(bytes) {
                Ok(()) => sent += 1,
                Err(fault) if sent == 0 => return Err(fault),
                Err(_) => break,
            }
        }
        if sent > 0 {
            self.publish();
        }
        Ok(sent)
    }

    pub(crate) fn send(&mut self, bytes: Vec<u8>) -> Answer<()> {
        self.send_many([bytes]).map(drop)
    }

    /// Sends what was reserved, which nothing came after.
    pub(crate) fn commit(&mut self, bytes: Vec<u8>) {
        let size = (bytes.len() as u64 + 4).next_multiple_of(8);
        self.records.push_back(Record { start: self.tail, end: self.tail + size, bytes });
        self.tail += size;
        self.publish();
    }

    /// The next message, which stays.
    pub(crate) fn find(&mut self) -> Answer<Vec<u8>> {
        if self.known == 0 {
            self.known = self.records.len();
        }
        let Some(record) = self.records.front() else {
            return Err(if self.sender == Holder::Left { CLOSED } else { Fault::WOULD_BLOCK });
        };
        self.head = record.start;
        Ok(record.bytes.clone())
    }

    /// The next message of those that were there at the last look.
    pub(crate) fn take_known(&mut self) -> Option<Vec<u8>> {
        self.known = self.known.checked_sub(1)?;
        let record = self.records.pop_front().expect("what is known is there");
        self.head = record.end;
        Some(record.bytes)
    }

    /// Gives the sender the room of what was taken.
    pub(crate) fn release(&mut self) {
        self.released = self.head;
        let free = self.capacity - (self.published - self.head);
        if self.sender_waits.is_some_and(|wanted| free >= wanted) {
            self.sender_waits = None;
            self.bells[0] = true;
        }
    }

    pub(crate) fn receive(&mut self) -> Answer<Vec<u8>> {
        self.find()?;
        let bytes = self.take_known().expect("it was found");
        self.release();
        Ok(bytes)
    }

    /// Asks for the descriptor to become readable when there is room for a message of this length.
    pub(crate) fn arm_sender(&mut self, len: usize) -> Answer<bool> {
        let (_, end) = self.place(len)?;
        self.bells[0] = false;
        let wanted = end - self.tail;
        let waits = end - self.released > self.capacity && self.receiver != Holder::Left;
        // Not for each small message.
        self.sender_waits = waits.then_some(wanted.max(self.capacity / 4));
        Ok(waits)
    }

    /// Asks for the descriptor to become readable when there is something.
    pub(crate) fn arm_receiver(&mut self) -> bool {
        self.bells[1] = false;
        if self.known == 0 {
            self.known = self.records.len();
        }
        self.receiver_waits = self.known == 0 && self.sender != Holder::Left;
        self.receiver_waits
    }

    /// A wait that was in vain makes the side forget its descriptor.
    pub(crate) fn sender_waited(&mut self) {
        self.sender_waits = None;
    }

    pub(crate) fn receiver_waited(&mut self) {
        self.receiver_waits = false;
    }

    /// Takes the end that sends.
    pub(crate) fn open_sender(&mut self) -> Answer<()> {
        if self.sender == Holder::Present {
            return Err(TAKEN);
        }
        (self.sender, self.tail, self.sender_waits) = (Holder::Present, self.published, None);
        Ok(())
    }

    /// Takes the end that receives.
    pub(crate) fn open_receiver(&mut self) -> Answer<()> {
        if self.receiver == Holder::Present {
            return Err(TAKEN);
        }
        (self.receiver, self.head, self.receiver_waits) = (Holder::Present, self.released, false);
        self.known = self.records.len();
        Ok(())
    }

    /// The last sender lets go.
    pub(crate) fn close_sender(&mut self) {
        self.sender = Holder::Left;
        self.bells[1] |= std::mem::take(&mut self.receiver_waits);
    }

    /// The receiver lets go.
    pub(crate) fn close_receiver(&mut self) {
        self.receiver = Holder::Left;
        self.bells[0] |= self.sender_waits.take().is_some();
    }

    /// For senders that share the ring: each begins where the last message ends.
    pub(crate) fn forget_left_out(&mut self) {
        self.tail = self.published;
    }
}
