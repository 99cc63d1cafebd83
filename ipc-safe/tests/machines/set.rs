//! Semaphore sets: up to three, used by this process and two others, everything without waiting.

use crate::child::Child;
use crate::model::program::sets::{Call, GUARDS, Kernel, Model, OWN};
use crate::model::program::{Outcome, PLACES};
use crate::model::set::{Change, Operation, Process, Step as SetStep, built};
use crate::model::{Answer, Fault};
use crate::queue::get;
use crate::run::{alone, lower_limit, machine};
use crate::support::{fork, in_namespace};
use ipc_safe::sysv::SemaphoreSet;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};
use std::collections::BTreeMap;

const HELPERS: usize = 2;
const VALUES: [u16; 7] = [0, 1, 2, 3, 32766, 32767, 32768];
const UNITS: [u16; 7] = [0, 1, 1, 2, 3, 32767, 32768];

/// One call, of this process or of another, or the end of one.
#[derive(Clone, Debug)]
enum Step {
    Own(Call),
    /// This process or a helper applies any number of operations.
    Apply {
        who: Who,
        place: usize,
        operations: Vec<Operation>,
    },
    ForkAndDrop,
    End {
        helper: usize,
        killed: bool,
    },
}

#[derive(Clone, Copy, Debug)]
enum Who {
    Own,
    Helper(usize),
}

/// The model, the other processes, and what the model said of the last call.
#[derive(Clone, Debug)]
struct State {
    model: Model,
    helpers: [Process; HELPERS],
    started: Process,
    outcome: Outcome<()>,
}

impl State {
    fn new() -> Self {
        Self { model: Model::new().unwrap(), helpers: [1, 2], started: 2, outcome: Outcome::Silent }
    }

    const fn process(&self, who: Who) -> Process {
        match who {
            Who::Own => OWN,
            Who::Helper(helper) => self.helpers[helper],
        }
    }

    fn end(&mut self, helper: usize) {
        let process = self.helpers[helper];
        self.model.table.values_mut().for_each(|set| set.end(process));
        self.started += 1;
        self.helpers[helper] = self.started;
    }

    fn perform(&mut self, step: &Step) -> Outcome<()> {
        match step {
            Step::Own(call) => return self.model.perform(call),
            Step::Apply { who, place, operations } => {
                return Outcome::Done(self.model.apply(self.process(*who), *place, operations));
            }
            Step::ForkAndDrop => {}
            Step::End { helper, .. } => self.end(*helper),
        }
        Outcome::Silent
    }
}

struct SetModel;

impl ReferenceStateMachine for SetModel {
    type State = State;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<State> {
        Just(State::new()).boxed()
    }

    fn transitions(_: &State) -> BoxedStrategy<Step> {
        let place = || 0..PLACES;
        let index = || 0..5_u16;
        let values = || vec(select(&VALUES[..6]), 1..=4);
        let any_values = || prop_oneof![8 => values(), 1 => vec(select(&VALUES[..]), 0..=5)];
        let who = prop_oneof![Just(Who::Own), (0..HELPERS).prop_map(Who::Helper)];
        let on = |step: BoxedStrategy<SetStep>| (0..PLACES, step).prop_map(|(place, step)| Call::On { place, step });
        let set_value = (index(), select(&VALUES[..])).prop_map(|(index, value)| SetStep::SetValue { index, value });
        let set_values = any_values().prop_map(|values| SetStep::SetValues { values });
        let calls = prop_oneof![
            5 => (place(), get(), any_values()).prop_map(|(place, get, values)| Call::Get { place, get, values }),
            1 => (place(), 0..4).prop_map(|(place, key)| Call::Open { place, key }),
            4 => (place(), index(), change()).prop_map(|(place, index, change)| Call::Single { place, index, change }),
            2 => on(set_value.boxed()),
            1 => on(set_values.boxed()),
            4 => (place(), index(), select(&UNITS[..]))
                .prop_map(|(place, index, units)| Call::Acquire { place, index, units }),
            3 => (0..GUARDS, any::<bool>()).prop_map(|(guard, dropped)| Call::Release { guard, dropped }),
            1 => place().prop_map(|place| Call::Remove { place }),
        ];
        prop_oneof![
            21 => calls.prop_map(Step::Own),
            10 => (who, place(), vec(operation(), 0..=4))
                .prop_map(|(who, place, operations)| Step::Apply { who, place, operations }),
            1 => Just(Step::ForkAndDrop),
            2 => (0..HELPERS, any::<bool>()).prop_map(|(helper, killed)| Step::End { helper, killed }),
        ]
        .boxed()
    }

    fn preconditions(state: &State, step: &Step) -> bool {
        match step {
            Step::Own(call) => state.model.is_possible(call),
            Step::Apply { place, .. } => state.model.has(*place),
            Step::ForkAndDrop => state.model.guards() > 0,
            Step::End { .. } => true,
        }
    }

    fn apply(mut state: State, step: &Step) -> State {
        state.outcome = state.perform(step);
        state
    }
}

fn change() -> impl Strategy<Value = Change> {
    let units = || select(&UNITS[..]);
    prop_oneof![units().prop_map(Change::Add), units().prop_map(Change::Subtract), Just(Change::WaitZero)]
}

/// Mostly of sensible sizes, so that several in a row have a chance.
fn operation() -> impl Strategy<Value = Operation> {
    let small =
        prop_oneof![(1..=3_u16).prop_map(Change::Add), (1..=3_u16).prop_map(Change::Subtract), Just(Change::WaitZero)];
    let change = prop_oneof![5 => small, 1 => change()];
    let index = prop_oneof![12 => 0..3_u16, 1 => 3..5_u16];
    (index, change, any::<bool>()).prop_map(|(index, change, undo)| Operation { index, change, undo })
}

/// The kernel's sets, and the other processes.
struct System {
    kernel: Kernel,
    helpers: [Option<Child>; HELPERS],
    pids: BTreeMap<Process, i32>,
}

impl System {
    /// Has a helper apply operations; starts it when it is not there.
    fn ask(&mut self, helper: usize, process: Process, set: SemaphoreSet, operations: &[Operation]) -> String {
        let pids = &mut self.pids;
        let child = self.helpers[helper].get_or_insert_with(|| {
            let child = Child::start(serve);
            pids.insert(process, child.pid());
            child
        });
        child.ask(&command(set, operations))
    }

    fn perform(&mut self, step: &Step, state: &State) -> Outcome<()> {
        match step {
            Step::Own(call) => return self.kernel.perform(call, &state.outcome),
            Step::Apply { who: Who::Own, place, operations } => {
                let applied = self.kernel.handles.at(*place).try_apply(&built(operations));
                return Outcome::Done(applied.map_err(Fault::from));
            }
            Step::Apply { who: Who::Helper(helper), place, operations } => {
                let set = self.kernel.handles.at(*place);
                let answer = self.ask(*helper, state.helpers[*helper], set, operations);
                let Outcome::Done(expected) = &state.outcome else { unreachable!("an operation answers") };
                assert_eq!(answer, format!("{expected:?}"), "the helper, and what was expected, for {step:?}");
                return state.outcome.clone();
            }
            Step::ForkAndDrop => {
                let guards = &mut self.kernel.guards;
                fork(|| {
                    guards.clear();
                    0
                })
                .succeed();
            }
            Step::End { helper, killed } => match self.helpers[*helper].take() {
                Some(child) if *killed => child.kill(),
                Some(child) => child.exit(),
                None => {}
            },
        }
        Outcome::Silent
    }
}

/// What the helpers do with a command.
fn serve(command: &str) -> String {
    let mut words = command.split(' ');
    let set = SemaphoreSet::from_id(words.next().unwrap().parse().unwrap()).unwrap();
    let operations: Vec<_> = words.map(parsed).collect();
    let answer: Answer<()> = set.try_apply(&built(&operations)).map_err(Fault::from);
    format!("{answer:?}")
}

/// The id, and a word for each operation: index, units with a sign (0 waits for zero), `u` for undo.
fn command(set: SemaphoreSet, operations: &[Operation]) -> String {
    let word = |operation: &Operation| {
        let change = match operation.change {
            Change::Add(units) => format!("+{units}"),
            Change::Subtract(units) => format!("-{units}"),
            Change::WaitZero => "=".to_owned(),
        };
        format!(" {}:{change}:{}", operation.index, if operation.undo { "u" } else { "" })
    };
    set.id().to_string() + &operations.iter().map(word).collect::<String>()
}

fn parsed(word: &str) -> Operation {
    let parts: Vec<_> = word.split(':').collect();
    let units = || parts[1][1..].parse().unwrap();
    let change = match &parts[1][..1] {
        "+" => Change::Add(units()),
        "-" => Change::Subtract(units()),
        _ => Change::WaitZero,
    };
    Operation { index: parts[0].parse().unwrap(), change, undo: parts[2] == "u" }
}

struct SetMachine;

impl StateMachineTest for SetMachine {
    type SystemUnderTest = System;
    type Reference = SetModel;

    fn init_test(_: &State) -> System {
        // What a failed run before this one left.
        for status in SemaphoreSet::list().unwrap() {
            SemaphoreSet::from_id(status.id).unwrap().remove().unwrap();
        }
        System {
            kernel: Kernel::default(),
            helpers: [None, None],
            pids: BTreeMap::from([(OWN, std::process::id().cast_signed())]),
        }
    }

    fn apply(mut system: System, state: &State, step: Step) -> System {
        let outcome = system.perform(&step, state);
        assert_eq!(outcome, state.outcome, "the kernel, and what was expected, for {step:?}");
        system
    }

    fn check_invariants(system: &System, state: &State) {
        system.kernel.check(&state.model, |process| system.pids[&process]);
    }

    fn teardown(mut system: System, _: State) {
        system.kernel.clear();
        system.helpers.into_iter().flatten().for_each(Child::exit);
        assert_eq!(SemaphoreSet::list().unwrap(), [], "left behind");
    }
}

/// Sets do what the model does, whatever is called in whatever order by whichever process, and whatever way it ends.
///
/// R-KEY-05 R-KEY-12 R-SEM-01 R-SEM-02 R-SEM-03 R-SEM-04 R-SEM-05 R-SEM-06 R-SEM-07 R-SEM-08 R-SEM-09 R-SEM-11
#[test]
fn sets_do_what_the_model_does() {
    let _alone = alone();
    in_namespace(|| {
        lower_limit("sem", "4 9 3 3");
        machine::<SetMachine>(600);
    });
}
