//! A file, and mappings of it, shared and private, whole and in parts, beyond its end. What is behind the file's last byte in its
//! last page is watched through another mapping: it is memory that a wrong write reaches without a fault.

use crate::leaks::Mapped;
use crate::steps::steps;
use arbitrary::Unstructured;
use ipc_safe::testing::model::mapping::{Files, Step};
use ipc_safe::testing::model::program::mappings::{Kernel, MAPPINGS};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use rustix::param::page_size;
use std::fs::File;
use std::os::fd::AsFd;

/// What the kernel calls the file.
pub(crate) const NAME: &str = "ipc-targets";

/// An empty file in memory.
pub(crate) fn file() -> File {
    memfd_create(NAME, MemfdFlags::CLOEXEC).expect("a file in memory").into()
}

/// Runs one input.
pub fn run(data: &[u8]) {
    let mut mapped = Mapped::begin();
    let mut model = Files::new(page_size());
    let mut kernel = Kernel::new(file());
    let tail = Tail::of(&kernel.file);
    for step in steps::<Step>(&mut Unstructured::new(data)) {
        if !is_possible(&model, &step) {
            continue;
        }
        let expected = model.perform(&step);
        let answer = kernel.perform(&step);
        assert!(answer == expected, "the kernel {answer:?} and the model {expected:?} for {step:?}");
        mapped.note(places(&kernel));
        if let Step::Write { .. } = step {
            tail.check(model.bytes.len());
        }
    }
    tail.check(model.bytes.len());
    kernel.check(&model);
    drop((kernel, tail));
    mapped.check(NAME);
}

/// Where the mappings are.
pub(crate) fn places(kernel: &Kernel) -> impl Iterator<Item = (usize, usize)> {
    kernel.mappings.iter().map(|held| (held.address(), held.len()))
}

/// Whether the program can make the step: there is such a mapping, or a place for one.
pub(crate) fn is_possible(model: &Files, step: &Step) -> bool {
    let makes_one = matches!(step, Step::Map { .. } | Step::Split { .. });
    model.is_possible(step) && !(makes_one && model.mappings.len() == MAPPINGS)
}

/// More than a file of these programs ever has.
const MOST: usize = 1 << 16;

/// A mapping by C's call, to look behind the end of the file.
struct Tail {
    start: *mut u8,
}

impl Tail {
    #[expect(unsafe_code, reason = "the crate shows nothing of what is behind")]
    fn of(file: impl AsFd) -> Self {
        // SAFETY: a new mapping at an address of the kernel's choice.
        let start = unsafe { mmap(std::ptr::null_mut(), MOST, ProtFlags::READ, MapFlags::SHARED, file, 0) };
        Self { start: start.expect("a mapping").cast() }
    }

    /// What nobody wrote is zero.
    #[expect(unsafe_code, reason = "the crate shows nothing of what is behind")]
    fn check(&self, size: usize) {
        for at in size..size.next_multiple_of(page_size()) {
            // SAFETY: inside the last page that the file has.
            let byte = unsafe { self.start.wrapping_add(at).read_volatile() };
            assert_eq!(byte, 0, "somebody wrote {} bytes behind a file of {size} bytes", at - size);
        }
    }
}

impl Drop for Tail {
    #[expect(unsafe_code, reason = "the other half of `mmap`")]
    fn drop(&mut self) {
        // SAFETY: mapped by `of`, and nothing refers to it any more.
        let _ = unsafe { munmap(self.start.cast(), MOST) };
    }
}
