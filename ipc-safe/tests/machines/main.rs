//! State machines: random programs of System V calls, of mappings, of signals and of pipes, made on the kernel and on a model of
//! it, with the same answers and the same state after every step.
//!
//! Each machine runs in an IPC namespace or a process of its own. `PROPTEST_CASES` sets how many programs,
//! `PROPTEST_RNG_SEED` which ones; without it they are the same in every run. A failure prints the shortest program that
//! shows it.
#![allow(clippy::multiple_unsafe_ops_per_block, reason = "test code: the few blocks are explained as a whole")]

use ipc_safe::testing::model;

#[path = "../signal/alone.rs"]
mod alone;
mod child;
mod guard;
mod initialise;
mod mapping;
mod mask;
mod pending;
mod pipe;
mod queue;
mod registry;
mod run;
mod segment;
mod set;
#[path = "../support/mod.rs"]
mod support;
