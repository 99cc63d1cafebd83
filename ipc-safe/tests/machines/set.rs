//! Semaphore sets: up to three, used by this process and two others, everything without waiting.

use crate::child::Child;
use crate::model::set::{Change, Operation, Process, Set, check_value, too_many};
use crate::model::table::{Get, Serial, Table};
use crate::model::{Answer, Fault};
use crate::queue::get;
use crate::run::{alone, lower_limit, machine};
use crate::support::{fork, in_namespace};
use ipc_safe::sysv::{Key, Operations, SemaphoreGuard, SemaphoreSet};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};
use std::collections::BTreeMap;

/// Places for handles. A handle stays in its place when its set is removed.
const SLOTS: usize = 3;
/// This process.
const OWN: Process = 0;
const HELPERS: usize = 2;
const GUARDS: usize = 4;
const VALUES: [u16; 7] = [0, 1, 2, 3, 32766, 32767, 32768];
const UNITS: [u16; 7] = [0, 1, 1, 2, 3, 32767, 32768];

/// One call, or the end of a process.
#[derive(Clone, Debug)]
enum Step {
    Get { slot: usize, get: Get, values: Vec<u16> },
    Open { slot: usize, key: i32 },
    Apply { who: Who, slot: usize, operations: Vec<Operation> },
    Single { slot: usize, index: u16, change: Change },
    SetValue { slot: usize, index: u16, value: u16 },
    SetValues { slot: usize, values: Vec<u16> },
    Acquire { slot: usize, index: u16, units: u16 },
    Release { guard: usize, how: Releasing },
    ForkAndDrop,
    End { helper: usize, killed: bool },
    Remove { slot: usize },
}

#[derive(Clone, Copy, Debug)]
enum Who {
    Own,
    Helper(usize),
}

#[derive(Clone, Copy, Debug)]
enum Releasing {
    Drop,
    Call,
}

/// What a step answers.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    /// Nothing to compare but the state.
    None,
    Done(Answer<()>),
    Set(Answer<Serial>),
}

/// What the system allows.
#[derive(Clone, Copy, Debug)]
struct Limits {
    set_len: usize,
    semaphores: usize,
    operations: usize,
}

#[derive(Clone, Debug)]
struct State {
    table: Table<Set>,
    slots: [Option<Serial>; SLOTS],
    guards: Vec<(Serial, Operation)>,
    helpers: [Process; HELPERS],
    started: Process,
    limits: Limits,
    outcome: Outcome,
}

impl State {
    fn new() -> Self {
        let limits = SemaphoreSet::limits().unwrap();
        Self {
            table: Table::new(limits.sets as usize),
            slots: [None; SLOTS],
            guards: Vec::new(),
            helpers: [1, 2],
            started: 2,
            limits: Limits {
                set_len: limits.set_semaphores as usize,
                semaphores: limits.semaphores as usize,
                operations: limits.operations as usize,
            },
            outcome: Outcome::None,
        }
    }

    fn at(&mut self, slot: usize) -> Answer<&mut Set> {
        self.table.at_mut(self.slots[slot].unwrap())
    }

    const fn process(&self, who: Who) -> Process {
        match who {
            Who::Own => OWN,
            Who::Helper(helper) => self.helpers[helper],
        }
    }

    fn get(&mut self, slot: usize, get: Get, values: &[u16]) -> Outcome {
        let limits = self.limits;
        if get.key == 0 && !get.may_create() {
            return Outcome::Set(Err(Fault::NOT_FOUND));
        }
        let answer = check_values(values).and_then(|()| {
            let enough = |set: &Set| if values.len() > set.values().len() { Err(Fault::INVALID) } else { Ok(()) };
            match values.len() > limits.set_len {
                true => Err(Fault::INVALID),
                false => self.table.get(get, |table| new_set(table, values, limits), enough),
            }
        });
        self.found(slot, answer)
    }

    fn found(&mut self, slot: usize, answer: Answer<Serial>) -> Outcome {
        if let Ok(serial) = answer {
            self.slots[slot] = Some(serial);
        }
        Outcome::Set(answer)
    }

    fn apply(&mut self, process: Process, serial: Serial, operations: &[Operation]) -> Answer<()> {
        operations.iter().find_map(|operation| operation.change.refused()).map_or(Ok(()), Err)?;
        too_many(operations, self.limits.operations)?;
        self.table.at_mut(serial)?.apply(process, operations)
    }

    fn acquire(&mut self, slot: usize, index: u16, units: u16) -> Answer<()> {
        let serial = self.slots[slot].unwrap();
        self.apply(OWN, serial, &[Operation { index, change: Change::Subtract(units), undo: true }])?;
        self.guards.push((serial, Operation { index, change: Change::Add(units), undo: true }));
        Ok(())
    }

    fn end(&mut self, helper: usize) {
        let process = self.helpers[helper];
        self.table.values_mut().for_each(|set| set.end(process));
        self.started += 1;
        self.helpers[helper] = self.started;
    }

    fn perform(&mut self, step: &Step) -> Outcome {
        match step {
            Step::Get { slot, get, values } => self.get(*slot, *get, values),
            Step::Open { slot, key } => {
                let answer = self.table.find(*key).ok_or(Fault::NOT_FOUND);
                self.found(*slot, answer)
            }
            Step::Apply { who, slot, operations } => {
                Outcome::Done(self.apply(self.process(*who), self.slots[*slot].unwrap(), operations))
            }
            Step::Single { slot, index, change } => {
                let operation = Operation { index: *index, change: *change, undo: false };
                Outcome::Done(self.apply(OWN, self.slots[*slot].unwrap(), &[operation]))
            }
            Step::SetValue { slot, index, value } => {
                let set = check_value(*value).and_then(|()| self.at(*slot));
                Outcome::Done(set.and_then(|set| set.set_value(OWN, *index, *value)))
            }
            Step::SetValues { slot, values } => {
                Outcome::Done(self.at(*slot).and_then(|set| set.set_values(OWN, values)))
            }
            Step::Acquire { slot, index, units } => Outcome::Done(self.acquire(*slot, *index, *units)),
            Step::Release { guard, how } => {
                let (serial, operation) = self.guards.remove(*guard);
                let answer = self.apply(OWN, serial, &[operation]);
                if matches!(how, Releasing::Call) { Outcome::Done(answer) } else { Outcome::None }
            }
            Step::ForkAndDrop => Outcome::None,
            Step::End { helper, .. } => {
                self.end(*helper);
                Outcome::None
            }
            Step::Remove { slot } => Outcome::Done(self.table.remove(self.slots[*slot].unwrap())),
        }
    }
}

/// What the crate asks of initial values before it asks the kernel.
fn check_values(values: &[u16]) -> Answer<()> {
    if values.is_empty() {
        return Err(Fault::INVALID);
    }
    values.iter().try_for_each(|value| check_value(*value))
}

/// A new set with its values, as the crate gives them: one operation that adds what is not zero, or where that is too many
/// operations, all values and then an operation on the first.
fn new_set(table: &Table<Set>, values: &[u16], limits: Limits) -> Answer<Set> {
    let in_use: usize = table.iter().map(|(.., set)| set.values().len()).sum();
    if in_use + values.len() > limits.semaphores {
        return Err(Fault::LIMIT);
    }
    let mut set = Set::new(values.len());
    let add =
        |(index, value): (usize, &u16)| Operation { index: index as u16, change: Change::Add(*value), undo: false };
    let operations: Vec<_> = values.iter().enumerate().filter(|(_, value)| **value > 0).map(add).collect();
    if operations.is_empty() {
        set.apply(OWN, &[Operation { index: 0, change: Change::WaitZero, undo: false }])?;
    } else if too_many(&operations, limits.operations).is_ok() {
        set.apply(OWN, &operations)?;
    } else {
        set.set_values(OWN, values)?;
    }
    Ok(set)
}

struct SetModel;

impl ReferenceStateMachine for SetModel {
    type State = State;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<State> {
        Just(State::new()).boxed()
    }

    fn transitions(_: &State) -> BoxedStrategy<Step> {
        let slot = || 0..SLOTS;
        let index = || 0..5_u16;
        let values = || vec(select(&VALUES[..6]), 1..=4);
        let any_values = || prop_oneof![8 => values(), 1 => vec(select(&VALUES[..]), 0..=5)];
        let who = prop_oneof![Just(Who::Own), (0..HELPERS).prop_map(Who::Helper)];
        let how = prop_oneof![Just(Releasing::Drop), Just(Releasing::Call)];
        prop_oneof![
            5 => (slot(), get(), any_values()).prop_map(|(slot, get, values)| Step::Get { slot, get, values }),
            1 => (slot(), 0..4).prop_map(|(slot, key)| Step::Open { slot, key }),
            10 => (who, slot(), vec(operation(), 0..=4))
                .prop_map(|(who, slot, operations)| Step::Apply { who, slot, operations }),
            4 => (slot(), index(), change()).prop_map(|(slot, index, change)| Step::Single { slot, index, change }),
            2 => (slot(), index(), select(&VALUES[..]))
                .prop_map(|(slot, index, value)| Step::SetValue { slot, index, value }),
            1 => (slot(), any_values()).prop_map(|(slot, values)| Step::SetValues { slot, values }),
            4 => (slot(), index(), select(&UNITS[..]))
                .prop_map(|(slot, index, units)| Step::Acquire { slot, index, units }),
            3 => (0..GUARDS, how).prop_map(|(guard, how)| Step::Release { guard, how }),
            1 => Just(Step::ForkAndDrop),
            2 => (0..HELPERS, any::<bool>()).prop_map(|(helper, killed)| Step::End { helper, killed }),
            1 => slot().prop_map(|slot| Step::Remove { slot }),
        ]
        .boxed()
    }

    fn preconditions(state: &State, step: &Step) -> bool {
        match step {
            Step::Get { .. } | Step::Open { .. } | Step::End { .. } => true,
            Step::Acquire { slot, .. } => state.slots[*slot].is_some() && state.guards.len() < GUARDS,
            Step::Release { guard, .. } => *guard < state.guards.len(),
            Step::ForkAndDrop => !state.guards.is_empty(),
            Step::Apply { slot, .. }
            | Step::Single { slot, .. }
            | Step::SetValue { slot, .. }
            | Step::SetValues { slot, .. }
            | Step::Remove { slot } => state.slots[*slot].is_some(),
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

/// The kernel's sets, by the serial numbers of the model, and the other processes.
struct Kernel {
    sets: BTreeMap<Serial, SemaphoreSet>,
    slots: [Option<SemaphoreSet>; SLOTS],
    guards: Vec<SemaphoreGuard>,
    helpers: [Option<Child>; HELPERS],
    pids: BTreeMap<Process, i32>,
}

impl Kernel {
    fn at(&self, slot: usize) -> SemaphoreSet {
        self.slots[slot].unwrap()
    }

    /// Notes a handle. One that the model calls new must be new, any other the one known.
    fn note(&mut self, slot: usize, expected: &Outcome, result: ipc_safe::Result<SemaphoreSet>) -> Outcome {
        let Ok(set) = result else { return Outcome::Set(result.map(|_| 0).map_err(Fault::from)) };
        self.slots[slot] = Some(set);
        let known = self.sets.iter().find_map(|(serial, known)| (*known == set).then_some(*serial));
        let new = match expected {
            Outcome::Set(Ok(serial)) if known.is_none() && !self.sets.contains_key(serial) => *serial,
            _ => Serial::MAX,
        };
        let serial = known.unwrap_or(new);
        self.sets.insert(serial, set);
        Outcome::Set(Ok(serial))
    }

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

    fn perform(&mut self, step: &Step, state: &State) -> Outcome {
        let done = |result: ipc_safe::Result<()>| Outcome::Done(result.map_err(Fault::from));
        match step {
            Step::Get { slot, get: Get { key, create, create_new }, values } => {
                let options = SemaphoreSet::options().create(*create).create_new(*create_new);
                self.note(*slot, &state.outcome, options.open(Key::new(*key), values))
            }
            Step::Open { slot, key } => self.note(*slot, &state.outcome, SemaphoreSet::open(Key::new(*key))),
            Step::Apply { who: Who::Own, slot, operations } => done(self.at(*slot).try_apply(&built(operations))),
            Step::Apply { who: Who::Helper(helper), slot, operations } => {
                let answer = self.ask(*helper, state.helpers[*helper], self.at(*slot), operations);
                let Outcome::Done(expected) = &state.outcome else { unreachable!("an operation answers") };
                assert_eq!(answer, format!("{expected:?}"), "the helper, and what was expected, for {step:?}");
                state.outcome.clone()
            }
            Step::Single { slot, index, change } => {
                let semaphore = self.at(*slot).semaphore(*index);
                done(match *change {
                    Change::Add(units) => semaphore.add(units),
                    Change::Subtract(units) => semaphore.try_subtract(units),
                    Change::WaitZero => semaphore.try_wait_zero(),
                })
            }
            Step::SetValue { slot, index, value } => done(self.at(*slot).semaphore(*index).set_value(*value)),
            Step::SetValues { slot, values } => done(self.at(*slot).set_values(values)),
            Step::Acquire { slot, index, units } => {
                let guard = self.at(*slot).semaphore(*index).try_acquire(*units);
                done(guard.map(|guard| self.guards.push(guard)))
            }
            Step::Release { guard, how: Releasing::Drop } => {
                drop(self.guards.remove(*guard));
                Outcome::None
            }
            Step::Release { guard, how: Releasing::Call } => done(self.guards.remove(*guard).release()),
            Step::ForkAndDrop => {
                let guards = &mut self.guards;
                fork(|| {
                    guards.clear();
                    0
                })
                .succeed();
                Outcome::None
            }
            Step::End { helper, killed } => {
                match self.helpers[*helper].take() {
                    Some(child) if *killed => child.kill(),
                    Some(child) => child.exit(),
                    None => {}
                }
                Outcome::None
            }
            Step::Remove { slot } => done(self.at(*slot).remove()),
        }
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

fn built(operations: &[Operation]) -> Operations {
    operations.iter().fold(Operations::new(), |built, operation| {
        let built = match operation.change {
            Change::Add(units) => built.add(operation.index, units),
            Change::Subtract(units) => built.subtract(operation.index, units),
            Change::WaitZero => built.wait_zero(operation.index),
        };
        if operation.undo { built.undo() } else { built }
    })
}

struct SetMachine;

impl StateMachineTest for SetMachine {
    type SystemUnderTest = Kernel;
    type Reference = SetModel;

    fn init_test(_: &State) -> Kernel {
        // What a failed run before this one left.
        for status in SemaphoreSet::list().unwrap() {
            SemaphoreSet::from_id(status.id).unwrap().remove().unwrap();
        }
        Kernel {
            sets: BTreeMap::new(),
            slots: [None; SLOTS],
            guards: Vec::new(),
            helpers: [None, None],
            pids: BTreeMap::from([(OWN, std::process::id().cast_signed())]),
        }
    }

    fn apply(mut kernel: Kernel, state: &State, step: Step) -> Kernel {
        let outcome = kernel.perform(&step, state);
        assert_eq!(outcome, state.outcome, "the kernel, and what was expected, for {step:?}");
        kernel
    }

    fn check_invariants(kernel: &Kernel, state: &State) {
        let mut semaphores = 0;
        for (serial, key, model) in state.table.iter() {
            let set = kernel.sets[&serial];
            let status = set.status().unwrap();
            assert_eq!((status.len, status.permissions.key.as_raw()), (model.values().len(), key), "length and key");
            assert!(status.last_operation.is_some(), "initialised");
            assert_eq!(set.values().unwrap(), model.values(), "values");
            for (index, process) in model.last().iter().enumerate() {
                let semaphore = set.semaphore(index as u16);
                let last = semaphore.last_pid().unwrap().map(|pid| pid.as_raw_nonzero().get());
                assert_eq!(last, process.map(|process| kernel.pids[&process]), "last pid of semaphore {index}");
                assert_eq!((semaphore.waiters().unwrap(), semaphore.zero_waiters().unwrap()), (0, 0), "waiters");
            }
            semaphores += model.values().len();
        }
        let usage = SemaphoreSet::usage().unwrap();
        assert_eq!((usage.sets as usize, usage.semaphores as usize), (state.table.iter().count(), semaphores), "usage");
    }

    fn teardown(mut kernel: Kernel, state: State) {
        for (serial, ..) in state.table.iter() {
            kernel.sets[&serial].remove().unwrap();
        }
        kernel.guards.clear();
        kernel.helpers.into_iter().flatten().for_each(Child::exit);
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
