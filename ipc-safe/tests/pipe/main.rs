//! Pipes and FIFOs through the public interface, against the running kernel.
//!
//! Each test runs in a process of its own: a stream ends when the last writer is gone, and the processes that other tests fork at
//! the same time would have copies of the ends.
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

mod broken;
mod capacity;
mod ends;
mod faults;
mod fifo;
mod fifo_open;
mod fifo_owned;
mod interrupted;
mod packets;
mod reactors;
mod replaced;
mod standard;
mod transfer;
mod unwaiting;
mod volume;
mod whole;
