//! The area `sync`: threads, forked children and unrelated processes on records in shared memory, deadlines, signals, and
//! records that hold garbage.
#![allow(clippy::multiple_unsafe_ops_per_block, reason = "test code: the few blocks are explained as a whole")]

mod barrier;
mod condvar;
mod event;
mod mutex;
mod once;
mod robust;
mod rwlock;
mod semaphore;
mod sequence_lock;
#[path = "../support/mod.rs"]
mod support;
mod tools;
