//! Message queues where a system call fails that could have been made.

use crate::fault::{self, Fallible, Injection};
use crate::msg_ops;
use crate::steps::steps;
use arbitrary::Unstructured;
use ipc_safe::testing::model::program::queues::{Call, Kernel, Model};
use libc::{E2BIG, EACCES, EAGAIN, EIDRM, EINTR, EINVAL, ENOMEM, ENOSPC, ENOSYS, EPERM};

const FALLIBLE: &[Fallible] = &[
    Fallible::of("msgget", &[ENOSPC, ENOMEM, EACCES, ENOSYS]),
    Fallible::of("msgsnd", &[EINTR, EAGAIN, ENOMEM, EACCES, EIDRM, EINVAL]),
    Fallible::of("msgrcv", &[EINTR, EACCES, EIDRM, EINVAL, ENOSYS, E2BIG]),
    Fallible::of("msgctl", &[EACCES, EPERM, EINVAL, EIDRM, ENOMEM]),
];

/// Runs one input.
pub fn run(data: &[u8]) {
    fault::run(data, FALLIBLE, msg_ops::enter(), program);
}

fn program(mut model: Model, injection: &Injection, u: &mut Unstructured<'_>) {
    let mut kernel = Kernel::default();
    for call in steps::<Call>(u) {
        if !model.is_possible(&call) {
            continue;
        }
        let mut after = model.clone();
        let expected = after.perform(&call);
        let (outcome, fired) = injection.during(|| kernel.perform(&call, &expected));
        if fired && injection.explains(outcome.fault(), expected.fault()) {
            continue; // and nothing has changed, which the end shows
        }
        assert_eq!(outcome, expected, "the kernel, and what was expected, for {call:?}");
        model = after;
    }
    injection.end();
    kernel.check(&model);
    kernel.clear();
}
