//! A channel, of messages, of messages from several senders, or of values: sent, reserved, received, looked at, taken by the
//! batch, with ends that go and come again and descriptors that tell; against a queue and the positions of its ring.

use crate::ring::{Cut, Holder, Ring, TIMED_OUT};
use crate::steps::{Look, steps};
use arbitrary::{Arbitrary, Result, Unstructured};
use ipc_safe::channel::{Bells, Channel, Format, Messages, Receiver, Sender, SharedMessages, SharedSender, Values};
use ipc_safe::memory::{FixedMemfd, SharedMemory};
use ipc_safe::testing::Resources;
use ipc_safe::testing::model::pipe::text;
use ipc_safe::testing::model::{Answer, Fault};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fmt::Debug;
use std::os::fd::BorrowedFd;
use std::time::Duration;

const CAPACITIES: [usize; 4] = [64, 128, 256, 1024];
/// Around the longest messages of these, and around a multiple of eight.
const LENGTHS: [usize; 20] = [4, 0, 1, 3, 5, 11, 12, 13, 20, 27, 28, 29, 44, 59, 60, 61, 124, 125, 508, 509];
/// The most that share a ring here.
const SENDERS: usize = 3;

#[derive(Clone, Copy, Debug)]
struct Len(usize);

impl<'a> Arbitrary<'a> for Len {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        u.choose(&LENGTHS).copied().map(Self)
    }
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Into {
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

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Step {
    Send { sender: u8, len: Len, timed: bool },
    SendMany { sender: u8, lens: [Len; 3] },
    Reserve { len: Len, cut: Option<Len>, commit: bool },
    Receive { into: Into },
    ReceiveAgain { into: Into },
    ArmSender { len: Len },
    ArmReceiver,
    OpenSender,
    OpenReceiver,
    CloseSender { sender: u8 },
    CloseReceiver,
}

/// Runs one input.
pub fn run(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let Ok((what, capacity, bells)) = plan(&mut u) else { return };
    let look = Look::at(Resources::DESCRIPTORS);
    let mapped = Look::seldom_at(Resources::MAPPINGS);
    match what {
        0 => Run::<Messages>::new(capacity, bells, Cut::Messages).all(&mut u),
        1 => Run::<SharedMessages>::new(capacity, bells, Cut::Messages).all(&mut u),
        // Slots of sixteen bytes.
        _ => Run::<Values<[u8; 12]>>::new(capacity / 16, bells, Cut::Slots).all(&mut u),
    }
    look.end();
    mapped.into_iter().for_each(Look::end);
}

fn plan(u: &mut Unstructured<'_>) -> Result<(u8, usize, bool)> {
    Ok((u.int_in_range(0..=2)?, *u.choose(&CAPACITIES)?, u.arbitrary()?))
}

type Memory = SharedMemory;

/// What a format can do, by one name.
trait Way: Format + Sized {
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

fn receive<F: Format>(receiver: &mut Receiver<Memory>, into: Into) -> Answer<Vec<Vec<u8>>> {
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
        Ok(if timed { sender.send_timeout(bytes, Duration::ZERO)? } else { sender.try_send(bytes)? })
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
        receive::<Self>(receiver, into)
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
        Ok(if timed { sender.send_timeout(bytes, Duration::ZERO)? } else { sender.try_send(bytes)? })
    }
    fn send_many(sender: &mut Self::Sends, messages: &[Vec<u8>]) -> Answer<usize> {
        Ok(sender.try_send_many(messages)?)
    }
    fn arm_receiver(receiver: &mut Self::Receives) -> Answer<bool> {
        Ok(receiver.arm()?)
    }
    fn receive(receiver: &mut Self::Receives, into: Into) -> Answer<Vec<Vec<u8>>> {
        receive::<Self>(receiver, into)
    }
    const SHARED: bool = true;
}

type Value = [u8; 12];

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
        Ok(if timed { sender.send_timeout(value, Duration::ZERO)? } else { sender.try_send(value)? })
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

struct Run<F: Way> {
    memfd: FixedMemfd,
    bells: Option<Bells>,
    senders: Vec<F::Sends>,
    receiver: Option<F::Receives>,
    model: Ring,
    /// The first byte of the next message.
    next: u8,
}

impl<F: Way> Run<F> {
    fn new(capacity: usize, bells: bool, cut: Cut) -> Self {
        let (memfd, channel) = Channel::<_, F>::memfd(capacity).expect("memory");
        assert_eq!(channel.capacity(), capacity);
        let bells = bells.then(|| Bells::new().expect("descriptors"));
        let model = Ring::new(capacity as u64, cut);
        let mut run = Self { memfd, bells, senders: Vec::new(), receiver: None, model, next: 0 };
        run.open_sender();
        run.open_receiver();
        run
    }

    fn all(mut self, u: &mut Unstructured<'_>) {
        for step in steps::<Step>(u) {
            self.step(step);
            self.check_bells();
        }
    }

    fn channel(&self) -> Channel<Memory, F> {
        let channel = Channel::from_memfd(&self.memfd).expect("the channel that was made");
        match &self.bells {
            Some(bells) => channel.with_bells(bells.try_clone().expect("descriptors")),
            None => channel,
        }
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        self.next = self.next.wrapping_add(7);
        F::bytes(len, self.next)
    }

    fn open_sender(&mut self) {
        if F::SHARED && self.senders.len() == SENDERS {
            return;
        }
        let opened = F::open_sender(self.channel());
        if F::SHARED {
            self.model.sender = Holder::Present;
        } else {
            assert_eq!(opened.as_ref().map(drop).map_err(|fault| *fault), self.model.open_sender(), "opening to send");
        }
        self.senders.extend(opened);
    }

    fn open_receiver(&mut self) {
        let opened = F::open_receiver(self.channel());
        assert_eq!(opened.as_ref().map(drop).map_err(|fault| *fault), self.model.open_receiver(), "opening to receive");
        self.receiver = opened.ok().or(self.receiver.take());
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Send { sender, len: Len(len), timed } => self.send(sender, len, timed),
            Step::SendMany { sender, lens } => self.send_many(sender, lens),
            Step::Reserve { len: Len(len), cut, commit } => self.reserve(len, cut, commit),
            Step::Receive { into } | Step::ReceiveAgain { into } => self.receive(into),
            Step::ArmSender { len: Len(len) } => self.arm_sender(len),
            Step::ArmReceiver => self.arm_receiver(),
            Step::OpenSender => self.open_sender(),
            Step::OpenReceiver => self.open_receiver(),
            Step::CloseSender { sender } => self.close_sender(sender),
            Step::CloseReceiver => {
                if self.receiver.take().is_some() {
                    self.model.close_receiver();
                }
            }
        }
        if F::SHARED {
            self.model.forget_left_out();
        }
    }

    /// Which of the senders, if there is any.
    fn which(&self, sender: u8) -> Option<usize> {
        usize::from(sender).checked_rem(self.senders.len())
    }

    fn send(&mut self, sender: u8, len: usize, timed: bool) {
        let (Some(which), bytes) = (self.which(sender), self.bytes(len)) else { return };
        let sent = F::send(&mut self.senders[which], &bytes, timed);
        let mut expected = self.model.send(bytes);
        if timed && expected == Err(Fault::WOULD_BLOCK) {
            self.model.sender_waited();
            expected = Err(TIMED_OUT);
        }
        assert_eq!(sent, expected, "sending {len} bytes");
    }

    fn send_many(&mut self, sender: u8, lens: [Len; 3]) {
        let Some(which) = self.which(sender) else { return };
        let messages = lens.map(|Len(len)| self.bytes(len));
        let sent = F::send_many(&mut self.senders[which], &messages);
        assert_eq!(sent, self.model.send_many(messages), "sending {lens:?}");
    }

    fn reserve(&mut self, len: usize, cut: Option<Len>, commit: bool) {
        let mut bytes = self.bytes(len);
        let Some(sender) = self.senders.first_mut() else { return };
        if let Some(Len(cut)) = cut {
            bytes.truncate(cut);
        }
        let Some(reserved) = F::reserve(sender, len, commit.then_some(&bytes)) else { return };
        let expected = self.model.reserve(len).map(drop);
        assert_eq!(reserved, expected, "reserving {len} bytes");
        if expected.is_ok() && commit {
            self.model.commit(bytes);
        }
    }

    fn receive(&mut self, into: Into) {
        let Some(receiver) = &mut self.receiver else { return };
        let received = F::receive(receiver, into);
        let into = match (into, F::bytes(0, 0).is_empty()) {
            // Values have one length, and cannot be looked at.
            (Into::Slice(_) | Into::Peek { .. }, false) => Into::Vec,
            (into, _) => into,
        };
        assert_eq!(received, self.expected(into), "receiving {into:?}");
    }

    fn expected(&mut self, into: Into) -> Answer<Vec<Vec<u8>>> {
        let model = &mut self.model;
        match into {
            Into::Vec => model.receive().map(|bytes| vec![bytes]),
            Into::Timed => match model.receive() {
                Err(Fault::WOULD_BLOCK) => {
                    model.receiver_waited();
                    Err(TIMED_OUT)
                }
                other => other.map(|bytes| vec![bytes]),
            },
            Into::Slice(Len(len)) => match model.find()?.len() {
                longer if longer > len => Err(crate::ring::TOO_BIG),
                _ => model.receive().map(|bytes| vec![bytes]),
            },
            Into::Peek { release: true } => model.receive().map(|bytes| vec![bytes]),
            Into::Peek { release: false } => model.find().map(|bytes| vec![bytes]),
            Into::Batch(most) => {
                model.find()?;
                let taken = (0..most % 8).map_while(|_| model.take_known()).collect();
                model.release();
                Ok(taken)
            }
        }
    }

    fn arm_sender(&mut self, len: usize) {
        let (true, Some(sender)) = (self.bells.is_some(), self.senders.first_mut()) else { return };
        if let Some(armed) = F::arm_sender(sender, len) {
            assert_eq!(armed, self.model.arm_sender(len), "waiting for room for {len} bytes");
        }
    }

    fn arm_receiver(&mut self) {
        let (true, Some(receiver)) = (self.bells.is_some(), &mut self.receiver) else { return };
        assert_eq!(F::arm_receiver(receiver), Ok(self.model.arm_receiver()), "waiting for a message");
    }

    fn close_sender(&mut self, sender: u8) {
        let Some(which) = self.which(sender) else { return };
        drop(self.senders.remove(which));
        if self.senders.is_empty() {
            self.model.close_sender();
        }
    }

    /// Who asked for it is told, and nobody else.
    fn check_bells(&self) {
        let Some(bells) = &self.bells else { return };
        assert_eq!(bells.descriptors().map(is_readable), self.model.bells, "descriptors that tell, of sender and receiver");
    }
}

fn is_readable(descriptor: BorrowedFd<'_>) -> bool {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut [PollFd::from_borrowed_fd(descriptor, PollFlags::IN)], Some(&now)) == Ok(1)
}
