//! All three together: a segment carries the text, a semaphore guards it, a queue says that there is something to read and,
//! back, that the board may be written again. One board a direction.

use super::mechanism::{Channel, End, Mechanism, Objects};
use super::objects::{self, SysvObjects};
use crate::failure::Result;
use crate::kind::Kind;
use ipc_safe::sysv::{Attachment, MessageQueue, MessageType, Segment, SemaphoreMutex, SemaphoreSet};

pub(super) struct Blackboard;

const DIRECTIONS: usize = 2;

impl Mechanism for Blackboard {
    fn name(&self) -> &'static str {
        "blackboard"
    }

    fn title(&self) -> &'static str {
        "queue + segment + semaphore"
    }

    fn unit(&self) -> Result<usize> {
        Ok(64 << 10)
    }

    fn create(&self, unit: usize) -> Result<Box<dyn Objects>> {
        Ok(Box::new(SysvObjects {
            queue: Some(MessageQueue::private()?),
            set: Some(SemaphoreSet::private(&[1; DIRECTIONS])?),
            segment: Some(Segment::private(unit * DIRECTIONS)?),
        }))
    }

    fn connect(&self, unit: usize, arguments: &[String], end: End) -> Result<Box<dyn Channel>> {
        let set = SemaphoreSet::from_id(objects::id(arguments, Kind::Set)?)?;
        let segment = Segment::from_id(objects::id(arguments, Kind::Segment)?)?;
        Ok(Box::new(Both {
            memory: segment.attach()?,
            queue: MessageQueue::from_id(objects::id(arguments, Kind::Queue)?)?,
            set,
            end,
            unit,
            unread: false,
            message: Vec::with_capacity(unit),
        }))
    }

    fn cancel(&self, arguments: &[String]) {
        objects::remove(arguments);
    }
}

struct Both {
    memory: Attachment,
    queue: MessageQueue,
    set: SemaphoreSet,
    end: End,
    unit: usize,
    /// Whether what this end wrote last may be unread.
    unread: bool,
    message: Vec<u8>,
}

/// The type of the notice that a board was written; it carries the length.
fn written(direction: u16) -> MessageType {
    notice(direction)
}

/// The type of the notice that a board was read; it is empty.
fn taken(direction: u16) -> MessageType {
    notice(direction + 2)
}

fn notice(number: u16) -> MessageType {
    MessageType::new(i64::from(number) + 1).unwrap_or(MessageType::MIN)
}

impl Both {
    /// Where the board of a direction begins.
    fn board(&self, direction: u16) -> usize {
        usize::from(direction) * self.unit
    }

    fn lock(&self, direction: u16) -> SemaphoreMutex {
        SemaphoreMutex::new(self.set.semaphore(direction))
    }
}

impl Channel for Both {
    fn send(&mut self, message: &[u8]) -> ipc_safe::Result<()> {
        let direction = self.end.sends();
        if self.unread {
            self.queue.receive_value::<[u8; 0]>(taken(direction)).map_err(ipc_safe::Error::from)?;
        }
        let guard = self.lock(direction).lock()?;
        self.memory.bytes().slice(self.board(direction)..)?.slice(..self.unit)?.write(0, message)?;
        guard.release()?;
        self.unread = true;
        self.queue.send(written(direction), &(message.len() as u64))
    }

    fn receive(&mut self) -> ipc_safe::Result<&[u8]> {
        let direction = self.end.receives();
        let (_, len) = self.queue.receive_value::<u64>(written(direction)).map_err(ipc_safe::Error::from)?;
        // The length comes from the other process: at most what a message may have is believed.
        self.message.resize(usize::try_from(len).unwrap_or(usize::MAX).min(self.unit), 0);
        let guard = self.lock(direction).lock()?;
        self.memory.bytes().read(self.board(direction), &mut self.message)?;
        guard.release()?;
        self.queue.send(taken(direction), b"")?;
        Ok(&self.message)
    }
}
