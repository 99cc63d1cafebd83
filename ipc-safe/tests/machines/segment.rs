//! Segments: up to four, attached by this process and by two forked ones.

use crate::child::Child;
use crate::model::program::segments::{ATTACHMENTS, Attached, Call, Held, Kernel, Model};
use crate::model::program::{Outcome, PLACES};
use crate::model::segment::Step as Access;
use crate::model::table::Serial;
use crate::model::{Answer, Fault};
use crate::queue::get;
use crate::run::{alone, lower_limit, machine};
use crate::support::{eventually, in_namespace};
use ipc_safe::sysv::Segment;
use proptest::prelude::*;
use proptest::sample::select;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};

const CHILDREN: usize = 2;
const SIZES: [usize; 9] = [0, 1, 7, 100, 4095, 4096, 4097, 16384, 16385];
const OFFSETS: [usize; 10] = [0, 1, 6, 7, 8, 99, 4095, 4096, 4097, usize::MAX];
const LENGTHS: [usize; 7] = [0, 1, 2, 8, 93, 4096, 4097];

/// One call, of this process or of a child, which begins or ends.
#[derive(Clone, Debug)]
enum Step {
    Own(Call),
    Fork { child: usize },
    ChildWrite { child: usize, attachment: usize, offset: usize, byte: u8 },
    ChildDetach { child: usize, attachment: usize },
    End { child: usize, killed: bool },
}

/// The model, what each child has attached (none where there is no child), and what the model said of the last call.
#[derive(Clone, Debug)]
struct State {
    model: Model,
    children: [Option<Vec<Option<Attached>>>; CHILDREN],
    outcome: Outcome<Vec<u8>>,
}

impl State {
    fn new() -> Self {
        Self { model: Model::new().unwrap(), children: [None, None], outcome: Outcome::Silent }
    }

    fn fork(&mut self, child: usize) {
        for attached in &self.model.attached {
            self.model.segments.attach(attached.serial).unwrap();
        }
        self.children[child] = Some(self.model.attached.iter().copied().map(Some).collect());
    }

    fn child_write(&mut self, child: usize, attachment: usize, offset: usize, byte: u8) -> Answer<()> {
        let serial = self.children[child].as_ref().unwrap()[attachment].unwrap().serial;
        self.model.segments.table.at_mut(serial).unwrap().write(offset, &[byte])
    }

    fn child_detach(&mut self, child: usize, attachment: usize) -> Answer<()> {
        let attached = self.children[child].as_mut().unwrap()[attachment].take().unwrap();
        self.model.segments.detach(attached.serial)
    }

    fn perform(&mut self, step: &Step) -> Outcome<Vec<u8>> {
        let done = match *step {
            Step::Own(ref call) => return self.model.perform(call),
            Step::ChildWrite { child, attachment, offset, byte } => self.child_write(child, attachment, offset, byte),
            Step::ChildDetach { child, attachment } => self.child_detach(child, attachment),
            Step::Fork { child } => {
                self.fork(child);
                return Outcome::Silent;
            }
            Step::End { child, .. } => {
                for attached in self.children[child].take().unwrap().into_iter().flatten() {
                    self.model.segments.detach(attached.serial).unwrap();
                }
                return Outcome::Silent;
            }
        };
        Outcome::Done(done.map(|()| Vec::new()))
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
        let place = || 0..PLACES;
        let attachment = || 0..ATTACHMENTS;
        let child = || 0..CHILDREN;
        let (offset, len) = (|| select(&OFFSETS[..]), || select(&LENGTHS[..]));
        let read_only = || prop::bool::weighted(0.3);
        let access = prop_oneof![
            6 => (offset(), len(), any::<u8>()).prop_map(|(offset, len, byte)| Access::Write { offset, len, byte }),
            3 => (offset(), len()).prop_map(|(offset, len)| Access::Read { offset, len }),
        ];
        let calls = prop_oneof![
            6 => (place(), get(), select(&SIZES[..])).prop_map(|(place, get, size)| Call::Get { place, get, size }),
            1 => (place(), 0..4).prop_map(|(place, key)| Call::Open { place, key }),
            8 => (place(), read_only()).prop_map(|(place, read_only)| Call::Attach { place, read_only }),
            1 => (place(), select(&[0, 1][..])).prop_map(|(place, address)| Call::AttachAt { place, address }),
            9 => (attachment(), access).prop_map(|(attachment, step)| Call::On { attachment, step }),
            4 => (attachment(), any::<bool>())
                .prop_map(|(attachment, dropped)| Call::Detach { attachment, dropped }),
            3 => place().prop_map(|place| Call::Remove { place }),
            1 => (place(), any::<bool>()).prop_map(|(place, locked)| Call::Lock { place, locked }),
        ];
        prop_oneof![
            33 => calls.prop_map(Step::Own),
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
            Step::Own(ref call) => state.model.is_possible(call),
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

/// The kernel's segments, and the other processes.
struct System {
    kernel: Kernel,
    children: [Option<Child>; CHILDREN],
}

impl System {
    /// Forks a child, which has all the attachments too.
    fn fork(&mut self, child: usize) {
        let attached = &mut self.kernel.attached;
        let mut held: Option<Vec<Option<Held>>> = None;
        // In the child, `attached` is its copy, and its to take.
        let serve = |command: &str| {
            let held = held.get_or_insert_with(|| std::mem::take(attached).into_iter().map(Some).collect());
            obey(held, command)
        };
        self.children[child] = Some(Child::start(serve));
    }

    /// Sends a child a command. The answer is text, and so is what was expected.
    fn ask(&mut self, child: usize, command: &str, expected: &Outcome<Vec<u8>>) -> Outcome<Vec<u8>> {
        let answer = self.children[child].as_mut().unwrap().ask(command);
        assert_eq!(answer, format!("{expected:?}"), "the child, and what was expected, for {command:?}");
        expected.clone()
    }

    fn perform(&mut self, step: &Step, expected: &Outcome<Vec<u8>>) -> Outcome<Vec<u8>> {
        match *step {
            Step::Own(ref call) => return self.kernel.perform(call, expected),
            Step::ChildWrite { child, attachment, offset, byte } => {
                return self.ask(child, &format!("write {attachment} {offset} {byte}"), expected);
            }
            Step::ChildDetach { child, attachment } => {
                return self.ask(child, &format!("detach {attachment}"), expected);
            }
            Step::Fork { child } => self.fork(child),
            Step::End { child, killed } => {
                let child = self.children[child].take().unwrap();
                if killed {
                    child.kill();
                } else {
                    child.exit();
                }
            }
        }
        Outcome::Silent
    }
}

/// What a child does with a command.
fn obey(held: &mut [Option<Held>], command: &str) -> String {
    let words: Vec<_> = command.split(' ').collect();
    let number = |word: usize| words[word].parse::<usize>().unwrap();
    let outcome = match words[0] {
        "write" => {
            let step = Access::Write { offset: number(2), len: 1, byte: number(3) as u8 };
            held[number(1)].as_ref().unwrap().perform(&step)
        }
        _ => held[number(1)].take().unwrap().detach().map(|()| Vec::new()).map_err(Fault::from),
    };
    format!("{:?}", Outcome::Done(outcome))
}

struct SegmentMachine;

impl StateMachineTest for SegmentMachine {
    type SystemUnderTest = System;
    type Reference = SegmentModel;

    fn init_test(_: &State) -> System {
        // What a failed run before this one left.
        for status in Segment::list().unwrap() {
            Segment::from_id(status.id).unwrap().remove().unwrap();
        }
        System { kernel: Kernel::default(), children: [None, None] }
    }

    fn apply(mut system: System, state: &State, step: Step) -> System {
        let outcome = system.perform(&step, &state.outcome);
        assert_eq!(outcome, state.outcome, "the kernel, and what was expected, for {step:?}");
        if let Step::End { .. } = step {
            // Somebody who looks at the child in /proc at this moment holds its memory a little longer.
            eventually("the attachments of a dead child end", || counts(&system.kernel, &state.model));
        }
        system
    }

    fn check_invariants(system: &System, state: &State) {
        system.kernel.check(&state.model);
    }

    fn teardown(mut system: System, _: State) {
        system.kernel.clear();
        system.children.into_iter().flatten().for_each(Child::exit);
        eventually("all segments are gone", || Segment::list().unwrap().is_empty());
    }
}

/// Whether the kernel counts the segments, and the attachments of each, as the model does.
fn counts(kernel: &Kernel, model: &Model) -> bool {
    let table = &model.segments.table;
    let same = |serial: Serial, attachments| {
        kernel.handles.of(serial).status().is_ok_and(|status| status.attachments == attachments)
    };
    table.iter().all(|(serial, _, segment)| same(serial, segment.attachments))
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
