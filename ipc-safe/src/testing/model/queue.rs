//! What a message queue does.

use super::{Answer, Fault, text};
use crate::error::{Errno, ErrorKind, Result};
use crate::sysv::{MessageBuffer, MessageQueue, MessageType, ReceiveError, Selector};
use std::collections::VecDeque;

/// A message: its type and its bytes.
pub type Message = (i64, Vec<u8>);

/// How much room a receiver has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// As much as the message needs.
    Any,
    /// So many bytes; a longer message stays in the queue.
    Bytes(usize),
    /// So many bytes; a longer message is cut.
    Cut(usize),
}

/// A message queue.
///
/// ```
/// use ipc_safe::sysv::{MessageType, Selector};
/// use ipc_safe::testing::model::queue::{Queue, Room};
///
/// let mut queue = Queue::new(16384);
/// queue.send((3, b"later".to_vec()), 8192)?;
/// queue.send((1, b"first".to_vec()), 8192)?;
/// let lowest = Selector::AtMost(MessageType::new(3).unwrap());
/// assert_eq!(queue.receive(lowest, Room::Any)?, (1, b"first".to_vec()));
/// # Ok::<(), ipc_safe::testing::model::Fault>(())
/// ```
#[derive(Clone, Debug)]
pub struct Queue {
    messages: VecDeque<Message>,
    byte_limit: u64,
    /// Whether anybody sent; then the kernel knows who and when.
    pub sent: bool,
    /// Whether anybody received.
    pub received: bool,
}

impl Queue {
    /// An empty queue for so many bytes.
    #[must_use]
    pub const fn new(byte_limit: u64) -> Self {
        Self { messages: VecDeque::new(), byte_limit, sent: false, received: false }
    }

    /// Messages in the queue.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.messages.len() as u64
    }

    /// Bytes in these.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.messages.iter().map(|(_, bytes)| bytes.len() as u64).sum()
    }

    /// The most bytes, and the most messages.
    #[must_use]
    pub const fn byte_limit(&self) -> u64 {
        self.byte_limit
    }

    /// Sends without waiting. `longest` is `kernel.msgmax`.
    pub fn send(&mut self, message: Message, longest: usize) -> Answer<()> {
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
    pub fn receive(&mut self, selector: Selector, room: Room) -> Answer<Message> {
        let index = self.select(selector).ok_or(Fault::new(Errno::NOMSG, ErrorKind::WouldBlock))?;
        let message = fitted(&self.messages[index], room)?;
        self.messages.remove(index);
        self.received = true;
        Ok(message)
    }

    /// A copy of the message at `index`. (The kernel itself cuts no copy; the crate does.)
    pub fn peek(&self, index: usize, room: Room) -> Answer<Option<Message>> {
        self.messages.get(index).map(|message| fitted(message, room)).transpose()
    }

    /// Changes the limit. What is in the queue stays. `highest` is `kernel.msgmnb`, for those who may not go above it.
    pub fn set_byte_limit(&mut self, bytes: u64, highest: Option<u64>) -> Answer<()> {
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

/// What the system allows.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// `kernel.msgmax`: the longest message.
    pub message_bytes: usize,
    /// `kernel.msgmnb`: the most bytes that a queue can be given; `None` for those who may go above it.
    pub queue_bytes: Option<u64>,
}

impl Limits {
    /// Those of the calling thread's IPC namespace, for this process. Makes a queue to find out whether it may go above them.
    pub fn of_system() -> Result<Self> {
        let limits = MessageQueue::limits()?;
        let highest = u64::from(limits.queue_bytes);
        let may_go_above = MessageQueue::private()?.set_byte_limit(highest.saturating_add(1)).is_ok();
        let queue_bytes = if may_go_above { None } else { Some(highest) };
        Ok(Self { message_bytes: limits.message_bytes as usize, queue_bytes })
    }
}

/// A call on a queue, without waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Sends a message of so many bytes, which count up.
    Send {
        /// Its type. One below 1 is refused.
        kind: i64,
        /// How many bytes.
        len: usize,
        /// The first.
        byte: u8,
    },
    /// As [`Send`](Self::Send), in a buffer, without a copy.
    SendBuffer {
        /// Its type. One below 1 is refused.
        kind: i64,
        /// How many bytes.
        len: usize,
        /// The first.
        byte: u8,
    },
    /// Receives.
    Receive {
        /// Which message.
        selector: Selector,
        /// Into how much room.
        room: Room,
    },
    /// Receives a value of eight bytes; a shorter message comes out, too.
    ReceiveValue {
        /// Which message.
        selector: Selector,
    },
    /// Copies a message that stays in the queue.
    Peek {
        /// The how manieth, from 0.
        index: usize,
        /// Into how much room.
        room: Room,
    },
    /// Changes the limit of the queue.
    SetByteLimit {
        /// The most bytes.
        bytes: u64,
    },
}

impl Step {
    /// Makes the call on a real queue. What was received, if anything.
    ///
    /// # Panics
    ///
    /// When more than the message was written.
    pub fn perform(&self, queue: &MessageQueue) -> Answer<Option<Message>> {
        let done = match *self {
            Self::Send { kind, len, byte } => {
                MessageType::try_from(kind).and_then(|kind| queue.try_send(kind, &text(byte, len)[..])).map(|()| None)
            }
            Self::SendBuffer { kind, len, byte } => send_buffer(queue, kind, &text(byte, len)).map(|()| None),
            Self::Receive { selector, room } => take(room, |into| match into {
                Into::Vec(bytes) => queue.try_receive(selector, bytes).map(Some),
                Into::Buffer(buffer) => queue.try_receive(selector, buffer).map(Some),
                Into::Truncating(buffer) => queue.try_receive(selector, buffer.truncating()).map(Some),
            }),
            Self::ReceiveValue { selector } => value(queue.try_receive_value(selector)).map(Some),
            Self::Peek { index, room } => take(room, |into| match into {
                Into::Vec(bytes) => queue.peek(index, bytes),
                Into::Buffer(buffer) => queue.peek(index, buffer),
                Into::Truncating(buffer) => queue.peek(index, buffer.truncating()),
            }),
            Self::SetByteLimit { bytes } => queue.set_byte_limit(bytes).map(|()| None),
        };
        done.map_err(Fault::from)
    }
}

fn send_buffer(queue: &MessageQueue, kind: i64, bytes: &[u8]) -> Result<()> {
    let kind = MessageType::try_from(kind)?;
    let mut buffer = MessageBuffer::with_capacity(bytes.len());
    buffer.set(kind, bytes)?;
    queue.try_send_buffer(&buffer)
}

/// A value, or the bytes of a message that was shorter.
fn value(result: Result<(MessageType, [u8; VALUE]), ReceiveError>) -> Result<Message> {
    match result {
        Ok((kind, value)) => Ok((kind.get(), value.to_vec())),
        Err(ReceiveError::WrongLength { message, expected }) => {
            assert!(expected == VALUE && message.bytes.len() < VALUE, "{message:?} is no wrong length");
            Ok((message.kind.get(), message.bytes))
        }
        Err(error) => Err(error.into()),
    }
}

/// Where a message goes.
enum Into<'b> {
    Vec(&'b mut Vec<u8>),
    Buffer(&'b mut MessageBuffer),
    Truncating(&'b mut MessageBuffer),
}

/// The bytes of a value.
const VALUE: usize = 8;
/// The bytes of a buffer before those of the message.
const HEADER: usize = 8;
/// Stands in the room that no message reached.
const UNTOUCHED: u8 = 0xee;

/// Lets `receive` take a message into so much room.
fn take(room: Room, receive: impl FnOnce(Into<'_>) -> Result<Option<MessageType>>) -> Result<Option<Message>> {
    match room {
        Room::Any => {
            let mut bytes = vec![UNTOUCHED; 3];
            Ok(receive(Into::Vec(&mut bytes))?.map(|kind| (kind.get(), bytes)))
        }
        Room::Bytes(len) => take_into(len, |buffer| receive(Into::Buffer(buffer))),
        Room::Cut(len) => take_into(len, |buffer| receive(Into::Truncating(buffer))),
    }
}

/// Lets `receive` take a message into a buffer, and looks that nothing else was written there.
fn take_into(
    len: usize,
    receive: impl FnOnce(&mut MessageBuffer) -> Result<Option<MessageType>>,
) -> Result<Option<Message>> {
    let mut buffer = MessageBuffer::new(vec![UNTOUCHED; HEADER + len])?;
    let received = receive(&mut buffer);
    let message = (buffer.message_type().get(), buffer.bytes().to_vec());
    let untouched = &buffer.into_storage()[HEADER + message.1.len()..];
    assert!(untouched.iter().all(|&byte| byte == UNTOUCHED), "written past the message");
    let received = received?;
    assert!(received.is_some() || message == (1, Vec::new()), "no message, and the buffer changed");
    Ok(received.map(|kind| (kind.get(), message.1)))
}

impl Queue {
    /// What the call answers.
    pub fn perform(&mut self, step: &Step, limits: &Limits) -> Answer<Option<Message>> {
        match *step {
            Step::Send { kind, .. } | Step::SendBuffer { kind, .. } if kind < 1 => Err(Fault::INVALID),
            Step::Send { kind, len, byte } | Step::SendBuffer { kind, len, byte } => {
                self.send((kind, text(byte, len)), limits.message_bytes).map(|()| None)
            }
            Step::Receive { selector, room } => self.receive(selector, room).map(Some),
            Step::ReceiveValue { selector } => self.receive(selector, Room::Bytes(VALUE)).map(Some),
            Step::Peek { index, room } => self.peek(index, room),
            Step::SetByteLimit { bytes } => self.set_byte_limit(bytes, limits.queue_bytes).map(|()| None),
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
