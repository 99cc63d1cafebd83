//! Signals through the public interface, against the running kernel. Each test runs in a process of its own.
#![allow(clippy::multiple_unsafe_ops_per_block, reason = "raw calls of tests, proved together")]

mod alone;
mod filter;
mod namespace;
#[path = "../support/mod.rs"]
mod support;
mod tools;

mod command;
mod descriptor;
mod faults;
mod flow;
mod information;
mod mask;
mod number;
mod pending;
mod scope;
mod send;
mod set;
mod wait;
