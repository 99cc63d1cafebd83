//! The crate and C programs use the same objects: for queues, semaphore sets, segments, mapped files, shared memory
//! objects, FIFOs, local sockets and the C library's own locks each side plays each part.
//!
//! The C side is in `tests/peers`, compiled by `build.rs`.
#![allow(clippy::multiple_unsafe_ops_per_block, reason = "raw calls of the support module, proved together")]

mod examples;
mod fifos;
mod keys;
mod locks;
mod mappings;
mod messages;
mod peer;
#[path = "../../ipc-safe/tests/examples/program.rs"]
mod program;
mod segments;
mod semaphores;
mod sockets;
#[path = "../../ipc-safe/tests/support/mod.rs"]
mod support;
