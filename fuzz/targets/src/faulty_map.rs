//! Mappings of a file where a system call fails that could have been made.

use crate::fault::{Fallible, Injection, Plan, keeping_errno};
use crate::leaks::Mapped;
use crate::map_ops;
use crate::steps::steps;
use arbitrary::Unstructured;
use ipc_safe::testing::Call;
use ipc_safe::testing::model::mapping::{Files, Step};
use ipc_safe::testing::model::program::mappings::Kernel;
use libc::{EACCES, EAGAIN, EBUSY, EINTR, EINVAL, EIO, EMFILE, ENFILE, ENODEV, ENOMEM, ENOSYS, EPERM};
use rustix::param::page_size;

/// Calls for memory are made by allocators, too, which take a failure for the end of the process: these are not meant.
const FALLIBLE: &[Fallible] = &[
    Fallible { name: "mmap", errnos: &[ENOMEM, EACCES, EPERM, ENODEV, ENFILE, EAGAIN], is_meant: is_of_file },
    Fallible { name: "munmap", errnos: &[ENOMEM, EINVAL], is_meant: is_small },
    Fallible { name: "mremap", errnos: &[ENOMEM, EAGAIN], is_meant: is_small },
    Fallible { name: "mprotect", errnos: &[ENOMEM, EACCES], is_meant: takes_rights },
    // std looks by it whether what it closes is open, in programs with debug assertions.
    Fallible { name: "fcntl", errnos: &[EMFILE, ENFILE], is_meant: |call| call.integer(1) == libc::F_DUPFD_CLOEXEC },
    Fallible::of("fstat", &[EIO, ENOMEM]),
    Fallible::of("msync", &[EIO, EBUSY, ENOMEM]),
    Fallible { name: "pread64", errnos: &[EINTR, EIO], is_meant: |_| true },
    Fallible::of("process_vm_readv", &[EPERM, ENOSYS, ENOMEM, EINTR]),
    Fallible::of("process_vm_writev", &[EPERM, ENOSYS, ENOMEM, EINTR]),
];

fn is_of_file(call: &Call) -> bool {
    call.integer(4) >= 0
}

fn is_small(call: &Call) -> bool {
    call.argument(1) <= 1 << 16
}

fn takes_rights(call: &Call) -> bool {
    call.integer(2) != libc::PROT_READ | libc::PROT_WRITE
}

/// Runs one input.
pub fn run(data: &[u8]) {
    let mut mapped = Mapped::begin();
    let mut u = Unstructured::new(data);
    let Ok(plan) = Plan::of(&mut u, FALLIBLE) else { return };
    plan.run(|injection| program(injection, &mut u, &mut mapped));
    mapped.check(map_ops::NAME);
}

fn program(injection: &Injection, u: &mut Unstructured<'_>, mapped: &mut Mapped) {
    let mut model = Files::new(page_size());
    let mut kernel = Kernel::new(map_ops::file());
    for step in steps::<Step>(u) {
        if !map_ops::is_possible(&model, &step) {
            continue;
        }
        let mut after = model.clone();
        let expected = after.perform(&step);
        let unmapped = match step {
            Step::Unmap { mapping } => Some((kernel.mappings[mapping].address(), kernel.mappings[mapping].len())),
            _ => None,
        };
        let (mut answer, fired) = injection.during(|| match step {
            Step::Unmap { .. } => keeping_errno(|| kernel.perform(&step)),
            _ => kernel.perform(&step),
        });
        mapped.note(map_ops::places(&kernel));
        let explained = fired && injection.explains(answer.as_ref().err().copied(), expected.as_ref().err().copied());
        match (&step, unmapped) {
            (_, Some((address, len))) if fired => unmap(address, len),
            // Whether the bytes were moved before the call failed is not told; made again, they are.
            (Step::Write { .. }, _) if explained => answer = kernel.perform(&step),
            _ if explained => continue, // and nothing has changed, which the end shows
            _ => {}
        }
        assert!(answer == expected, "the kernel {answer:?} and the model {expected:?} for {step:?}");
        model = after;
    }
    injection.end();
    kernel.check(&model);
}

/// Unmaps what could not be unmapped.
#[expect(unsafe_code, reason = "no value stands for it any more")]
fn unmap(address: usize, len: usize) {
    let start = address / page_size() * page_size();
    let len = (address + len).next_multiple_of(page_size()) - start;
    // SAFETY: the mapping that was there is gone, and nothing refers to its memory.
    let done = unsafe { rustix::mm::munmap(std::ptr::without_provenance_mut(start), len) };
    done.expect("it is still there");
}
