//! A message queue: one message type a direction.

use super::mechanism::{Channel, End, Mechanism, Objects};
use super::objects::{self, SysvObjects};
use crate::failure::Result;
use crate::kind::Kind;
use ipc_safe::sysv::{MessageBuffer, MessageQueue, MessageType};

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

    fn create(&self, _unit: usize) -> Result<Box<dyn Objects>> {
        Ok(Box::new(SysvObjects { queue: Some(MessageQueue::private()?), ..SysvObjects::default() }))
    }

    fn connect(&self, unit: usize, arguments: &[String], end: End) -> Result<Box<dyn Channel>> {
        let queue = MessageQueue::from_id(objects::id(arguments, Kind::Queue)?)?;
        Ok(Box::new(Both {
            queue,
            end,
            outgoing: MessageBuffer::with_capacity(unit),
            incoming: MessageBuffer::with_capacity(unit),
        }))
    }

    fn cancel(&self, arguments: &[String]) {
        objects::remove(arguments);
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
    fn send(&mut self, message: &[u8]) -> ipc_safe::Result<()> {
        self.outgoing.set(message_type(self.end.sends()), message)?;
        self.queue.send_buffer(&self.outgoing)
    }

    fn receive(&mut self) -> ipc_safe::Result<&[u8]> {
        self.queue.receive(message_type(self.end.receives()), &mut self.incoming)?;
        Ok(self.incoming.bytes())
    }
}
