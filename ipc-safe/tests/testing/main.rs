//! The tools for tests: each detector finds what it is for, each fault fires, each way of being alone is alone.
#![allow(clippy::multiple_unsafe_ops_per_block, reason = "test code: the few blocks are explained as a whole")]

mod faults;
mod forks;
mod intercept;
mod internals;
mod isolation;
mod leaks;
mod models;
mod watchdog;

use ipc_safe::testing::{in_process, isolated};
use std::time::{Duration, Instant};

/// Waits until `condition` holds; fails the test when it does not in time.
fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// Runs `body` in a process and an IPC namespace of its own: nobody else makes anything that a snapshot of everything shows.
fn alone(body: impl FnOnce() + Send) {
    in_process(|| println!("{}", isolated(body)));
}
