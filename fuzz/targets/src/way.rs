//! The three formats of a channel, by the same names: what can be sent and received, and how.

use arbitrary::{Arbitrary, Result, Unstructured};
use ipc_safe::channel::{Channel, Format, Messages, Receiver, Sender, SharedMessages, SharedSender, Values};
use ipc_safe::memory::SharedMemory;
use ipc_safe::testing::model::pipe::text;
use ipc_safe::testing::model::{Answer, Fault};
use std::fmt::Debug;
use std::time::Duration;

/// Around the longest messages of these, and around a multiple of eight.
const LENGTHS: [usize; 20] = [4, 0, 1, 3, 5, 11, 12, 13, 20, 27, 28, 29, 44, 59, 60, 61, 124, 125, 508, 509];

/// The length of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Len(pub(crate) usize);

impl<'a> Arbitrary<'a> for Len {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        u.choose(&LENGTHS).copied().map(Self)
    }
}

/// How messages are received.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) enum Into {
    Vec,
    /// With no time to wait.
    Timed,
    Slice(Len),
    Peek {
        release: bool,
    },
    /// So many of those that are there.
    Batch(u8),
}

pub(crate) type Memory = SharedMemory;

/// What a format can do, by one name.
pub(crate) trait Way: Format + Sized {
    type Sends: Debug;
    type Receives: Debug;
    /// What is sent for a text: a value has its own length.
    fn bytes(len: usize, byte: u8) -> Vec<u8> {
        text(len, byte)
    }
    fn open_sender(channel: Channel<Memory, Self>) -> Answer<Self::Sends>;
    fn open_receiver(channel: Channel<Memory, Self>) -> Answer<Self::Receives>;
    fn send(sender: &mut Self::Sends, bytes: &[u8], timed: bool) -> Answer<()>;
    fn send_many(sender: &mut Self::Sends, messages: &[Vec<u8>]) -> Answer<usize>;
    /// Reserves, and commits what `with` returns, if anything; `None` where there is no such thing.
    fn reserve(_: &mut Self::Sends, _len: usize, _commit: Option<&[u8]>) -> Option<Answer<()>> {
        None
    }
    fn arm_sender(_: &mut Self::Sends, _len: usize) -> Option<Answer<bool>> {
        None
    }
    fn arm_receiver(receiver: &mut Self::Receives) -> Answer<bool>;
    fn receive(receiver: &mut Self::Receives, into: Into) -> Answer<Vec<Vec<u8>>>;
    const SHARED: bool = false;
}

fn reserve(sender: &mut Sender<Memory>, len: usize, commit: Option<&[u8]>) -> Answer<()> {
    let mut room = sender.try_reserve(len)?;
    assert_eq!((room.len(), room.is_empty(), room.bytes().len()), (len, len == 0, len));
    room.bytes().fill(0xaa);
    if let Some(bytes) = commit {
        room.truncate(bytes.len());
        room.bytes().write(0, bytes)?;
        room.commit();
    }
    Ok(())
}

fn receive(receiver: &mut Receiver<Memory>, into: Into) -> Answer<Vec<Vec<u8>>> {
    let mut bytes = vec![0xee; 5];
    match into {
        Into::Vec => receiver.try_receive(&mut bytes)?,
        Into::Timed => receiver.receive_timeout(&mut bytes, Duration::ZERO)?,
        Into::Slice(Len(len)) => {
            bytes = vec![0xee; len];
            let came = receiver.try_receive_into(&mut bytes)?;
            assert!(bytes[came..].iter().all(|&byte| byte == 0xee), "written behind the message");
            bytes.truncate(came);
        }
        Into::Peek { release } => {
            let peeked = receiver.try_peek()?;
            bytes = peeked.bytes().to_vec();
            assert_eq!((peeked.len(), peeked.is_empty()), (bytes.len(), bytes.is_empty()));
            if release {
                peeked.release();
            }
        }
        Into::Batch(most) => {
            let (mut batch, mut taken) = (receiver.try_batch()?, Vec::new());
            while taken.len() < usize::from(most % 8) {
                let Some(message) = batch.next()? else { break };
                taken.push(message.to_vec());
            }
            return Ok(taken);
        }
    }
    Ok(vec![bytes])
}

impl Way for Messages {
    type Sends = Sender<Memory>;
    type Receives = Receiver<Memory>;

    fn open_sender(channel: Channel<Memory, Self>) -> Answer<Self::Sends> {
        Ok(channel.sender().map_err(ipc_safe::Error::from)?)
    }
    fn open_receiver(channel: Channel<Memory, Self>) -> Answer<Self::Receives> {
        Ok(channel.receiver().map_err(ipc_safe::Error::from)?)
    }
    fn send(sender: &mut Self::Sends, bytes: &[u8], timed: bool) -> Answer<()> {
        let sent = if timed { sender.send_timeout(bytes, Duration::ZERO) } else { sender.try_send(bytes) };
        sent.map_err(Fault::from)
    }
    fn send_many(sender: &mut Self::Sends, messages: &[Vec<u8>]) -> Answer<usize> {
        Ok(sender.try_send_many(messages)?)
    }
    fn reserve(sender: &mut Self::Sends, len: usize, commit: Option<&[u8]>) -> Option<Answer<()>> {
        Some(reserve(sender, len, commit))
    }
    fn arm_sender(sender: &mut Self::Sends, len: usize) -> Option<Answer<bool>> {
        Some(sender.arm(len).map_err(Fault::from))
    }
    fn arm_receiver(receiver: &mut Self::Receives) -> Answer<bool> {
        Ok(receiver.arm()?)
    }
    fn receive(receiver: &mut Self::Receives, into: Into) -> Answer<Vec<Vec<u8>>> {
        receive(receiver, into)
    }
}

impl Way for SharedMessages {
    type Sends = SharedSender<Memory>;
    type Receives = Receiver<Memory>;

    fn open_sender(channel: Channel<Memory, Self>) -> Answer<Self::Sends> {
        Ok(channel.sender().map_err(ipc_safe::Error::from)?)
    }
    fn open_receiver(channel: Channel<Memory, Self>) -> Answer<Self::Receives> {
        Ok(channel.receiver().map_err(ipc_safe::Error::from)?)
    }
    fn send(sender: &mut Self::Sends, bytes: &[u8], timed: bool) -> Answer<()> {
        let sent = if timed { sender.send_timeout(bytes, Duration::ZERO) } else { sender.try_send(bytes) };
        sent.map_err(Fault::from)
    }
    fn send_many(sender: &mut Self::Sends, messages: &[Vec<u8>]) -> Answer<usize> {
        Ok(sender.try_send_many(messages)?)
    }
    fn arm_receiver(receiver: &mut Self::Receives) -> Answer<bool> {
        Ok(receiver.arm()?)
    }
    fn receive(receiver: &mut Self::Receives, into: Into) -> Answer<Vec<Vec<u8>>> {
        receive(receiver, into)
    }
    const SHARED: bool = true;
}

pub(crate) type Value = [u8; 12];

impl Way for Values<Value> {
    type Sends = Sender<Memory, Self>;
    type Receives = Receiver<Memory, Self>;

    fn bytes(_: usize, byte: u8) -> Vec<u8> {
        text(size_of::<Value>(), byte)
    }
    fn open_sender(channel: Channel<Memory, Self>) -> Answer<Self::Sends> {
        Ok(channel.sender().map_err(ipc_safe::Error::from)?)
    }
    fn open_receiver(channel: Channel<Memory, Self>) -> Answer<Self::Receives> {
        Ok(channel.receiver().map_err(ipc_safe::Error::from)?)
    }
    fn send(sender: &mut Self::Sends, bytes: &[u8], timed: bool) -> Answer<()> {
        let value = bytes.try_into().expect("a value");
        let sent = if timed { sender.send_timeout(value, Duration::ZERO) } else { sender.try_send(value) };
        sent.map_err(Fault::from)
    }
    fn send_many(sender: &mut Self::Sends, messages: &[Vec<u8>]) -> Answer<usize> {
        let values: Vec<Value> = messages.iter().map(|bytes| bytes[..].try_into().expect("a value")).collect();
        Ok(sender.try_send_many(&values)?)
    }
    fn arm_sender(sender: &mut Self::Sends, _: usize) -> Option<Answer<bool>> {
        Some(sender.arm().map_err(Fault::from))
    }
    fn arm_receiver(receiver: &mut Self::Receives) -> Answer<bool> {
        Ok(receiver.arm()?)
    }
    fn receive(receiver: &mut Self::Receives, into: Into) -> Answer<Vec<Vec<u8>>> {
        let mut value = [0; size_of::<Value>()];
        match into {
            Into::Vec => value = receiver.try_receive()?,
            Into::Timed => value = receiver.receive_timeout(Duration::ZERO)?,
            Into::Slice(_) | Into::Peek { .. } => receiver.try_receive_into(&mut value)?,
            Into::Batch(most) => {
                let drain = receiver.try_drain()?;
                let taken: Vec<_> = drain.take(usize::from(most % 8)).map(|value| value.to_vec()).collect();
                return Ok(taken);
            }
        }
        Ok(vec![value.to_vec()])
    }
}
