//! A System V message queue, a message type a direction.

use super::{OURS, name};
use crate::fact::Place;
use crate::mechanism::{Channel, Ends, Result, Seat, spin};
use crate::row::Row;
use ipc_safe::sysv::{MessageBuffer, MessageQueue, MessageType, Owned};

pub(super) fn rows(place: Place, bytes: usize) -> [Row; 1] {
    [Row::between(OURS, name::QUEUE, place, bytes, move || {
        Ok(Queue { queue: MessageQueue::private()?, spins: place == Place::TwoCores, bytes })
    })]
}

struct Queue {
    queue: Owned<MessageQueue>,
    spins: bool,
    bytes: usize,
}

fn message_type(direction: usize) -> MessageType {
    MessageType::new(direction as i64 + 1).unwrap_or(MessageType::MIN)
}

impl Ends for Queue {
    type Channel<'e> = Both;

    fn connect(&self, seat: Seat) -> Result<Both> {
        Ok(Both {
            queue: *self.queue,
            sends: message_type(seat.end.sends()),
            receives: message_type(seat.end.receives()),
            spins: self.spins,
            outgoing: MessageBuffer::with_capacity(self.bytes),
            incoming: MessageBuffer::with_capacity(self.bytes),
        })
    }
}

struct Both {
    queue: MessageQueue,
    sends: MessageType,
    receives: MessageType,
    spins: bool,
    outgoing: MessageBuffer,
    incoming: MessageBuffer,
}

impl Channel for Both {
    fn send(&mut self, message: &[u8]) -> Result {
        self.outgoing.set(self.sends, message)?;
        if self.spins {
            spin(|| self.queue.try_send_buffer(&self.outgoing))
        } else {
            Ok(self.queue.send_buffer(&self.outgoing)?)
        }
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result {
        if self.spins {
            spin(|| self.queue.try_receive(self.receives, &mut self.incoming))?;
        } else {
            self.queue.receive(self.receives, &mut self.incoming)?;
        }
        buffer.copy_from_slice(self.incoming.bytes());
        Ok(())
    }
}
