//! Children and fork generations through the public interface, against the running kernel.
//!
//! What waits for any child, or changes dispositions or limits, runs in a forked process of its own.
#![allow(clippy::multiple_unsafe_ops_per_block, reason = "raw calls of tests, proved together")]

#[path = "../support/mod.rs"]
mod support;

mod children;
mod reaper;
mod tools;
