//! Segments: up to four, attached by this process and by two forked ones.

use crate::child::Child;
use crate::model::segment::{Limits, Segments};
use crate::model::table::{Get, Serial};
use crate::model::{Answer, Fault};
use crate::queue::get;
use crate::run::{alone, lower_limit, machine};
use crate::support::{eventually, in_namespace};
use ipc_safe::sysv::{AttachOptions, Attachment, Key, ReadOnlyAttachment, Segment};
use proptest::prelude::*;
use proptest::sample::select;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};
use std::collections::BTreeMap;

/// Places for handles. A handle stays in its place when its segment is gone.
const SLOTS: usize = 4;
const CHILDREN: usize = 2;
const ATTACHMENTS: usize = 5;
const SIZES: [usize; 9] = [0, 1, 7, 100, 4095, 4096, 4097, 16384, 16385];
const OFFSETS: [usize; 10] = [0, 1, 6, 7, 8, 99, 4095, 4096, 4097, usize::MAX];
const LENGTHS: [usize; 7] = [0, 1, 2, 8, 93, 4096, 4097];

/// One call, or a process that begins or ends.
#[derive(Clone, Debug)]
enum Step {
    Get { slot: usize, get: Get, size: usize },
    Open { slot: usize, key: i32 },
    Attach { slot: usize, read_only: bool },
    AttachAt { slot: usize, address: usize },
    Write { attachment: usize, offset: usize, len: usize, byte: u8 },
    Read { attachment: usize, offset: usize, len: usize },
    Detach { attachment: usize, dropped: bool },
    Remove { slot: usize },
    Lock { slot: usize, locked: bool },
    Fork { child: usize },
    ChildWrite { child: usize, attachment: usize, offset: usize, byte: u8 },
    ChildDetach { child: usize, attachment: usize },
    End { child: usize, killed: bool },
}

/// What a step answers.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    /// Nothing to compare but the state.
    None,
    Done(Answer<()>),
    Segment(Answer<Serial>),
    Bytes(Answer<Vec<u8>>),
}

/// A segment in the memory of a process.
#[derive(Clone, Copy, Debug)]
struct Attached {
    serial: Serial,
    read_only: bool,
}

#[derive(Clone, Debug)]
struct State {
    segments: Segments,
    slots: [Option<Serial>; SLOTS],
    attached: Vec<Attached>,
    /// What each child has attached; none where there is no child.
    children: [Option<Vec<Option<Attached>>>; CHILDREN],
    may_lock: bool,
    outcome: Outcome,
}

impl State {
    fn new() -> Self {
        let limits = Segment::limits().unwrap();
        let limits = Limits {
            segments: limits.segments as usize,
            segment_bytes: limits.segment_bytes,
            pages: limits.pages,
            page: rustix::param::page_size(),
        };
        Self {
            segments: Segments::new(limits),
            slots: [None; SLOTS],
            attached: Vec::new(),
            children: [None, None],
            may_lock: Segment::private(16384).unwrap().lock().is_ok(),
            outcome: Outcome::None,
        }
    }

    fn found(&mut self, slot: usize, answer: Answer<Serial>) -> Outcome {
        if let Ok(serial) = answer {
            self.slots[slot] = Some(serial);
        }
        Outcome::Segment(answer)
    }

    fn attach(&mut self, slot: usize, read_only: bool) -> Answer<()> {
        let serial = self.slots[slot].unwrap();
        self.segments.attach(serial)?;
        self.attached.push(Attached { serial, read_only });
        Ok(())
    }

    fn fork(&mut self, child: usize) {
        for attached in &self.attached {
            self.segments.attach(attached.serial).unwrap();
        }
        self.children[child] = Some(self.attached.iter().copied().map(Some).collect());
    }

    fn child_detach(&mut self, child: usize, attachment: usize) -> Answer<()> {
        let attached = self.children[child].as_mut().unwrap()[attachment].take().unwrap();
        self.segments.detach(attached.serial)
    }

    fn perform(&mut self, step: &Step) -> Outcome {
        match *step {
            Step::Get { slot, get, size } => {
                let answer = self.segments.get(get, size);
                self.found(slot, answer)
            }
            Step::Open { slot, key } => {
                let answer = self.segments.table.find(key).ok_or(Fault::NOT_FOUND);
                self.found(slot, answer)
            }
            Step::Attach { slot, read_only } => Outcome::Done(self.attach(slot, read_only)),
            // Address 0 does not reach the kernel.
            Step::AttachAt { address: 0, .. } => Outcome::Done(Err(Fault::INVALID)),
            Step::AttachAt { slot, .. } => {
                let found = self.segments.table.at(self.slots[slot].unwrap());
                Outcome::Done(found.and(Err(Fault::INVALID)))
            }
            Step::Write { attachment, offset, len, byte } => {
                let segment = self.segments.table.at_mut(self.attached[attachment].serial).unwrap();
                Outcome::Done(segment.write(offset, &vec![byte; len]))
            }
            Step::Read { attachment, offset, len } => {
                Outcome::Bytes(self.segments.table.at(self.attached[attachment].serial).unwrap().read(offset, len))
            }
            Step::Detach { attachment, .. } => {
                let serial = self.attached.remove(attachment).serial;
                Outcome::Done(self.segments.detach(serial))
            }
            Step::Remove { slot } => Outcome::Done(self.segments.remove(self.slots[slot].unwrap())),
            Step::Lock { slot, locked } => {
                let segment = self.segments.table.at_mut(self.slots[slot].unwrap());
                Outcome::Done(segment.map(|segment| segment.locked = locked))
            }
            Step::Fork { child } => {
                self.fork(child);
                Outcome::None
            }
            Step::ChildWrite { child, attachment, offset, byte } => {
                let serial = self.children[child].as_ref().unwrap()[attachment].unwrap().serial;
                Outcome::Done(self.segments.table.at_mut(serial).unwrap().write(offset, &[byte]))
            }
            Step::ChildDetach { child, attachment } => Outcome::Done(self.child_detach(child, attachment)),
            Step::End { child, .. } => {
                for attached in self.children[child].take().unwrap().into_iter().flatten() {
                    self.segments.detach(attached.serial).unwrap();
                }
                Outcome::None
            }
        }
    }
}

struct SegmentModel;

impl ReferenceStateMachine for SegmentModel {
    type State = State;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<State> {
        Just(State::new()).boxed()
    }

    fn transitions(_: &State) -> BoxedStrategy<Step> {
        let slot = || 0..SLOTS;
        let attachment = || 0..ATTACHMENTS;
        let child = || 0..CHILDREN;
        let (offset, len) = (|| select(&OFFSETS[..]), || select(&LENGTHS[..]));
        let read_only = || prop::bool::weighted(0.3);
        prop_oneof![
            6 => (slot(), get(), select(&SIZES[..])).prop_map(|(slot, get, size)| Step::Get { slot, get, size }),
            1 => (slot(), 0..4).prop_map(|(slot, key)| Step::Open { slot, key }),
            8 => (slot(), read_only()).prop_map(|(slot, read_only)| Step::Attach { slot, read_only }),
            1 => (slot(), select(&[0, 1][..])).prop_map(|(slot, address)| Step::AttachAt { slot, address }),
            6 => (attachment(), offset(), len(), any::<u8>())
                .prop_map(|(attachment, offset, len, byte)| Step::Write { attachment, offset, len, byte }),
            3 => (attachment(), offset(), len())
                .prop_map(|(attachment, offset, len)| Step::Read { attachment, offset, len }),
            4 => (attachment(), any::<bool>())
                .prop_map(|(attachment, dropped)| Step::Detach { attachment, dropped }),
            3 => slot().prop_map(|slot| Step::Remove { slot }),
            1 => (slot(), any::<bool>()).prop_map(|(slot, locked)| Step::Lock { slot, locked }),
            2 => child().prop_map(|child| Step::Fork { child }),
            3 => (child(), attachment(), offset(), any::<u8>())
                .prop_map(|(child, attachment, offset, byte)| Step::ChildWrite { child, attachment, offset, byte }),
            2 => (child(), attachment()).prop_map(|(child, attachment)| Step::ChildDetach { child, attachment }),
            1 => (child(), any::<bool>()).prop_map(|(child, killed)| Step::End { child, killed }),
        ]
        .boxed()
    }

    fn preconditions(state: &State, step: &Step) -> bool {
        let of_child = |child: usize, attachment: usize| {
            state.children[child].as_ref().and_then(|held| held.get(attachment).copied().flatten())
        };
        match *step {
            Step::Get { .. } | Step::Open { .. } => true,
            Step::Attach { slot, .. } => state.slots[slot].is_some() && state.attached.len() < ATTACHMENTS,
            Step::AttachAt { slot, .. } | Step::Remove { slot } => state.slots[slot].is_some(),
            Step::Lock { slot, .. } => state.may_lock && state.slots[slot].is_some(),
            Step::Write { attachment, .. } => {
                state.attached.get(attachment).is_some_and(|attached| !attached.read_only)
            }
            Step::Read { attachment, .. } | Step::Detach { attachment, .. } => attachment < state.attached.len(),
            Step::Fork { child } => state.children[child].is_none(),
            Step::ChildWrite { child, attachment, .. } => {
                of_child(child, attachment).is_some_and(|attached| !attached.read_only)
            }
            Step::ChildDetach { child, attachment } => of_child(child, attachment).is_some(),
            Step::End { child, .. } => state.children[child].is_some(),
        }
    }

    fn apply(mut state: State, step: &Step) -> State {
        state.outcome = state.perform(step);
        state
    }
}

/// An attachment of either type.
enum Held {
    Writable(Attachment),
    ReadOnly(ReadOnlyAttachment),
}

impl Held {
    fn to_vec(&self) -> Vec<u8> {
        match self {
            Self::Writable(attachment) => attachment.bytes().to_vec(),
            Self::ReadOnly(attachment) => attachment.bytes().to_vec(),
        }
    }

    fn read(&self, offset: usize, target: &mut [u8]) -> ipc_safe::Result<()> {
        match self {
            Self::Writable(attachment) => attachment.bytes().read(offset, target),
            Self::ReadOnly(attachment) => attachment.bytes().read(offset, target),
        }
    }

    fn write(&self, offset: usize, source: &[u8]) -> ipc_safe::Result<()> {
        match self {
            Self::Writable(attachment) => attachment.bytes().write(offset, source),
            Self::ReadOnly(_) => unreachable!("the model writes through writable ones only"),
        }
    }

    fn detach(self) -> ipc_safe::Result<()> {
        match self {
            Self::Writable(attachment) => attachment.detach(),
            Self::ReadOnly(attachment) => attachment.detach(),
        }
    }
}

/// The kernel's segments, by the serial numbers of the model, and the other processes.
struct Kernel {
    segments: BTreeMap<Serial, Segment>,
    slots: [Option<Segment>; SLOTS],
    attached: Vec<Held>,
    children: [Option<Child>; CHILDREN],
}

impl Kernel {
    fn at(&self, slot: usize) -> Segment {
        self.slots[slot].unwrap()
    }

    /// Notes a handle. One that the model calls new must be new, any other the one known.
    fn note(&mut self, slot: usize, expected: &Outcome, result: ipc_safe::Result<Segment>) -> Outcome {
        let Ok(segment) = result else { return Outcome::Segment(result.map(|_| 0).map_err(Fault::from)) };
        self.slots[slot] = Some(segment);
        let known = self.segments.iter().find_map(|(serial, known)| (*known == segment).then_some(*serial));
        let new = match expected {
            Outcome::Segment(Ok(serial)) if known.is_none() && !self.segments.contains_key(serial) => *serial,
            _ => Serial::MAX,
        };
        let serial = known.unwrap_or(new);
        self.segments.insert(serial, segment);
        Outcome::Segment(Ok(serial))
    }

    fn attach(&mut self, slot: usize, read_only: bool) -> ipc_safe::Result<()> {
        let segment = self.at(slot);
        self.attached.push(match read_only {
            true => Held::ReadOnly(segment.attach_read_only()?),
            false => Held::Writable(segment.attach()?),
        });
        Ok(())
    }

    /// Forks a child, which has all the attachments too.
    fn fork(&mut self, child: usize) {
        let attached = &mut self.attached;
        let mut held: Option<Vec<Option<Held>>> = None;
        // In the child, `attached` is its copy, and its to take.
        let serve = |command: &str| {
            let held = held.get_or_insert_with(|| std::mem::take(attached).into_iter().map(Some).collect());
            obey(held, command)
        };
        self.children[child] = Some(Child::start(serve));
    }

    /// Sends a child a command. The answer is text, and so is what was expected.
    fn ask(&mut self, child: usize, command: &str, expected: &Outcome) -> Outcome {
        let answer = self.children[child].as_mut().unwrap().ask(command);
        assert_eq!(answer, format!("{expected:?}"), "the child, and what was expected, for {command:?}");
        expected.clone()
    }

    fn perform(&mut self, step: &Step, expected: &Outcome) -> Outcome {
        let done = |result: ipc_safe::Result<()>| Outcome::Done(result.map_err(Fault::from));
        match *step {
            Step::Get { slot, get: Get { key, create, create_new }, size } => {
                let options = Segment::options().create(create).create_new(create_new);
                self.note(slot, expected, options.open(Key::new(key), size))
            }
            Step::Open { slot, key } => self.note(slot, expected, Segment::open(Key::new(key))),
            Step::Attach { slot, read_only } => done(self.attach(slot, read_only)),
            Step::AttachAt { slot, address } => {
                done(AttachOptions::new().address(address).attach(self.at(slot)).map(drop))
            }
            Step::Write { attachment, offset, len, byte } => {
                done(self.attached[attachment].write(offset, &vec![byte; len]))
            }
            Step::Read { attachment, offset, len } => {
                let mut target = vec![0; len];
                let read = self.attached[attachment].read(offset, &mut target);
                Outcome::Bytes(read.map(|()| target).map_err(Fault::from))
            }
            Step::Detach { attachment, dropped: true } => {
                drop(self.attached.remove(attachment));
                Outcome::Done(Ok(()))
            }
            Step::Detach { attachment, dropped: false } => done(self.attached.remove(attachment).detach()),
            Step::Remove { slot } => done(self.at(slot).remove()),
            Step::Lock { slot, locked: true } => done(self.at(slot).lock()),
            Step::Lock { slot, locked: false } => done(self.at(slot).unlock()),
            Step::Fork { child } => {
                self.fork(child);
                Outcome::None
            }
            Step::ChildWrite { child, attachment, offset, byte } => {
                self.ask(child, &format!("write {attachment} {offset} {byte}"), expected)
            }
            Step::ChildDetach { child, attachment } => self.ask(child, &format!("detach {attachment}"), expected),
            Step::End { child, killed } => {
                let child = self.children[child].take().unwrap();
                if killed {
                    child.kill()
                } else {
                    child.exit()
                }
                Outcome::None
            }
        }
    }
}

/// What a child does with a command.
fn obey(held: &mut [Option<Held>], command: &str) -> String {
    let words: Vec<_> = command.split(' ').collect();
    let number = |word: usize| words[word].parse::<usize>().unwrap();
    let result = match words[0] {
        "write" => held[number(1)].as_ref().unwrap().write(number(2), &[number(3) as u8]),
        _ => held[number(1)].take().unwrap().detach(),
    };
    format!("{:?}", Outcome::Done(result.map_err(Fault::from)))
}

struct SegmentMachine;

impl StateMachineTest for SegmentMachine {
    type SystemUnderTest = Kernel;
    type Reference = SegmentModel;

    fn init_test(_: &State) -> Kernel {
        // What a failed run before this one left.
        for status in Segment::list().unwrap() {
            Segment::from_id(status.id).unwrap().remove().unwrap();
        }
        Kernel { segments: BTreeMap::new(), slots: [None; SLOTS], attached: Vec::new(), children: [None, None] }
    }

    fn apply(mut kernel: Kernel, state: &State, step: Step) -> Kernel {
        let outcome = kernel.perform(&step, &state.outcome);
        assert_eq!(outcome, state.outcome, "the kernel, and what was expected, for {step:?}");
        if let Step::End { .. } = step {
            // Somebody who looks at the child in /proc at this moment holds its memory a little longer.
            eventually("the attachments of a dead child end", || counts(&kernel, state));
        }
        kernel
    }

    fn check_invariants(kernel: &Kernel, state: &State) {
        let table = &state.segments.table;
        for (serial, key, model) in table.iter() {
            let status = kernel.segments[&serial].status().unwrap();
            assert_eq!(status.size, model.bytes.len(), "size");
            assert_eq!(status.attachments, model.attachments, "attachments");
            assert_eq!((status.removed, status.locked), (model.removed, model.locked), "removed and locked");
            assert_eq!(status.permissions.key.as_raw(), key, "key");
        }
        for (held, attached) in kernel.attached.iter().zip(&state.attached) {
            assert!(held.to_vec() == table.at(attached.serial).unwrap().bytes, "bytes differ");
        }
        let usage = Segment::usage().unwrap();
        assert_eq!((usage.segments as usize, usage.pages), (table.iter().count(), state.segments.pages()), "usage");
    }

    fn teardown(mut kernel: Kernel, _: State) {
        for status in Segment::list().unwrap() {
            Segment::from_id(status.id).unwrap().remove().unwrap();
        }
        kernel.attached.clear();
        kernel.children.into_iter().flatten().for_each(Child::exit);
        eventually("all segments are gone", || Segment::list().unwrap().is_empty());
    }
}

/// Whether the kernel counts the segments, and the attachments of each, as the model does.
fn counts(kernel: &Kernel, state: &State) -> bool {
    let table = &state.segments.table;
    let same = |serial: &Serial, attachments| {
        kernel.segments[serial].status().is_ok_and(|status| status.attachments == attachments)
    };
    table.iter().all(|(serial, _, model)| same(&serial, model.attachments))
        && Segment::usage().is_ok_and(|usage| usage.segments as usize == table.iter().count())
}

/// Segments do what the model does, whatever is called in whatever order, and whoever has them attached.
///
/// R-KEY-05 R-KEY-12 R-SHM-01 R-SHM-02 R-SHM-03 R-SHM-05 R-SHM-06 R-SHM-07 R-SHM-08 R-SHM-09
#[test]
fn segments_do_what_the_model_does() {
    let _alone = alone();
    in_namespace(|| {
        lower_limit("shmmni", "4");
        lower_limit("shmmax", "16384");
        lower_limit("shmall", "8");
        machine::<SegmentMachine>(600);
    });
}
