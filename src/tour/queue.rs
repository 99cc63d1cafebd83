//! A message queue: one message type a direction.

use super::mechanism::{Channel, End, Mechanism, Objects};
use crate::failure::Result;
use crate::inventory::Name;
use ipc_safe::sysv::{MessageBuffer, MessageQueue, MessageType, Owned};

pub(super) struct Queue;

impl Mechanism for Queue {
    fn name(&self) -> &'static str {
        "queue"
    }

    fn title(&self) -> &'static str {
        "queue"
    }

    fn unit(&self) -> Result<usize> {
        // Half of a queue, so that one message can be on its way while the next is written.
        let limits = MessageQueue::limits()?;
        Ok(limits.message_bytes.min(limits.queue_bytes / 2).min(8192) as usize)
    }

    fn create(&self, unit: usize) -> Result<Box<dyn Objects>> {
        Ok(Box::new(OneQueue { queue: MessageQueue::private()?, unit }))
    }
}

struct OneQueue {
    queue: Owned<MessageQueue>,
    unit: usize,
}

impl Objects for OneQueue {
    fn names(&self) -> Vec<Name> {
        vec![Name::Queue { id: self.queue.id() }]
    }

    fn connect(&self, end: End) -> Result<Box<dyn Channel + '_>> {
        Ok(Box::new(Both {
            queue: *self.queue,
            end,
            outgoing: MessageBuffer::with_capacity(self.unit),
            incoming: MessageBuffer::with_capacity(self.unit),
        }))
    }
}

struct Both {
    queue: MessageQueue,
    end: End,
    outgoing: MessageBuffer,
    incoming: MessageBuffer,
}

/// The type of the messages that go in this direction.
fn message_type(direction: u16) -> MessageType {
    MessageType::new(i64::from(direction) + 1).unwrap_or(MessageType::MIN)
}

impl Channel for Both {
    fn send(&mut self, message: &[u8]) -> Result {
        self.outgoing.set(message_type(self.end.sends()), message)?;
        Ok(self.queue.send_buffer(&self.outgoing)?)
    }

    fn receive(&mut self) -> Result<&[u8]> {
        self.queue.receive(message_type(self.end.receives()), &mut self.incoming)?;
        Ok(self.incoming.bytes())
    }
}
