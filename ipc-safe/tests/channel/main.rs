//! The area `channel`: messages and values through shared memory, between threads, forked children and unrelated processes.
//!
//! `PROPTEST_CASES` and `PROPTEST_RNG_SEED` change how many random inputs there are, and which; `IPC_SAFE_KILLS` how many
//! processes are killed.
#![allow(clippy::multiple_unsafe_ops_per_block, reason = "test code: the few blocks are explained as a whole")]

mod bells;
mod borders;
mod ends;
mod forms;
mod kills;
mod model;
mod nonsense;
mod shared;
#[path = "../support/mod.rs"]
mod support;
mod waits;
