//! Calls that wait, in a storm of signals: every 200 us one from a timer and one from another process, with handlers that
//! have `SA_RESTART` and handlers that have not. What is sent comes once, units are conserved, times are kept.
//!
//! Dispositions and timers belong to the process: each storm is over a forked child, which has one thread.
#![allow(clippy::multiple_unsafe_ops_per_block, reason = "raw calls of tests, proved together")]

#[path = "../support/mod.rs"]
mod support;
mod weather;

mod memory;
mod queue;
mod set;
mod signal;
