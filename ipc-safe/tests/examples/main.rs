//! Runs the examples and looks at what they print and leave.
#![allow(clippy::multiple_unsafe_ops_per_block, reason = "raw calls of the support module, proved together")]

mod blackboard;
mod channels;
mod children;
mod fifos;
mod fuzzers;
mod locks;
mod mappings;
mod messages;
mod pipes;
mod program;
mod records;
mod semaphores;
mod signals;
mod sockets;
#[path = "../support/mod.rs"]
mod support;
mod timers;
