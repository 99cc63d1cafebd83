//! A channel, of messages, of messages from several senders, or of values: sent, reserved, received, looked at, taken by the
//! batch, with ends that go and come again and descriptors that tell; against a queue and the positions of its ring.

use crate::ring::{Cut, Holder, Ring, TIMED_OUT, TOO_BIG};
use crate::steps::{Look, steps};
use crate::way::{Into, Len, Memory, Value, Way};
use arbitrary::{Arbitrary, Result, Unstructured};
use ipc_safe::channel::{Bells, Channel, Messages, SharedMessages, Values};
use ipc_safe::memory::FixedMemfd;
use ipc_safe::testing::Resources;
use ipc_safe::testing::model::{Answer, Fault};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::os::fd::BorrowedFd;

const CAPACITIES: [usize; 4] = [64, 128, 256, 1024];
/// The most that share a ring here.
const SENDERS: usize = 3;

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Step {
    Send {
        sender: u8,
        len: Len,
        timed: bool,
    },
    SendMany {
        sender: u8,
        lens: [Len; 3],
    },
    Reserve {
        len: Len,
        cut: Option<Len>,
        commit: bool,
    },
    Receive {
        into: Into,
    },
    ReceiveAgain {
        into: Into,
    },
    /// Sends until there is no room.
    Fill {
        sender: u8,
        len: Len,
    },
    /// Receives all there is.
    Empty,
    ArmSender {
        len: Len,
    },
    ArmReceiver,
    OpenSender,
    OpenReceiver,
    CloseSender {
        sender: u8,
    },
    CloseReceiver,
}

/// Runs one input.
pub fn run(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let Ok((what, capacity, bells)) = plan(&mut u) else { return };
    let look = Look::at(Resources::DESCRIPTORS | Resources::MAPPINGS);
    match what {
        0 => Run::<Messages>::new(capacity, bells, Cut::Messages).all(&mut u),
        1 => Run::<SharedMessages>::new(capacity, bells, Cut::Messages).all(&mut u),
        // Slots of sixteen bytes.
        _ => Run::<Values<Value>>::new(capacity / 16, bells, Cut::Slots).all(&mut u),
    }
    look.end();
}

fn plan(u: &mut Unstructured<'_>) -> Result<(u8, usize, bool)> {
    Ok((u.int_in_range(0..=2)?, *u.choose(&CAPACITIES)?, u.ratio(3, 4)?))
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
            Step::Send { sender, len: Len(len), timed } => _ = self.send(sender, len, timed),
            Step::SendMany { sender, lens } => self.send_many(sender, lens),
            Step::Reserve { len: Len(len), cut, commit } => self.reserve(len, cut, commit),
            Step::Receive { into } | Step::ReceiveAgain { into } => _ = self.receive(into),
            Step::Fill { sender, len: Len(len) } => {
                while self.send(sender, len, false) {
                    self.check_bells();
                }
            }
            Step::Empty => {
                while self.receive(Into::Vec) {
                    self.check_bells();
                }
            }
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

    /// Whether it was sent.
    fn send(&mut self, sender: u8, len: usize, timed: bool) -> bool {
        let (Some(which), bytes) = (self.which(sender), self.bytes(len)) else { return false };
        let sent = F::send(&mut self.senders[which], &bytes, timed);
        let mut expected = self.model.send(bytes);
        if timed && expected == Err(Fault::WOULD_BLOCK) {
            self.model.sender_waited();
            expected = Err(TIMED_OUT);
        }
        assert_eq!(sent, expected, "sending {len} bytes");
        sent.is_ok()
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

    /// Whether anything was received.
    fn receive(&mut self, into: Into) -> bool {
        let Some(receiver) = &mut self.receiver else { return false };
        let received = F::receive(receiver, into);
        let into = match (into, F::bytes(0, 0).is_empty()) {
            // Values have one length, and cannot be looked at.
            (Into::Slice(_) | Into::Peek { .. }, false) => Into::Vec,
            (into, _) => into,
        };
        let expected = self.expected(into);
        assert_eq!(received, expected, "receiving {into:?}");
        received.is_ok()
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
                longer if longer > len => Err(TOO_BIG),
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
        assert_eq!(
            bells.descriptors().map(is_readable),
            self.model.bells,
            "descriptors that tell, of sender and receiver"
        );
    }
}

fn is_readable(descriptor: BorrowedFd<'_>) -> bool {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut [PollFd::from_borrowed_fd(descriptor, PollFlags::IN)], Some(&now)) == Ok(1)
}
