//! All three together: a segment carries the text, a semaphore guards it, a queue says that there is something to read and,
//! back, that the board may be written again. One board a direction.

use super::mechanism::{Channel, End, Mechanism, Objects};
use crate::failure::Result;
use crate::inventory::Name;
use ipc_safe::sysv::{Attachment, MessageQueue, MessageType, Owned, Segment, SemaphoreMutex, SemaphoreSet};

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
        Ok(Box::new(OneOfEach {
            queue: MessageQueue::private()?,
            set: SemaphoreSet::private(&[1; DIRECTIONS])?,
            segment: Segment::private(unit * DIRECTIONS)?,
            unit,
        }))
    }
}

struct OneOfEach {
    queue: Owned<MessageQueue>,
    set: Owned<SemaphoreSet>,
    segment: Owned<Segment>,
    unit: usize,
}

impl Objects for OneOfEach {
    fn names(&self) -> Vec<Name> {
        // The segment last: as long as the others are there, somebody may be about to attach it.
        vec![
            Name::Queue { id: self.queue.id() },
            Name::Set { id: self.set.id() },
            Name::Segment { id: self.segment.id() },
        ]
    }

    fn connect(&self, end: End) -> Result<Box<dyn Channel + '_>> {
        Ok(Box::new(Both {
            memory: self.segment.attach()?,
            queue: *self.queue,
            set: *self.set,
            end,
            unit: self.unit,
            unread: false,
            message: Vec::with_capacity(self.unit),
        }))
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
    fn send(&mut self, message: &[u8]) -> Result {
        let direction = self.end.sends();
        if self.unread {
            self.queue.receive_value::<[u8; 0]>(taken(direction)).map_err(ipc_safe::Error::from)?;
        }
        let guard = self.lock(direction).lock()?;
        self.memory.bytes().slice(self.board(direction)..)?.slice(..self.unit)?.write(0, message)?;
        guard.release()?;
        self.unread = true;
        Ok(self.queue.send(written(direction), &(message.len() as u64))?)
    }

    fn receive(&mut self) -> Result<&[u8]> {
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
