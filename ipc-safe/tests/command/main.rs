//! Programs that are talked to, through the public interface, against the running kernel and real programs.
//!
//! Each test runs in a process of its own: it leaves no child, no descriptor and no action of a signal behind.
#![allow(clippy::multiple_unsafe_ops_per_block, reason = "raw calls of tests, proved together")]

#[path = "../signal/alone.rs"]
mod alone;
#[path = "../signal/filter.rs"]
#[allow(dead_code, reason = "each test program uses a part of it")]
mod filter;
#[path = "../signal/tools.rs"]
#[allow(dead_code, reason = "each test program uses a part of it")]
mod signals;
#[path = "../support/mod.rs"]
mod support;
mod tools;

mod any;
mod coprocess;
mod deadlines;
mod events;
mod faults;
mod pipeline;
mod popen;
mod status;
mod volume;
