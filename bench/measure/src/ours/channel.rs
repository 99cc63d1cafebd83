//! Channels in shared memory, one a direction: of messages from one sender or several, and of values.

use super::{capacity, name};
use crate::fact::{Author, Place};
use crate::mechanism::{self, Ends, Result, Seat};
use crate::row::Row;
use ipc_safe::channel::{
    Channel, Format, Messages, Receiver, Sender, SharedMessages, SharedSender, TypedReceiver, TypedSender, Values,
    Waiting,
};
use ipc_safe::memory::{FixedMemfd, SharedMemory};
use std::marker::PhantomData;

pub(super) fn rows(place: Place, bytes: usize) -> [Row; 3] {
    [
        row::<Messages>("ipc-safe", place, bytes, capacity(bytes)),
        row::<SharedMessages>("ipc-safe, several senders", place, bytes, capacity(bytes)),
        match bytes {
            64 => row::<Values<[u8; 64]>>("ipc-safe, values", place, bytes, capacity(bytes) / bytes),
            _ => row::<Values<[u8; 4096]>>("ipc-safe, values", place, bytes, capacity(bytes) / bytes),
        },
    ]
}

fn row<F>(by: &str, place: Place, bytes: usize, capacity: usize) -> Row
where
    F: Format + 'static,
    F::Sender<SharedMemory>: Outgoing,
    F::Receiver<SharedMemory>: Incoming,
{
    let waiting = match place {
        Place::OneCore => Waiting::Blocking,
        Place::TwoCores => Waiting::Spinning,
    };
    Row::between((Author::Ours, by), name::CHANNEL, place, bytes, move || {
        let memfd = || Channel::<_, F>::memfd(capacity).map(|(memfd, _)| memfd);
        Ok(Directions::<F> { memfds: [memfd()?, memfd()?], waiting, format: PhantomData })
    })
}

/// What sends.
trait Outgoing {
    fn set_waiting(&mut self, waiting: Waiting);
    fn send(&mut self, message: &[u8]) -> Result;
}

/// What receives.
trait Incoming {
    fn set_waiting(&mut self, waiting: Waiting);
    fn receive(&mut self, buffer: &mut [u8]) -> Result;
}

macro_rules! outgoing {
    ($($sender:ident),+) => {$(
        impl Outgoing for $sender<SharedMemory> {
            fn set_waiting(&mut self, waiting: Waiting) {
                self.set_waiting(waiting);
            }

            #[inline]
            fn send(&mut self, message: &[u8]) -> Result {
                Ok(self.send(message)?)
            }
        }
    )+};
}

outgoing!(Sender, SharedSender);

impl Incoming for Receiver<SharedMemory> {
    fn set_waiting(&mut self, waiting: Waiting) {
        self.set_waiting(waiting);
    }

    #[inline]
    fn receive(&mut self, buffer: &mut [u8]) -> Result {
        match self.receive_into(buffer)? {
            len if len == buffer.len() => Ok(()),
            _ => Err("a short message".into()),
        }
    }
}

impl<const N: usize> Outgoing for TypedSender<[u8; N], SharedMemory> {
    fn set_waiting(&mut self, waiting: Waiting) {
        self.set_waiting(waiting);
    }

    #[inline]
    fn send(&mut self, message: &[u8]) -> Result {
        Ok(self.send(message.try_into()?)?)
    }
}

impl<const N: usize> Incoming for TypedReceiver<[u8; N], SharedMemory> {
    fn set_waiting(&mut self, waiting: Waiting) {
        self.set_waiting(waiting);
    }

    #[inline]
    fn receive(&mut self, buffer: &mut [u8]) -> Result {
        Ok(self.receive_into(buffer.try_into()?)?)
    }
}

/// The memory of each, of which each process opens its ends.
struct Directions<F> {
    memfds: [FixedMemfd; 2],
    waiting: Waiting,
    format: PhantomData<fn() -> F>,
}

impl<F: Format + 'static> Ends for Directions<F>
where
    F::Sender<SharedMemory>: Outgoing,
    F::Receiver<SharedMemory>: Incoming,
{
    type Channel<'e> = Both<F::Sender<SharedMemory>, F::Receiver<SharedMemory>>;

    fn connect(&self, seat: Seat) -> Result<Self::Channel<'_>> {
        let open = |direction: usize| Channel::<_, F>::from_memfd(&self.memfds[direction]);
        let mut sender = open(seat.end.sends())?.sender().map_err(ipc_safe::Error::from)?;
        let mut receiver = open(seat.end.receives())?.receiver().map_err(ipc_safe::Error::from)?;
        sender.set_waiting(self.waiting);
        receiver.set_waiting(self.waiting);
        Ok(Both { sender, receiver })
    }
}

struct Both<S, R> {
    sender: S,
    receiver: R,
}

impl<S: Outgoing, R: Incoming> mechanism::Channel for Both<S, R> {
    #[inline]
    fn send(&mut self, message: &[u8]) -> Result {
        self.sender.send(message)
    }

    #[inline]
    fn receive(&mut self, buffer: &mut [u8]) -> Result {
        self.receiver.receive(buffer)
    }
}
