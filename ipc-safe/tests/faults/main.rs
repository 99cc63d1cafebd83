//! Faults and kills: each system call of each operation is made to fail, and a process is killed at each of its calls.
//!
//! | what | where |
//! |---|---|
//! | scenarios, an area a file: uses of the crate that a fault may end at any call | `sysv`, `memory`, `signals`, `pipes`, `sockets`, `shared`, `tools` |
//! | runs them with each fault, and looks at what comes of it | `driver` |
//! | which call fails with which number, and what kind of error that may be | `table` |
//! | the rows of the matrix of faults, and who covers them | `matrix` |
//! | faults with a test of their own | `named` |
//! | the examples as programs, and their sweep | `stage`, `examples` |
//! | scenes of two processes of which one is killed | `kills`, `tracer` |
//!
//! In the environment: `IPC_SAFE_SWEEP=all` for every occurrence of every call, and not only the first, second and last;
//! `IPC_SAFE_SWEEP_ONLY=pipes::fifo` for the scenarios, examples and scenes with that in their names.
#![allow(clippy::multiple_unsafe_ops_per_block, reason = "test code: the few blocks are explained as a whole")]

mod driver;
mod examples;
mod kills;
mod matrix;
mod memory;
mod named;
mod pipes;
#[path = "../examples/program.rs"]
mod program;
mod shared;
mod signals;
mod sockets;
mod stage;
#[path = "../support/mod.rs"]
mod support;
mod sysv;
mod table;
mod tools;
mod tracer;

use driver::{Scenario, Tally, sweep};
use ipc_safe::testing::{Forked, fork, in_ipc_namespace, in_process, isolated};
use std::path::Path;

type Parts = (Vec<u64>, Vec<String>);

const AREAS: &[(&str, &[Scenario])] = &[
    ("sysv", sysv::SCENARIOS),
    ("memory", memory::SCENARIOS),
    ("signals", signals::SCENARIOS),
    ("pipes", pipes::SCENARIOS),
    ("sockets", sockets::SCENARIOS),
    ("shared", shared::SCENARIOS),
    ("tools", tools::SCENARIOS),
];

/// Each scenario, each call that it makes, each number that the call can fail with: it works all the same or is a documented error,
/// nobody panics, nothing hangs, nothing is left, and the next one works.
#[test]
fn every_call_of_every_operation_fails() {
    in_process(|| {
        println!(
            "{}",
            isolated(|| {
                let tally = areas();
                tally.report("faults");
                let is_whole = std::env::var_os("IPC_SAFE_SWEEP_ONLY").is_none() && !cfg!(ipc_safe_asan);
                if is_whole {
                    matrix::check(&tally);
                }
            })
        );
    });
}

/// Each call of each example: it ends by itself and in order, and leaves nothing.
#[test]
fn every_call_of_every_example_fails() {
    build_examples();
    in_process(|| {
        println!(
            "{}",
            isolated(|| {
                // They wait more than they work.
                let shares = [0, 1, 2, 3, 4, 5].map(|share| {
                    // SAFETY: as in `start`.
                    let child = unsafe {
                        fork(move || {
                            let folder = folder();
                            let sweep = || examples::sweep(folder.path(), |index| index % 6 == share).to_parts();
                            in_ipc_namespace(sweep).expect("a namespace")
                        })
                    };
                    child.expect("a child")
                });
                let mut tally = Tally::default();
                for share in shares {
                    match share.wait() {
                        Ok(parts) => tally.add(Tally::from_parts(parts)),
                        Err(failure) => tally.failures.push(failure.to_string()),
                    }
                }
                tally.report("faults_examples");
            })
        );
    });
}

/// Of two processes one is killed at each of its system calls, and the other recovers.
#[test]
fn the_others_go_on_wherever_one_is_killed() {
    in_process(|| println!("{}", isolated(|| killing("kills", kills::sweep))));
}

/// The same with the examples that are several processes.
#[test]
fn the_other_examples_end_wherever_one_is_killed() {
    build_examples();
    in_process(|| println!("{}", isolated(|| killing("kills_examples", examples::kills))));
}

/// Before anything is forked or isolated.
fn build_examples() {
    for name in stage::EXAMPLES {
        program::example(name);
    }
}

/// A kill sweep's share: how many points, and what was wrong.
type Killing = fn(&Path, &dyn Fn(usize) -> bool) -> (u64, Vec<String>);

fn killing(name: &str, sweep: Killing) {
    let shares = [0, 1, 2, 3].map(|share| {
        // SAFETY: as in `start`.
        let child = unsafe {
            fork(move || {
                let folder = folder();
                in_ipc_namespace(|| sweep(folder.path(), &|index| index % 4 == share)).expect("a namespace")
            })
        };
        child.expect("a child")
    });
    let (mut tried, mut failures) = (0, Vec::new());
    for share in shares {
        let (points, failed) = share.wait().unwrap_or_else(|failure| (0, vec![failure.to_string()]));
        tried += points;
        failures.extend(failed);
    }
    let survived = tried.saturating_sub(failures.len() as u64);
    support::figures(name, [("tried", tried), ("survived", survived)]);
    println!("{tried} points, {survived} survived");
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

/// A folder for the files of a sweep: in memory where that is to be had, because there will be thousands.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder")
}

/// Each area in a process of its own, two at a time.
fn areas() -> Tally {
    let mut waiting = AREAS.iter();
    let mut running: Vec<(&str, Forked<Parts>)> = Vec::new();
    let mut tally = Tally::default();
    loop {
        while running.len() < 2
            && let Some((area, scenarios)) = waiting.next()
        {
            running.push((area, start(area, scenarios)));
        }
        if running.is_empty() {
            return tally;
        }
        let (area, child) = running.remove(0);
        match child.wait() {
            Ok(parts) => tally.add(Tally::from_parts(parts)),
            Err(failure) => tally.failures.push(format!("{area}: {failure}")),
        }
    }
}

fn start(area: &'static str, scenarios: &'static [Scenario]) -> Forked<Parts> {
    // SAFETY: this process runs nothing but this test; its other threads wait.
    let child = unsafe {
        fork(|| {
            let folder = folder();
            in_ipc_namespace(|| sweep(area, scenarios, folder.path()).to_parts()).expect("a namespace")
        })
    };
    child.expect("a child")
}
