//! The `ipc` command as its users see it: the program that was built, run with words, its output, errors and exit status.
//!
//! What makes objects does so in an IPC namespace of its own, where ids begin at 0 and nobody else's objects are.
#![allow(clippy::multiple_unsafe_ops_per_block, reason = "raw calls of the support module, proved together")]

mod bench;
mod command;
mod guide;
mod limits;
mod list;
mod make;
mod peek;
#[path = "../../ipc-safe/tests/examples/program.rs"]
mod program;
mod receive;
mod refused;
mod remove;
mod run;
mod send;
mod show;
mod signals;
#[path = "../../ipc-safe/tests/support/mod.rs"]
mod support;
mod terminal;
mod tour;
mod trace;
mod usage;
mod util_linux;
