//! Message queues: up to four, found by three keys or none, everything without waiting.

use crate::model::queue::{Message, Queue, Room};
use crate::model::table::{Get, Serial, Table};
use crate::model::{Answer, Fault};
use crate::run::{lower_limit, machine};
use crate::support::in_namespace;
use ipc_safe::sysv::{Key, MessageBuffer, MessageQueue, MessageType, ReceiveError, Selector};
use proptest::prelude::*;
use proptest::sample::select;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};
use std::collections::BTreeMap;

/// Places for handles. A handle stays in its place when its queue is removed.
const SLOTS: usize = 4;
/// Lengths around which something changes.
const SIZES: [usize; 11] = [0, 1, 7, 8, 255, 256, 4095, 4096, 8191, 8192, 8193];
const LIMITS: [u64; 8] = [0, 1, 2, 8, 256, 8192, 16384, 16385];
/// Stands in the room that no message reached.
const UNTOUCHED: u8 = 0xee;

/// One call.
#[derive(Clone, Debug)]
enum Step {
    Get { slot: usize, get: Get },
    Open { slot: usize, key: i32 },
    Send { slot: usize, kind: i64, len: usize, how: Sending },
    Receive { slot: usize, selector: Selector, into: Into },
    Peek { slot: usize, index: usize, into: Into },
    Limit { slot: usize, bytes: u64 },
    Remove { slot: usize },
}

#[derive(Clone, Copy, Debug)]
enum Sending {
    Slice,
    Buffer,
}

/// Where a message is received to.
#[derive(Clone, Copy, Debug)]
enum Into {
    Buffer(usize),
    Truncating(usize),
    Vec,
    /// An array of 8 bytes.
    Value,
}

impl Into {
    const fn room(self) -> Room {
        match self {
            Self::Buffer(room) => Room::Bytes(room),
            Self::Truncating(room) => Room::Cut(room),
            Self::Vec => Room::Any,
            Self::Value => Room::Bytes(8),
        }
    }
}

/// What a step answers.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    /// Before the first step.
    None,
    Done(Answer<()>),
    Queue(Answer<Serial>),
    Received(Answer<Option<Message>>),
}

/// The model: the table, and which handle is where.
#[derive(Clone, Debug)]
struct State {
    table: Table<Queue>,
    slots: [Option<Serial>; SLOTS],
    message_bytes: usize,
    queue_bytes: u64,
    unlimited: bool,
    steps: u8,
    outcome: Outcome,
}

impl State {
    fn new() -> Self {
        let limits = MessageQueue::limits().unwrap();
        Self {
            table: Table::new(limits.queues as usize),
            slots: [None; SLOTS],
            message_bytes: limits.message_bytes as usize,
            queue_bytes: limits.queue_bytes.into(),
            unlimited: may_pass_limits(u64::from(limits.queue_bytes) + 1),
            steps: 0,
            outcome: Outcome::None,
        }
    }

    fn at(&mut self, slot: usize) -> Answer<&mut Queue> {
        self.table.at_mut(self.slots[slot].unwrap())
    }

    fn get(&mut self, slot: usize, get: Get) -> Outcome {
        let limit = self.queue_bytes;
        let answer = self.table.get(get, |_| Ok(Queue::new(limit)), |_| Ok(()));
        if let Ok(serial) = answer {
            self.slots[slot] = Some(serial);
        }
        Outcome::Queue(answer)
    }

    fn perform(&mut self, step: &Step) -> Outcome {
        let longest = self.message_bytes;
        let highest = Some(self.queue_bytes).filter(|_| !self.unlimited);
        let seed = self.steps;
        match *step {
            Step::Get { slot, get } => self.get(slot, get),
            Step::Open { slot, key } => self.get(slot, Get { key, create: false, create_new: false }),
            // A type below 1 does not even become a `MessageType`.
            Step::Send { kind: 0, .. } => Outcome::Done(Err(Fault::INVALID)),
            Step::Send { slot, kind, len, .. } => {
                Outcome::Done(self.at(slot).and_then(|queue| queue.send((kind, text(seed, len)), longest)))
            }
            Step::Receive { slot, selector, into } => {
                Outcome::Received(self.at(slot).and_then(|queue| queue.receive(selector, into.room()).map(Some)))
            }
            Step::Peek { slot, index, into } => {
                Outcome::Received(self.at(slot).and_then(|queue| queue.peek(index, into.room())))
            }
            Step::Limit { slot, bytes } => {
                Outcome::Done(self.at(slot).and_then(|queue| queue.set_byte_limit(bytes, highest)))
            }
            Step::Remove { slot } => Outcome::Done(self.table.remove(self.slots[slot].unwrap())),
        }
    }
}

/// Whether this process may give a queue so many bytes, which is more than `kernel.msgmnb`.
fn may_pass_limits(bytes: u64) -> bool {
    MessageQueue::private().unwrap().set_byte_limit(bytes).is_ok()
}

/// The text of the message sent in a step.
fn text(seed: u8, len: usize) -> Vec<u8> {
    (0..len).map(|i| seed.wrapping_mul(31).wrapping_add(i as u8)).collect()
}

struct QueueModel;

impl ReferenceStateMachine for QueueModel {
    type State = State;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<State> {
        Just(State::new()).boxed()
    }

    fn transitions(_: &State) -> BoxedStrategy<Step> {
        let slot = || 0..SLOTS;
        let into = || {
            prop_oneof![
                3 => select(&SIZES[..]).prop_map(Into::Buffer),
                2 => select(&SIZES[..]).prop_map(Into::Truncating),
                2 => Just(Into::Vec),
            ]
        };
        let taken = prop_oneof![6 => into(), 1 => Just(Into::Value)];
        let send = (slot(), 0..=5_i64, select(&SIZES[..]), prop_oneof![Just(Sending::Slice), Just(Sending::Buffer)]);
        let index = prop_oneof![8 => 0..4_usize, 1 => Just(usize::MAX)];
        prop_oneof![
            4 => (slot(), get()).prop_map(|(slot, get)| Step::Get { slot, get }),
            1 => (slot(), 0..4).prop_map(|(slot, key)| Step::Open { slot, key }),
            12 => send.prop_map(|(slot, kind, len, how)| Step::Send { slot, kind, len, how }),
            9 => (slot(), selector(), taken).prop_map(|(slot, selector, into)| Step::Receive { slot, selector, into }),
            3 => (slot(), index, into()).prop_map(|(slot, index, into)| Step::Peek { slot, index, into }),
            2 => (slot(), select(&LIMITS[..])).prop_map(|(slot, bytes)| Step::Limit { slot, bytes }),
            1 => slot().prop_map(|slot| Step::Remove { slot }),
        ]
        .boxed()
    }

    fn preconditions(state: &State, step: &Step) -> bool {
        match step {
            Step::Get { .. } | Step::Open { .. } => true,
            Step::Send { slot, .. }
            | Step::Receive { slot, .. }
            | Step::Peek { slot, .. }
            | Step::Limit { slot, .. }
            | Step::Remove { slot } => state.slots[*slot].is_some(),
        }
    }

    fn apply(mut state: State, step: &Step) -> State {
        state.outcome = state.perform(step);
        state.steps = state.steps.wrapping_add(1);
        state
    }
}

/// Key 0 is the private one.
pub(crate) fn get() -> impl Strategy<Value = Get> {
    let flags = prop_oneof![3 => Just((true, false)), 3 => Just((false, true)), 1 => Just((false, false))];
    (0..4, flags).prop_map(|(key, (create, create_new))| Get { key, create, create_new })
}

fn selector() -> impl Strategy<Value = Selector> {
    let kind = || prop_oneof![9 => 1..=5_i64, 1 => Just(i64::MAX)].prop_map(|kind| MessageType::new(kind).unwrap());
    prop_oneof![
        Just(Selector::First),
        kind().prop_map(Selector::Exactly),
        kind().prop_map(Selector::Except),
        kind().prop_map(Selector::AtMost),
    ]
}

/// The kernel's queues, by the serial numbers of the model.
struct Kernel {
    queues: BTreeMap<Serial, MessageQueue>,
    slots: [Option<MessageQueue>; SLOTS],
    steps: u8,
}

impl Kernel {
    fn at(&self, slot: usize) -> MessageQueue {
        self.slots[slot].unwrap()
    }

    /// Notes a handle. One that the model calls new must be new, any other the one known.
    fn note(&mut self, slot: usize, expected: &Outcome, result: ipc_safe::Result<MessageQueue>) -> Outcome {
        let Ok(queue) = result else { return Outcome::Queue(result.map(|_| 0).map_err(Fault::from)) };
        self.slots[slot] = Some(queue);
        let known = self.queues.iter().find_map(|(serial, known)| (*known == queue).then_some(*serial));
        let new = match expected {
            Outcome::Queue(Ok(serial)) if known.is_none() && !self.queues.contains_key(serial) => *serial,
            _ => Serial::MAX,
        };
        let serial = known.unwrap_or(new);
        self.queues.insert(serial, queue);
        Outcome::Queue(Ok(serial))
    }

    fn perform(&mut self, step: &Step, expected: &Outcome) -> Outcome {
        match *step {
            Step::Get { slot, get: Get { key, create, create_new } } => {
                let options = MessageQueue::options().create(create).create_new(create_new);
                self.note(slot, expected, options.open(Key::new(key)))
            }
            Step::Open { slot, key } => self.note(slot, expected, MessageQueue::open(Key::new(key))),
            Step::Send { slot, kind, len, how } => {
                Outcome::Done(send(self.at(slot), kind, &text(self.steps, len), how).map_err(Fault::from))
            }
            Step::Receive { slot, selector, into } => Outcome::Received(receive(self.at(slot), selector, into)),
            Step::Peek { slot, index, into } => Outcome::Received(peek(self.at(slot), index, into)),
            Step::Limit { slot, bytes } => Outcome::Done(self.at(slot).set_byte_limit(bytes).map_err(Fault::from)),
            Step::Remove { slot } => Outcome::Done(self.at(slot).remove().map_err(Fault::from)),
        }
    }
}

fn send(queue: MessageQueue, kind: i64, text: &[u8], how: Sending) -> ipc_safe::Result<()> {
    let kind = MessageType::try_from(kind)?;
    match how {
        Sending::Slice => queue.try_send(kind, text),
        Sending::Buffer => {
            let mut buffer = MessageBuffer::with_capacity(text.len());
            buffer.set(kind, text)?;
            queue.try_send_buffer(&buffer)
        }
    }
}

fn receive(queue: MessageQueue, selector: Selector, into: Into) -> Answer<Option<Message>> {
    match into {
        Into::Buffer(room) => with_buffer(room, |buffer| queue.try_receive(selector, buffer).map(Some)),
        Into::Truncating(room) => {
            with_buffer(room, |buffer| queue.try_receive(selector, buffer.truncating()).map(Some))
        }
        Into::Vec => with_vec(|vec| queue.try_receive(selector, vec).map(Some)),
        Into::Value => value(queue.try_receive_value::<[u8; 8]>(selector)),
    }
}

fn peek(queue: MessageQueue, index: usize, into: Into) -> Answer<Option<Message>> {
    match into {
        Into::Buffer(room) => with_buffer(room, |buffer| queue.peek(index, buffer)),
        Into::Truncating(room) => with_buffer(room, |buffer| queue.peek(index, buffer.truncating())),
        Into::Vec => with_vec(|vec| queue.peek(index, vec)),
        Into::Value => unreachable!("no peek makes a value"),
    }
}

/// A value, or the bytes of a message that was shorter.
fn value(result: Result<(MessageType, [u8; 8]), ReceiveError>) -> Answer<Option<Message>> {
    match result {
        Ok((kind, value)) => Ok(Some((kind.get(), value.to_vec()))),
        Err(ReceiveError::WrongLength { message, expected }) => {
            assert!(expected == 8 && message.bytes.len() < 8, "{message:?} is no wrong length");
            Ok(Some((message.kind.get(), message.bytes)))
        }
        Err(error) => Err(Fault::from(ipc_safe::Error::from(error))),
    }
}

/// Receives into a buffer of `room` bytes, and checks that nothing but the message was written: its bytes when there is one,
/// none at all otherwise.
fn with_buffer(
    room: usize,
    receive: impl FnOnce(&mut MessageBuffer) -> ipc_safe::Result<Option<MessageType>>,
) -> Answer<Option<Message>> {
    let mut buffer = MessageBuffer::new(vec![UNTOUCHED; 8 + room]).unwrap();
    let result = receive(&mut buffer);
    let len = buffer.len();
    let message = (buffer.message_type().get(), buffer.bytes().to_vec());
    assert!(buffer.into_storage()[8 + len..].iter().all(|&byte| byte == UNTOUCHED), "written past the message");
    let received = result.map_err(Fault::from)?;
    if received.is_none() {
        assert_eq!(message, (1, Vec::new()), "no message, and the buffer changed");
    }
    Ok(received.map(|kind| (kind.get(), message.1)))
}

fn with_vec(receive: impl FnOnce(&mut Vec<u8>) -> ipc_safe::Result<Option<MessageType>>) -> Answer<Option<Message>> {
    let mut bytes = vec![UNTOUCHED; 3];
    let received = receive(&mut bytes).map_err(Fault::from)?;
    Ok(received.map(|kind| (kind.get(), bytes)))
}

struct QueueMachine;

impl StateMachineTest for QueueMachine {
    type SystemUnderTest = Kernel;
    type Reference = QueueModel;

    fn init_test(_: &State) -> Kernel {
        // What a failed run before this one left.
        for status in MessageQueue::list().unwrap() {
            MessageQueue::from_id(status.id).unwrap().remove().unwrap();
        }
        Kernel { queues: BTreeMap::new(), slots: [None; SLOTS], steps: 0 }
    }

    fn apply(mut kernel: Kernel, state: &State, step: Step) -> Kernel {
        let outcome = kernel.perform(&step, &state.outcome);
        kernel.steps = kernel.steps.wrapping_add(1);
        assert_eq!(outcome, state.outcome, "the kernel, and what was expected, for {step:?}");
        kernel
    }

    fn check_invariants(kernel: &Kernel, state: &State) {
        let own = own_pid();
        for (serial, key, queue) in state.table.iter() {
            let status = kernel.queues[&serial].status().unwrap();
            assert_eq!(status.messages, queue.count(), "messages");
            assert_eq!(status.bytes, queue.bytes(), "bytes");
            assert_eq!(status.byte_limit, queue.byte_limit(), "limit");
            assert_eq!(status.permissions.key.as_raw(), key, "key");
            assert_eq!(status.permissions.mode, 0o600, "mode");
            assert_eq!(status.last_sender.map(|pid| pid.as_raw_nonzero().get()), queue.sent.then_some(own));
            assert_eq!(status.last_receiver.map(|pid| pid.as_raw_nonzero().get()), queue.received.then_some(own));
            assert_eq!((status.last_send.is_some(), status.last_receive.is_some()), (queue.sent, queue.received));
        }
        let mut listed: Vec<_> = MessageQueue::list().unwrap().iter().map(|status| status.id).collect();
        let mut expected: Vec<_> = state.table.iter().map(|(serial, ..)| kernel.queues[&serial].id()).collect();
        listed.sort_unstable();
        expected.sort_unstable();
        assert_eq!(listed, expected, "the queues that there are");
    }

    fn teardown(kernel: Kernel, state: State) {
        for (serial, ..) in state.table.iter() {
            kernel.queues[&serial].remove().unwrap();
        }
        assert_eq!(MessageQueue::list().unwrap(), [], "left behind");
    }
}

fn own_pid() -> i32 {
    std::process::id().cast_signed()
}

/// Queues do what the model does, whatever is called in whatever order.
///
/// R-KEY-05 R-KEY-12 R-MSG-01 R-MSG-02 R-MSG-03 R-MSG-05 R-MSG-06 R-MSG-07 R-MSG-08 R-MSG-09 R-MSG-10 R-MSG-11 R-MSG-16
#[test]
fn queues_do_what_the_model_does() {
    in_namespace(|| {
        lower_limit("msgmni", "4");
        machine::<QueueMachine>(1000);
    });
}
