//! Alarms, interval timers and POSIX timers through the public interface, against the running kernel.
//!
//! A process has one timer of a kind and its signals reach any thread: each test has a process of its own.
#![allow(clippy::multiple_unsafe_ops_per_block, reason = "raw calls of tests, proved together")]

#[path = "../support/mod.rs"]
mod support;
mod tools;

mod alarm;
mod conflict;
mod execute;
mod faults;
mod fork;
mod interval;
mod limit;
mod model;
mod nested;
mod posix;
mod target;
