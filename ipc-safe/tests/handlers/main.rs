//! Signal handlers through the public interface, against the running kernel.
//!
//! A disposition belongs to the process, and tests run as threads of one: so each of them runs in a process of its own,
//! which is this program executed again with the name of the test ([`alone`](tools::alone)).
#![allow(clippy::multiple_unsafe_ops_per_block, reason = "raw calls of tests, proved together")]

#[path = "../support/mod.rs"]
mod support;
mod tools;

mod actions;

mod alternate_stack;
mod broken_pipe;
mod chain;
mod disposition;
mod flags;
mod foreign;
mod fork;
mod in_flight;
mod interrupted;
mod model;
mod thread;
