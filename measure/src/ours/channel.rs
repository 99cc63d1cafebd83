//! Channels in shared memory, one a direction: of messages, and of values.

use super::{capacity, name};
use crate::fact::{Author, Place};
use crate::mechanism::{self, Ends, Result, Seat};
use crate::row::Row;
use ipc_safe::channel::{Channel, Messages, Receiver, Sender, TypedReceiver, TypedSender, Values, Waiting};
use ipc_safe::memory::{FixedMemfd, SharedMemory};

pub(super) fn rows(place: Place, bytes: usize) -> [Row; 2] {
    let waiting = match place {
        Place::OneCore => Waiting::Blocking,
        Place::TwoCores => Waiting::Spinning,
    };
    let of_messages = Row::between((Author::Ours, "ipc-safe"), name::CHANNEL, place, bytes, move || {
        let memfd = || Channel::<_, Messages>::memfd(capacity(bytes)).map(|(memfd, _)| memfd);
        Ok(OfMessages { memfds: [memfd()?, memfd()?], waiting })
    });
    let of_values = match bytes {
        64 => values::<64>(place, waiting),
        _ => values::<4096>(place, waiting),
    };
    [of_messages, of_values]
}

/// The memory of a direction.
type Memfds = [FixedMemfd; 2];

struct OfMessages {
    memfds: Memfds,
    waiting: Waiting,
}

impl Ends for OfMessages {
    type Channel<'e> = MessageEnds;

    fn connect(&self, seat: Seat) -> Result<MessageEnds> {
        let open = |direction: usize| Channel::<_, Messages>::from_memfd(&self.memfds[direction]);
        let mut sender = open(seat.end.sends())?.sender().map_err(ipc_safe::Error::from)?;
        let mut receiver = open(seat.end.receives())?.receiver().map_err(ipc_safe::Error::from)?;
        sender.set_waiting(self.waiting);
        receiver.set_waiting(self.waiting);
        Ok(MessageEnds { sender, receiver })
    }
}

struct MessageEnds {
    sender: Sender<SharedMemory>,
    receiver: Receiver<SharedMemory>,
}

impl mechanism::Channel for MessageEnds {
    #[inline]
    fn send(&mut self, message: &[u8]) -> Result {
        Ok(self.sender.send(message)?)
    }

    #[inline]
    fn receive(&mut self, buffer: &mut [u8]) -> Result {
        match self.receiver.receive_into(buffer)? {
            len if len == buffer.len() => Ok(()),
            _ => Err("a short message".into()),
        }
    }
}

fn values<const N: usize>(place: Place, waiting: Waiting) -> Row {
    Row::between((Author::Ours, "ipc-safe, values"), name::CHANNEL, place, N, move || {
        let memfd = || Channel::<_, Values<[u8; N]>>::memfd(capacity(N) / N).map(|(memfd, _)| memfd);
        Ok(OfValues::<N> { memfds: [memfd()?, memfd()?], waiting })
    })
}

struct OfValues<const N: usize> {
    memfds: Memfds,
    waiting: Waiting,
}

impl<const N: usize> Ends for OfValues<N> {
    type Channel<'e> = ValueEnds<N>;

    fn connect(&self, seat: Seat) -> Result<ValueEnds<N>> {
        let open = |direction: usize| Channel::<_, Values<[u8; N]>>::from_memfd(&self.memfds[direction]);
        let mut sender = open(seat.end.sends())?.sender().map_err(ipc_safe::Error::from)?;
        let mut receiver = open(seat.end.receives())?.receiver().map_err(ipc_safe::Error::from)?;
        sender.set_waiting(self.waiting);
        receiver.set_waiting(self.waiting);
        Ok(ValueEnds { sender, receiver })
    }
}

struct ValueEnds<const N: usize> {
    sender: TypedSender<[u8; N], SharedMemory>,
    receiver: TypedReceiver<[u8; N], SharedMemory>,
}

impl<const N: usize> mechanism::Channel for ValueEnds<N> {
    #[inline]
    fn send(&mut self, message: &[u8]) -> Result {
        Ok(self.sender.send(message.try_into()?)?)
    }

    #[inline]
    fn receive(&mut self, buffer: &mut [u8]) -> Result {
        Ok(self.receiver.receive_into(buffer.try_into()?)?)
    }
}
