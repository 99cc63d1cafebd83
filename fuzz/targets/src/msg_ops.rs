//! Message queues by key, with handles that go stale: the crate, C's calls and the model.

use crate::steps::steps;
use crate::{leaks, namespace};
use arbitrary::{Arbitrary, Unstructured};
use ipc_safe::error::Errno;
use ipc_safe::sysv::Selector;
use ipc_safe::testing::model::Fault;
use ipc_safe::testing::model::program::Outcome;
use ipc_safe::testing::model::program::queues::{Call, Kernel, Model};
use ipc_safe::testing::model::queue::{Message, Room, Step};
use std::ffi::{c_int, c_long};

#[derive(Arbitrary, Debug)]
struct Op {
    call: Call,
    /// By C's call, where it can be made without harm.
    raw: bool,
}

thread_local! {
    static EMPTY: Model = Model::new().expect("limits");
}

/// The namespace of all targets with queues: few of them, so that they run out.
pub(crate) fn enter() -> Model {
    namespace::enter_with(&[("msgmni", "4")]);
    leaks::begin();
    EMPTY.with(Clone::clone)
}

/// Runs one input.
pub fn run(data: &[u8]) {
    let (mut model, mut kernel) = (enter(), Kernel::default());
    for Op { call, raw } in steps(&mut Unstructured::new(data)) {
        if !model.is_possible(&call) {
            continue;
        }
        let expected = model.perform(&call);
        match by_hand(&kernel, &call).filter(|_| raw) {
            Some(make) => check_raw(make(), &expected, &call),
            None => assert_eq!(
                kernel.perform(&call, &expected),
                expected,
                "the kernel, and what was expected, for {call:?}"
            ),
        }
    }
    kernel.check(&model);
    kernel.clear();
    leaks::check();
}

type Raw = Result<Option<Message>, Errno>;

/// C's call in place of the crate's.
fn by_hand<'c>(kernel: &Kernel, call: &'c Call) -> Option<Box<dyn FnOnce() -> Raw + 'c>> {
    let Call::On { place, step } = call else { return None };
    let id = kernel.handles.at(*place).id();
    match *step {
        Step::Send { kind, len, byte } | Step::SendBuffer { kind, len, byte } => {
            Some(Box::new(move || send(id, kind, &text(byte, len)).map(|()| None)))
        }
        Step::Receive { selector, room } => Some(Box::new(move || {
            let (room, cut) = room_of(room);
            let (kind, except) = raw_selector(selector);
            receive(id, room, kind, except | cut).map(Some)
        })),
        Step::Peek { index, room: room @ (Room::Any | Room::Bytes(_)) } => Some(Box::new(move || {
            let index = c_long::try_from(index).unwrap_or(c_long::MAX);
            match receive(id, room_of(room).0, index, libc::MSG_COPY) {
                Err(Errno::NOMSG) => Ok(None),
                other => other.map(Some),
            }
        })),
        // The kernel cuts no copy.
        Step::Peek { .. } | Step::ReceiveValue { .. } | Step::SetByteLimit { .. } => None,
    }
}

/// The same, but for the kind, which the crate finds out.
fn check_raw(answer: Raw, expected: &Outcome<Option<Message>>, call: &Call) {
    let Outcome::Done(expected) = expected else { unreachable!("an operation answers") };
    let expected = expected.as_ref().map_err(|fault: &Fault| fault.errno.expect("the kernel's"));
    assert_eq!(answer.as_ref().map_err(|errno| *errno), expected, "C's call, and what was expected, for {call:?}");
}

fn text(first: u8, len: usize) -> Vec<u8> {
    (0..len).map(|index| first.wrapping_add(index as u8)).collect()
}

const fn room_of(room: Room) -> (usize, c_int) {
    match room {
        Room::Any => (1 << 16, 0),
        Room::Bytes(len) => (len, 0),
        Room::Cut(len) => (len, libc::MSG_NOERROR),
    }
}

fn raw_selector(selector: Selector) -> (c_long, c_int) {
    match selector {
        Selector::First => (0, 0),
        Selector::Exactly(kind) => (kind.get(), 0),
        Selector::Except(kind) => (kind.get(), libc::MSG_EXCEPT),
        Selector::AtMost(kind) => (-kind.get(), 0),
    }
}

#[expect(unsafe_code, reason = "C's call is what the crate is compared with")]
fn send(id: c_int, kind: c_long, text: &[u8]) -> Result<(), Errno> {
    let frame = [&kind.to_ne_bytes(), text].concat();
    // SAFETY: the kernel reads a `long` and `text.len()` bytes, which is the frame.
    let sent = unsafe { libc::msgsnd(id, frame.as_ptr().cast(), text.len(), libc::IPC_NOWAIT) };
    if sent == 0 { Ok(()) } else { Err(last()) }
}

/// Stands in the room that no message reached.
const UNTOUCHED: u8 = 0xee;
const HEADER: usize = size_of::<c_long>();

#[expect(unsafe_code, reason = "C's call is what the crate is compared with")]
fn receive(id: c_int, room: usize, kind: c_long, flags: c_int) -> Result<Message, Errno> {
    let mut frame = vec![UNTOUCHED; HEADER + room];
    // SAFETY: the kernel writes a `long` and at most `room` bytes, which is the frame.
    let len = unsafe { libc::msgrcv(id, frame.as_mut_ptr().cast(), room, kind, flags | libc::IPC_NOWAIT) };
    let (head, rest) = frame.split_at(HEADER);
    let len = usize::try_from(len).map_err(|_| {
        let errno = last();
        assert!(frame.iter().all(|&byte| byte == UNTOUCHED), "written without a message");
        errno
    })?;
    assert!(rest[len..].iter().all(|&byte| byte == UNTOUCHED), "written past the message");
    Ok((c_long::from_ne_bytes(head.try_into().expect("a long")), rest[..len].to_vec()))
}

/// The number of the last failure.
pub(crate) fn last() -> Errno {
    Errno::from_raw(std::io::Error::last_os_error().raw_os_error().unwrap_or(0))
}
