//! A channel in shared memory a direction: the messages go by without the kernel, which is asked only to sleep and to wake.

use super::mechanism::{Channel, End, Mechanism, Objects};
use crate::failure::Result;
use crate::inventory::Name;
use ipc_safe::channel::{self, Messages, Receiver, Sender};
use ipc_safe::memory::{FixedMemfd, SharedMemory};

pub(super) struct Channels;

impl Mechanism for Channels {
    fn name(&self) -> &'static str {
        "channel"
    }

    fn title(&self) -> &'static str {
        "channels in a memfd"
    }

    fn unit(&self) -> Result<usize> {
        Ok(64 << 10)
    }

    fn create(&self, unit: usize) -> Result<Box<dyn Objects>> {
        /// Messages of the longest sort that fit into a ring at once, about.
        const MESSAGES: usize = 8;
        let capacity = (unit * MESSAGES).next_power_of_two();
        let make = || Ok::<_, ipc_safe::Error>(channel::Channel::<_, Messages>::memfd(capacity)?.0);
        Ok(Box::new(Memfds([make()?, make()?])))
    }
}

/// One a direction. The receiver inherits them; who dies is noticed by the other one.
struct Memfds([FixedMemfd; 2]);

impl Objects for Memfds {
    fn names(&self) -> Vec<Name> {
        Vec::new()
    }

    fn connect(&self, end: End) -> Result<Box<dyn Channel + '_>> {
        let [sends, receives] = [end.sends(), end.receives()].map(|number| &self.0[usize::from(number)]);
        Ok(Box::new(Both {
            sender: channel::Channel::<_, Messages>::from_memfd(sends)?.sender()?,
            receiver: channel::Channel::<_, Messages>::from_memfd(receives)?.receiver()?,
            message: Vec::new(),
        }))
    }

    /// A channel waits for an end that nobody has had yet. So this process takes the receiver's, and lets go of them. Where
    /// that fails, the receiver has them, and its death is noticed.
    fn stop_waiting(&self) {
        let [first, second] = &self.0;
        let _ = channel::Channel::<_, Messages>::from_memfd(first).map(channel::Channel::receiver);
        let _ = channel::Channel::<_, Messages>::from_memfd(second).map(channel::Channel::sender);
    }
}

struct Both {
    sender: Sender<SharedMemory>,
    receiver: Receiver<SharedMemory>,
    message: Vec<u8>,
}

impl Channel for Both {
    fn send(&mut self, message: &[u8]) -> Result {
        Ok(self.sender.send(message)?)
    }

    fn receive(&mut self) -> Result<&[u8]> {
        self.receiver.receive(&mut self.message)?;
        Ok(&self.message)
    }
}
