//! System V queues, semaphore sets and segments through the public interface, against the running kernel.
#![allow(clippy::multiple_unsafe_ops_per_block, reason = "raw calls of tests, proved together")]

mod intercept;
#[path = "../support/mod.rs"]
mod support;
mod tools;

mod attachment;
mod attacks;
mod errors;
mod fork;
mod guard;
mod initial;
mod key;
mod limits;
mod listing;
mod owned;
mod queue;
mod queue_waits;
mod segment;
mod semaphore;
mod set;
mod values;
