//! What a semaphore set does.

use super::{Answer, Fault};
use crate::error::{Errno, ErrorKind};
use crate::sysv::{Operations, SemaphoreSet};
use std::collections::BTreeMap;

/// A process, by a number that never comes back.
pub type Process = u32;

/// The highest value.
pub const HIGHEST: u16 = 32767;

/// What an operation does to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Adds units.
    Add(u16),
    /// Takes units, when there are enough.
    Subtract(u16),
    /// Nothing, when the value is zero.
    WaitZero,
}

impl Change {
    /// What is added to the value.
    fn delta(self) -> i32 {
        match self {
            Self::Add(units) => i32::from(units),
            Self::Subtract(units) => -i32::from(units),
            Self::WaitZero => 0,
        }
    }

    /// Why no operation can do this: the crate says so before the kernel is asked.
    #[must_use]
    pub const fn refused(self) -> Option<Fault> {
        match self {
            Self::Add(0) | Self::Subtract(0) => Some(Fault::INVALID),
            Self::Add(units) | Self::Subtract(units) if units > HIGHEST => Some(OUT_OF_RANGE),
            _ => None,
        }
    }
}

/// One operation of a `semop`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The semaphore in its set.
    pub index: u16,
    /// What it does.
    pub change: Change,
    /// Whether the end of the process takes it back: `SEM_UNDO`.
    pub undo: bool,
}

const OUT_OF_RANGE: Fault = Fault::new(Errno::RANGE, ErrorKind::OutOfRange);

/// A semaphore set.
///
/// ```
/// use ipc_safe::testing::model::set::{Change, Operation, Set};
///
/// let mut set = Set::new(2);
/// let (parent, child) = (0, 1);
/// let add = Operation { index: 0, change: Change::Add(3), undo: false };
/// set.apply(parent, &[add])?;
/// set.apply(child, &[Operation { change: Change::Subtract(2), undo: true, ..add }])?;
/// assert_eq!(set.values(), [1, 0]);
/// set.end(child); // what it took is given back
/// assert_eq!(set.values(), [3, 0]);
/// # Ok::<(), ipc_safe::testing::model::Fault>(())
/// ```
#[derive(Clone, Debug)]
pub struct Set {
    values: Vec<u16>,
    /// Who operated on each semaphore last.
    last: Vec<Option<Process>>,
    /// What the end of a process gives back to each semaphore.
    adjustments: BTreeMap<Process, Vec<i32>>,
}

impl Set {
    /// A set of so many semaphores, all zero.
    #[must_use]
    pub fn new(len: usize) -> Self {
        Self { values: vec![0; len], last: vec![None; len], adjustments: BTreeMap::new() }
    }

    /// The values.
    #[must_use]
    pub fn values(&self) -> &[u16] {
        &self.values
    }

    /// Who operated on each semaphore last.
    #[must_use]
    pub fn last(&self) -> &[Option<Process>] {
        &self.last
    }

    /// Applies operations as one, without waiting. That there are not too many of them the kernel looks at before it looks
    /// for the set: [`too_many`].
    pub fn apply(&mut self, process: Process, operations: &[Operation]) -> Answer<()> {
        if operations.is_empty() {
            return Err(Fault::INVALID);
        }
        if operations.iter().any(|operation| usize::from(operation.index) >= self.values.len()) {
            return Err(Fault::new(Errno::FBIG, ErrorKind::OutOfRange));
        }
        let mut after = self.clone();
        for operation in operations {
            after.step(process, *operation)?;
        }
        *self = after;
        Ok(())
    }

    /// One operation after the other; the first that cannot be says why.
    fn step(&mut self, process: Process, Operation { index, change, undo }: Operation) -> Answer<()> {
        let index = usize::from(index);
        let value = i32::from(self.values[index]) + change.delta();
        if value < 0 || (change == Change::WaitZero && value != 0) {
            return Err(Fault::WOULD_BLOCK);
        }
        let value = u16::try_from(value).ok().filter(|value| *value <= HIGHEST).ok_or(OUT_OF_RANGE)?;
        if undo {
            let len = self.values.len();
            let adjustment = &mut self.adjustments.entry(process).or_insert_with(|| vec![0; len])[index];
            *adjustment -= change.delta();
            if *adjustment < -i32::from(HIGHEST) - 1 || *adjustment > i32::from(HIGHEST) {
                return Err(OUT_OF_RANGE);
            }
        }
        self.values[index] = value;
        self.last[index] = Some(process);
        Ok(())
    }

    /// Sets one value, and forgets what every process would give back to it.
    pub fn set_value(&mut self, process: Process, index: u16, value: u16) -> Answer<()> {
        let index = usize::from(index);
        let target = self.values.get_mut(index).ok_or(Fault::INVALID)?;
        *target = value;
        self.last[index] = Some(process);
        self.adjustments.values_mut().for_each(|of_process| of_process[index] = 0);
        Ok(())
    }

    /// Sets all values, and forgets what every process would give back.
    pub fn set_values(&mut self, process: Process, values: &[u16]) -> Answer<()> {
        if values.len() != self.values.len() {
            return Err(Fault::INVALID);
        }
        if values.iter().any(|value| *value > HIGHEST) {
            return Err(OUT_OF_RANGE);
        }
        self.values = values.to_vec();
        self.last.fill(Some(process));
        self.adjustments.clear();
        Ok(())
    }

    /// The process ends, whatever way: what it took with undo is given back, as far as the values go.
    pub fn end(&mut self, process: Process) {
        let Some(adjustments) = self.adjustments.remove(&process) else { return };
        for (index, adjustment) in adjustments.into_iter().enumerate().filter(|(_, adjustment)| *adjustment != 0) {
            let value = i32::from(self.values[index]) + adjustment;
            self.values[index] = value.clamp(0, i32::from(HIGHEST)) as u16;
            self.last[index] = Some(process);
        }
    }
}

/// A call on a set, without waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Up to three operations as one.
    Apply {
        /// One.
        first: Operation,
        /// Another.
        second: Option<Operation>,
        /// And another.
        third: Option<Operation>,
    },
    /// Sets one value.
    SetValue {
        /// The semaphore.
        index: u16,
        /// Its value.
        value: u16,
    },
    /// Sets all values.
    SetValues {
        /// One for each semaphore; another number of them is refused.
        values: Vec<u16>,
    },
}

impl Step {
    /// The operations that are applied as one; none for other steps.
    #[must_use]
    pub fn operations(&self) -> Vec<Operation> {
        match *self {
            Self::Apply { first, second, third } => [Some(first), second, third].into_iter().flatten().collect(),
            Self::SetValue { .. } | Self::SetValues { .. } => Vec::new(),
        }
    }

    /// Makes the call on a real set.
    pub fn perform(&self, set: &SemaphoreSet) -> Answer<()> {
        let done = match self {
            Self::Apply { .. } => set.try_apply(&built(&self.operations())),
            Self::SetValue { index, value } => set.semaphore(*index).set_value(*value),
            Self::SetValues { values } => set.set_values(values),
        };
        done.map_err(Fault::from)
    }
}

/// Operations as the crate has them.
pub fn built(operations: &[Operation]) -> Operations {
    let add = |built: Operations, &Operation { index, change, undo }: &Operation| {
        let built = match change {
            Change::Add(units) => built.add(index, units),
            Change::Subtract(units) => built.subtract(index, units),
            Change::WaitZero => built.wait_zero(index),
        };
        if undo { built.undo() } else { built }
    };
    operations.iter().fold(Operations::new(), add)
}

impl Set {
    /// What the call answers when this process makes it. (That three operations are not too many is taken for granted.)
    pub fn perform(&mut self, process: Process, step: &Step) -> Answer<()> {
        match step {
            Step::Apply { .. } => {
                let operations = step.operations();
                operations.iter().find_map(|operation| operation.change.refused()).map_or(Ok(()), Err)?;
                self.apply(process, &operations)
            }
            Step::SetValue { index, value } => {
                check_value(*value)?;
                self.set_value(process, *index, *value)
            }
            Step::SetValues { values } => self.set_values(process, values),
        }
    }
}

/// The kernel's first look, before it looks for the set: `most` operations are allowed.
pub fn too_many(operations: &[Operation], most: usize) -> Answer<()> {
    if operations.len() > most { Err(Fault::new(Errno::TOOBIG, ErrorKind::TooBig)) } else { Ok(()) }
}

/// The kernel's first look at a value to set, before it looks for the set.
pub const fn check_value(value: u16) -> Answer<()> {
    if value > HIGHEST { Err(OUT_OF_RANGE) } else { Ok(()) }
}
