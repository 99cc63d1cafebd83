//! Protection keys through the public interface, against the running kernel.
//!
//! They need a processor that has them. Where there is none, the error for that is tested, and each test says that the rest
//! of it was skipped. `qemu-system-x86_64 -cpu max` has them.
#![allow(clippy::multiple_unsafe_ops_per_block, reason = "raw calls of tests, proved together")]

mod access;
#[cfg(target_arch = "x86_64")]
mod execute;
mod key;
mod memory;
#[path = "../support/mod.rs"]
mod support;
mod tools;
