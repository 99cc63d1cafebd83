//! Programs that use semaphore sets, without waiting.

use super::{Handles, Outcome, Places, place_found};
use crate::error::Result;
use crate::sysv::{Key, SemaphoreGuard, SemaphoreSet};
use crate::testing::model::set::{Change, Operation, Process, Set, Step, check_value, too_many};
use crate::testing::model::table::{Get, Serial, Table};
use crate::testing::model::{Answer, Fault};

/// The process that runs the program, among those that the model knows.
pub const OWN: Process = 0;

/// The most guards that a program holds at a time.
pub const GUARDS: usize = 4;

/// One call.
#[derive(Clone, Debug)]
pub enum Call {
    /// Makes a set, or finds one.
    Get {
        /// Where its handle goes.
        place: usize,
        /// How.
        get: Get,
        /// The values of a new set.
        values: Vec<u16>,
    },
    /// Finds a set, whatever values it has.
    Open {
        /// Where its handle goes.
        place: usize,
        /// Its key.
        key: i32,
    },
    /// Uses a set.
    On {
        /// Where its handle is.
        place: usize,
        /// What is done.
        step: Step,
    },
    /// One operation without undo, by the semaphore's own method.
    Single {
        /// Where the handle of the set is.
        place: usize,
        /// The semaphore.
        index: u16,
        /// What is done.
        change: Change,
    },
    /// Takes units until they are released.
    Acquire {
        /// Where the handle of the set is.
        place: usize,
        /// The semaphore.
        index: u16,
        /// How many.
        units: u16,
    },
    /// Releases units that were taken.
    Release {
        /// Which of them.
        guard: usize,
        /// By dropping, which says nothing of how that went.
        dropped: bool,
    },
    /// Removes a set.
    Remove {
        /// Where its handle is.
        place: usize,
    },
}

/// What the system allows.
#[derive(Clone, Copy, Debug)]
struct Limits {
    set_len: usize,
    semaphores: usize,
    operations: usize,
}

/// All sets, where the handles are, and what guards hold.
#[derive(Clone, Debug)]
pub struct Model {
    /// Which sets there are.
    pub table: Table<Set>,
    places: Places,
    /// What gives back what each guard holds.
    guards: Vec<(Serial, Operation)>,
    limits: Limits,
}

impl Model {
    /// No sets, in the calling thread's IPC namespace.
    ///
    /// # Errors
    ///
    /// As [`SemaphoreSet::limits`].
    pub fn new() -> Result<Self> {
        let limits = SemaphoreSet::limits()?;
        Ok(Self {
            table: Table::new(limits.sets as usize),
            places: Places::default(),
            guards: Vec::new(),
            limits: Limits {
                set_len: limits.set_semaphores as usize,
                semaphores: limits.semaphores as usize,
                operations: limits.operations as usize,
            },
        })
    }

    /// Whether the program can make the call: it has a handle or a guard there, or a place for one.
    #[must_use]
    pub fn is_possible(&self, call: &Call) -> bool {
        match call {
            Call::Get { .. } | Call::Open { .. } => true,
            Call::Acquire { place, .. } => self.has(*place) && self.guards.len() < GUARDS,
            Call::Release { guard, .. } => *guard < self.guards.len(),
            Call::On { place, .. } | Call::Single { place, .. } | Call::Remove { place } => self.has(*place),
        }
    }

    /// Whether there is a handle in a place.
    #[must_use]
    pub const fn has(&self, place: usize) -> bool {
        self.places[place].is_some()
    }

    /// How many guards there are.
    #[must_use]
    pub const fn guards(&self) -> usize {
        self.guards.len()
    }

    /// A guard goes without giving anything back: its call failed.
    pub fn forget(&mut self, guard: usize) {
        self.guards.remove(guard);
    }

    fn serial(&self, place: usize) -> Answer<Serial> {
        self.places[place].ok_or(Fault::GONE)
    }

    fn get(&mut self, get: Get, values: &[u16]) -> Answer<Serial> {
        let limits = self.limits;
        if get.key == 0 && !get.may_create() {
            return Err(Fault::NOT_FOUND);
        }
        check_values(values)?;
        if values.len() > limits.set_len {
            return Err(Fault::INVALID);
        }
        let enough = |set: &Set| if values.len() > set.values().len() { Err(Fault::INVALID) } else { Ok(()) };
        self.table.get(get, |table| new_set(table, values, limits), enough)
    }

    /// A process applies operations to the set in a place.
    pub fn apply(&mut self, process: Process, place: usize, operations: &[Operation]) -> Answer<()> {
        let serial = self.serial(place)?;
        self.apply_to(process, serial, operations)
    }

    fn apply_to(&mut self, process: Process, serial: Serial, operations: &[Operation]) -> Answer<()> {
        operations.iter().find_map(|operation| operation.change.refused()).map_or(Ok(()), Err)?;
        too_many(operations, self.limits.operations)?;
        self.table.at_mut(serial)?.apply(process, operations)
    }

    fn acquire(&mut self, place: usize, index: u16, units: u16) -> Answer<()> {
        let serial = self.serial(place)?;
        self.apply_to(OWN, serial, &[Operation { index, change: Change::Subtract(units), undo: true }])?;
        self.guards.push((serial, Operation { index, change: Change::Add(units), undo: true }));
        Ok(())
    }

    fn release(&mut self, guard: usize) -> Answer<()> {
        let (serial, operation) = self.guards.remove(guard);
        self.apply_to(OWN, serial, &[operation])
    }

    fn on(&mut self, place: usize, step: &Step) -> Answer<()> {
        match step {
            Step::Apply { .. } => self.apply(OWN, place, &step.operations()),
            Step::SetValue { value, .. } => {
                check_value(*value)?;
                let serial = self.serial(place)?;
                self.table.at_mut(serial)?.perform(OWN, step)
            }
            Step::SetValues { .. } => {
                let serial = self.serial(place)?;
                self.table.at_mut(serial)?.perform(OWN, step)
            }
        }
    }

    /// What a [possible](Self::is_possible) call answers.
    pub fn perform(&mut self, call: &Call) -> Outcome<()> {
        Outcome::Done(match call {
            Call::Get { place, get, values } => {
                let answer = self.get(*get, values);
                return place_found(&mut self.places, *place, answer);
            }
            Call::Open { place, key } => {
                let answer = self.table.find(*key).ok_or(Fault::NOT_FOUND);
                return place_found(&mut self.places, *place, answer);
            }
            Call::On { place, step } => self.on(*place, step),
            Call::Single { place, index, change } => {
                self.apply(OWN, *place, &[Operation { index: *index, change: *change, undo: false }])
            }
            Call::Acquire { place, index, units } => self.acquire(*place, *index, *units),
            Call::Release { guard, dropped: true } => {
                let _ = self.release(*guard);
                return Outcome::Silent;
            }
            Call::Release { guard, dropped: false } => self.release(*guard),
            Call::Remove { place } => self.serial(*place).and_then(|serial| self.table.remove(serial)),
        })
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

/// The kernel's sets.
#[derive(Debug, Default)]
pub struct Kernel {
    /// Their handles.
    pub handles: Handles<SemaphoreSet>,
    /// What was acquired.
    pub guards: Vec<SemaphoreGuard>,
}

impl Kernel {
    /// Makes a call that the model takes for possible, and says that it answers `expected`.
    pub fn perform(&mut self, call: &Call, expected: &Outcome<()>) -> Outcome<()> {
        Outcome::of(match call {
            Call::Get { place, get: Get { key, create, create_new }, values } => {
                let options = SemaphoreSet::options().create(*create).create_new(*create_new);
                return self.handles.found(*place, expected, options.open(Key::new(*key), values));
            }
            Call::Open { place, key } => {
                return self.handles.found(*place, expected, SemaphoreSet::open(Key::new(*key)));
            }
            Call::On { place, step } => return Outcome::Done(step.perform(&self.handles.at(*place))),
            Call::Single { place, index, change } => {
                let semaphore = self.handles.at(*place).semaphore(*index);
                match *change {
                    Change::Add(units) => semaphore.add(units),
                    Change::Subtract(units) => semaphore.try_subtract(units),
                    Change::WaitZero => semaphore.try_wait_zero(),
                }
            }
            Call::Acquire { place, index, units } => {
                let guard = self.handles.at(*place).semaphore(*index).try_acquire(*units);
                guard.map(|guard| self.guards.push(guard))
            }
            Call::Release { guard, dropped: true } => {
                drop(self.guards.remove(*guard));
                return Outcome::Silent;
            }
            Call::Release { guard, dropped: false } => self.guards.remove(*guard).release(),
            Call::Remove { place } => self.handles.at(*place).remove(),
        })
    }

    /// Compares what there is with the model. `pid` tells which process is which.
    ///
    /// # Panics
    ///
    /// When something is different.
    pub fn check(&self, model: &Model, pid: impl Fn(Process) -> i32) {
        let mut semaphores = 0;
        for (serial, key, expected) in model.table.iter() {
            let set = self.handles.of(serial);
            let status = set.status().expect("the model has the set");
            assert_eq!((status.len, status.permissions.key.as_raw()), (expected.values().len(), key), "length and key");
            assert!(status.last_operation.is_some(), "initialised");
            assert_eq!(set.values().expect("values"), expected.values(), "values");
            for (index, process) in expected.last().iter().enumerate() {
                let semaphore = set.semaphore(index as u16);
                let last = semaphore.last_pid().expect("a pid").map(|pid| pid.as_raw_nonzero().get());
                assert_eq!(last, process.map(&pid), "last pid of semaphore {index}");
                let waiters = (semaphore.waiters().expect("a number"), semaphore.zero_waiters().expect("a number"));
                assert_eq!(waiters, (0, 0), "waiters");
            }
            semaphores += expected.values().len();
        }
        let usage = SemaphoreSet::usage().expect("what is in use");
        assert_eq!((usage.sets as usize, usage.semaphores as usize), (model.table.iter().count(), semaphores), "usage");
    }

    /// Removes all sets that the program made, and then drops the guards.
    pub fn clear(&mut self) {
        for set in self.handles.iter() {
            // An error: it is gone.
            let _ = set.remove();
        }
        self.handles = Handles::default();
        self.guards.clear();
    }
}
