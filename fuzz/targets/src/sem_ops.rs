//! Semaphore sets by key, with guards, and handles that go stale: the crate, C's calls and the model.

use crate::msg_ops::last;
use crate::steps::steps;
use crate::{leaks, namespace};
use arbitrary::{Arbitrary, Unstructured};
use ipc_safe::error::Errno;
use ipc_safe::testing::model::Fault;
use ipc_safe::testing::model::program::Outcome;
use ipc_safe::testing::model::program::sets::{Call, Kernel, Model};
use ipc_safe::testing::model::set::{Change, Operation, Step};
use std::ffi::c_int;

#[derive(Arbitrary, Debug)]
struct Op {
    call: Call,
    /// By C's call, where it can be made without harm.
    raw: bool,
    /// Compares all values afterwards.
    look: bool,
}

thread_local! {
    static EMPTY: Model = Model::new().expect("limits");
}

/// The namespace of all targets with sets: few of them, of few semaphores, and few operations in a call, so that they run out.
pub(crate) fn enter() -> Model {
    enter_with("4 9 2 3");
    EMPTY.with(Clone::clone)
}

/// A namespace with these limits in place of `kernel.sem`.
pub(crate) fn enter_with(limits: &str) {
    namespace::enter_with(&[("sem", limits)]);
    leaks::begin();
}

/// Runs one input.
pub fn run(data: &[u8]) {
    let (mut model, mut kernel) = (enter(), Kernel::default());
    for Op { call, raw, look } in steps(&mut Unstructured::new(data)) {
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
        if look {
            check(&kernel, &model);
        }
    }
    check(&kernel, &model);
    // While the sets are there, or after: both are silent.
    if data.len().is_multiple_of(2) {
        kernel.guards.clear();
    }
    kernel.clear();
    leaks::check();
}

/// Compares what there is with the model.
pub(crate) fn check(kernel: &Kernel, model: &Model) {
    kernel.check(model, |_| std::process::id().cast_signed());
}

/// C's call in place of the crate's; not where the crate refuses what C would take for something else.
fn by_hand<'c>(kernel: &Kernel, call: &'c Call) -> Option<Box<dyn FnOnce() -> Result<(), Errno> + 'c>> {
    let Call::On { place, step } = call else { return None };
    let id = kernel.handles.at(*place).id();
    match step {
        Step::Apply { .. } if step.operations().iter().all(|operation| operation.change.refused().is_none()) => {
            Some(Box::new(move || operate(id, &step.operations())))
        }
        Step::SetValue { index, value } => Some(Box::new(move || set_value(id, *index, *value))),
        Step::Apply { .. } | Step::SetValues { .. } => None,
    }
}

/// The same, but for the kind, which the crate finds out.
fn check_raw(answer: Result<(), Errno>, expected: &Outcome<()>, call: &Call) {
    let Outcome::Done(expected) = expected else { unreachable!("an operation answers") };
    let expected = expected.map_err(|fault: Fault| fault.errno.expect("the kernel's"));
    assert_eq!(answer, expected, "C's call, and what was expected, for {call:?}");
}

#[expect(unsafe_code, reason = "C's call is what the crate is compared with")]
fn operate(id: c_int, operations: &[Operation]) -> Result<(), Errno> {
    let raw = |operation: &Operation| libc::sembuf {
        sem_num: operation.index,
        sem_op: match operation.change {
            Change::Add(units) => units.cast_signed(),
            Change::Subtract(units) => -units.cast_signed(),
            Change::WaitZero => 0,
        },
        sem_flg: (libc::IPC_NOWAIT | if operation.undo { libc::SEM_UNDO } else { 0 }) as i16,
    };
    let mut operations: Vec<_> = operations.iter().map(raw).collect();
    // SAFETY: the kernel reads so many operations, which the vector has.
    let done = unsafe { libc::semop(id, operations.as_mut_ptr(), operations.len()) };
    if done == 0 { Ok(()) } else { Err(last()) }
}

#[expect(unsafe_code, reason = "C's call is what the crate is compared with")]
fn set_value(id: c_int, index: u16, value: u16) -> Result<(), Errno> {
    // SAFETY: with SETVAL, the fourth argument is a number.
    let done = unsafe { libc::semctl(id, c_int::from(index), libc::SETVAL, c_int::from(value)) };
    if done == 0 { Ok(()) } else { Err(last()) }
}
