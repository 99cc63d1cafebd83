//! What a message queue does.

use super::{Answer, Fault};
use ipc_safe::error::{Errno, ErrorKind};
use ipc_safe::sysv::Selector;
use std::collections::VecDeque;

/// A message: its type and its bytes.
pub(crate) type Message = (i64, Vec<u8>);

/// How much room a receiver has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// As much as the message needs.
    Any,
    /// So many bytes; a longer message stays in the queue.
    Bytes(usize),
    /// So many bytes; a longer message is cut.
    Cut(usize),
}

/// A message queue.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    messages: VecDeque<Message>,
    byte_limit: u64,
    /// Whether anybody sent; then the kernel knows who and when.
    pub(crate) sent: bool,
    /// Whether anybody received.
    pub(crate) received: bool,
}

impl Queue {
    /// An empty queue for so many bytes.
    pub(crate) const fn new(byte_limit: u64) -> Self {
        Self { messages: VecDeque::new(), byte_limit, sent: false, received: false }
    }

    /// Messages in the queue.
    pub(crate) fn count(&self) -> u64 {
        self.messages.len() as u64
    }

    /// Bytes in these.
    pub(crate) fn bytes(&self) -> u64 {
        self.messages.iter().map(|(_, bytes)| bytes.len() as u64).sum()
    }

    /// The most bytes, and the most messages.
    pub(crate) const fn byte_limit(&self) -> u64 {
        self.byte_limit
    }

    /// Sends without waiting. `longest` is `kernel.msgmax`.
    pub(crate) fn send(&mut self, message: Message, longest: usize) -> Answer<()> {
        if message.1.len() > longest {
            return Err(Fault::new(Errno::INVAL, ErrorKind::TooBig));
        }
        let fits = self.bytes() + message.1.len() as u64 <= self.byte_limit && self.count() < self.byte_limit;
        if !fits {
            return Err(Fault::WOULD_BLOCK);
        }
        self.messages.push_back(message);
        self.sent = true;
        Ok(())
    }

    /// Receives without waiting.
    pub(crate) fn receive(&mut self, selector: Selector, room: Room) -> Answer<Message> {
        let index = self.select(selector).ok_or(Fault::new(Errno::NOMSG, ErrorKind::WouldBlock))?;
        let message = fitted(&self.messages[index], room)?;
        self.messages.remove(index);
        self.received = true;
        Ok(message)
    }

    /// A copy of the message at `index`. (The kernel itself cuts no copy; the crate does.)
    pub(crate) fn peek(&self, index: usize, room: Room) -> Answer<Option<Message>> {
        self.messages.get(index).map(|message| fitted(message, room)).transpose()
    }

    /// Changes the limit. What is in the queue stays. `highest` is `kernel.msgmnb`, for those who may not go above it.
    pub(crate) fn set_byte_limit(&mut self, bytes: u64, highest: Option<u64>) -> Answer<()> {
        if highest.is_some_and(|highest| bytes > highest) {
            return Err(Fault::new(Errno::PERM, ErrorKind::PermissionDenied));
        }
        self.byte_limit = bytes;
        Ok(())
    }

    /// Where the message is that a selector picks.
    fn select(&self, selector: Selector) -> Option<usize> {
        let types = || self.messages.iter().map(|(kind, _)| *kind).enumerate();
        let first = |wanted: &dyn Fn(i64) -> bool| types().find(|(_, kind)| wanted(*kind)).map(|(index, _)| index);
        match selector {
            Selector::First => first(&|_| true),
            Selector::Exactly(exactly) => first(&|kind| kind == exactly.get()),
            Selector::Except(except) => first(&|kind| kind != except.get()),
            Selector::AtMost(highest) => {
                let lowest = types().map(|(_, kind)| kind).filter(|kind| *kind <= highest.get()).min()?;
                first(&|kind| kind == lowest)
            }
        }
    }
}

/// A copy of the message as it arrives in this room.
fn fitted(message: &Message, room: Room) -> Answer<Message> {
    let (kind, bytes) = message;
    match room {
        Room::Bytes(room) if bytes.len() > room => Err(Fault::new(Errno::TOOBIG, ErrorKind::TooBig)),
        Room::Cut(room) => Ok((*kind, bytes[..bytes.len().min(room)].to_vec())),
        Room::Any | Room::Bytes(_) => Ok(message.clone()),
    }
}
