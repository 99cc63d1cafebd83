//! Semaphore sets and guards where a system call fails that could have been made.

use crate::fault::{self, Fallible, Injection, keeping_errno};
use crate::sem_ops;
use crate::steps::steps;
use arbitrary::Unstructured;
use ipc_safe::error::Errno;
use ipc_safe::testing::model::program::sets::{Call, Kernel, Model};
use libc::{EACCES, EAGAIN, EEXIST, EIDRM, EINTR, EINVAL, ENOENT, ENOMEM, ENOSPC, ENOSYS, EPERM, ERANGE};

const FALLIBLE: &[Fallible] = &[
    Fallible::of("semget", &[ENOSPC, ENOMEM, EACCES, ENOSYS]),
    // Nobody is there before with a private key.
    Fallible { name: "semget", errnos: &[EEXIST, ENOENT], is_meant: |call| call.integer(0) != 0 },
    Fallible::of("semop", &[EINTR, EAGAIN, EIDRM, EINVAL, ENOMEM, ENOSPC, ERANGE, EACCES]),
    Fallible::of("semctl", &[EACCES, EPERM, EINVAL, EIDRM, ENOMEM]),
    // The room for all values: pages without access, of which the first becomes accessible.
    Fallible { name: "mmap", errnos: &[ENOMEM], is_meant: |call| call.argument(2) == 0 && call.argument(1) <= 8192 },
];

/// Runs one input.
pub fn run(data: &[u8]) {
    fault::run(data, FALLIBLE, sem_ops::enter(), program);
}

fn program(mut model: Model, injection: &Injection, u: &mut Unstructured<'_>) {
    let mut kernel = Kernel::default();
    for call in steps::<Call>(u) {
        if !model.is_possible(&call) {
            continue;
        }
        let mut after = model.clone();
        let expected = after.perform(&call);
        let (outcome, fired) = injection.during(|| match call {
            Call::Release { dropped: true, .. } => keeping_errno(|| kernel.perform(&call, &expected)),
            _ => kernel.perform(&call, &expected),
        });
        match call {
            // The guard is gone, whether it could give back or not.
            Call::Release { guard, dropped } if fired && injection.errno != Errno::INTR => {
                assert!(dropped || injection.explains(outcome.fault(), expected.fault()), "{outcome:?} for {call:?}");
                model.forget(guard);
            }
            _ if fired && injection.explains(outcome.fault(), expected.fault()) => {} // and nothing has changed, which the end shows
            _ => {
                assert_eq!(outcome, expected, "the kernel, and what was expected, for {call:?}");
                model = after;
            }
        }
    }
    injection.end();
    sem_ops::check(&kernel, &model);
    kernel.clear();
}
