//! What the safe calls cost over the calls of the C library, measured in one run.
//!
//! `cargo bench -p ipc-safe --bench cost` prints the tables, `scripts/bench` what they were measured on too; `docs/performance.md`
//! has a run of it. Ends with status 1 when a bar is missed or a call allocates.
//!
//! Each row has three sides that take turns: libc, this crate, and libc again as the control. What the control differs by is
//! noise. See `measure.rs`.
#![allow(clippy::multiple_unsafe_ops_per_block, reason = "the libc side is written as a C program would be")]

mod allocations;
mod buffer;
mod mappings;
mod measure;
mod messages;
mod peers;
mod pipes;
mod segments;
mod semaphores;
mod signals;
mod sockets;
mod sync;
mod timed;
mod values;

use measure::{Bar, Case};
use std::process::ExitCode;
use std::time::Duration;

/// For how long each case is measured.
const TIME_A_CASE: Duration = Duration::from_millis(1500);

fn main() -> ExitCode {
    // `cargo test --benches` runs this without `--bench`: then one short round shows that it works.
    let full = std::env::args().any(|argument| argument == "--bench");
    let time = if full { TIME_A_CASE } else { Duration::from_millis(10) };

    let calls = messages::cases().into_iter().chain(semaphores::cases()).chain(segments::cases());
    let calls = calls.chain(mappings::cases()).chain(signals::cases()).chain(pipes::cases());
    let calls = calls.chain(sockets::cases());
    let calls = measure::run(calls.collect(), time);
    let locks = measure::run(sync::cases(), time);
    let peers = peers::run(time);
    let values = measure::run(values::cases(), time / 2);
    let mapped = measure::run(mappings::copies(), time / 2);
    let files = measure::run(mappings::file_copies(), time / 2);

    measure::print("Calls", &calls);
    measure::print("Locks that nobody else holds, against the C library's", &locks);
    measure::print("Between two processes on one processor", &peers);
    measure::print("Single values in shared memory, against an instruction", &values);
    measure::print("Copies to and from mapped shared memory, against `memcpy` on private memory", &mapped);
    measure::print("Copies to and from mapped files, against the calls that do not fault", &files);
    timed::print(if full { 200 } else { 5 });

    let cases = calls.iter().chain(&locks).chain(&peers).chain(&values).chain(&mapped).chain(&files);
    let missed: Vec<&Case> = cases.filter(|case| !case.passes()).collect();
    for case in &missed {
        eprintln!("missed: {}", case.describe());
    }
    if full && !missed.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
