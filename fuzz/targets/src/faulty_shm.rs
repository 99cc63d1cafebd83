//! Segments and attachments where a system call fails that could have been made.

use crate::fault::{self, Fallible, Injection, keeping_errno};
use crate::msg_ops::last;
use crate::shm_ops;
use crate::steps::steps;
use arbitrary::Unstructured;
use ipc_safe::testing::model::program::segments::{Call, Kernel, Model};
use libc::{EACCES, EIDRM, EINVAL, EMFILE, ENFILE, ENOMEM, ENOSPC, ENOSYS, EPERM};

const FALLIBLE: &[Fallible] = &[
    Fallible::of("shmget", &[ENOSPC, ENOMEM, EINVAL, EACCES, ENFILE, ENOSYS]),
    Fallible::of("shmat", &[ENOMEM, EACCES, EIDRM, EINVAL, EMFILE]),
    Fallible::of("shmctl", &[EACCES, EPERM, EINVAL, EIDRM, ENOMEM]),
    Fallible::of("shmdt", &[EINVAL]),
];

/// Runs one input.
pub fn run(data: &[u8]) {
    fault::run(data, FALLIBLE, shm_ops::enter(), program);
}

fn program(mut model: Model, injection: &Injection, u: &mut Unstructured<'_>) {
    let mut kernel = Kernel::default();
    for call in steps::<Call>(u) {
        if !model.is_possible(&call) {
            continue;
        }
        let mut after = model.clone();
        let expected = after.perform(&call);
        let address = match call {
            Call::Detach { attachment, .. } => kernel.attached[attachment].address(),
            _ => 0,
        };
        let (outcome, fired) = injection.during(|| match call {
            Call::Detach { dropped: true, .. } => keeping_errno(|| kernel.perform(&call, &expected)),
            _ => kernel.perform(&call, &expected),
        });
        if let (Call::Detach { dropped, .. }, true) = (&call, fired) {
            // The value is gone, and what it stood for is not.
            assert!(*dropped || injection.explains(outcome.fault(), expected.fault()), "{outcome:?} for {call:?}");
            detach(address);
        } else if fired && injection.explains(outcome.fault(), expected.fault()) {
            continue; // and nothing has changed, which the end shows
        } else {
            assert_eq!(outcome, expected, "the kernel, and what was expected, for {call:?}");
        }
        model = after;
    }
    injection.end();
    kernel.check(&model);
    kernel.clear();
}

/// Detaches what could not be detached.
#[expect(unsafe_code, reason = "no value stands for it any more")]
fn detach(address: usize) {
    // SAFETY: the attachment that was there is gone, and nothing refers to its memory.
    let done = unsafe { libc::shmdt(std::ptr::without_provenance(address)) };
    assert_eq!(done, 0, "not attached any more, though shmdt failed: {}", last());
}
