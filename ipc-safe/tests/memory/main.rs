//! Mappings, memfds and POSIX shared memory objects through the public interface, against the running kernel.
//!
//! Every test runs in a forked child of its own: what one maps, opens or locks, no other test and no child of one has too, and
//! descriptors and mappings can be counted. See [`tools::isolated`].
#![allow(clippy::multiple_unsafe_ops_per_block, reason = "raw calls of tests, proved together")]

#[allow(dead_code, reason = "the machines use more of it")]
#[path = "../machines/child.rs"]
mod child;
#[path = "../support/mod.rs"]
mod support;
mod tools;

mod advice;
mod anonymous;
mod attacks;
mod file;
mod fork;
mod full;
mod huge;
mod kernel;
mod leaks;
mod lock;
mod memfd;
mod options;
mod posix;
mod process;
mod protection;
mod resize;
mod segment;
mod truncation;
