//! `ipc bench`

use crate::command::{children, ipc, runs, start};
use crate::support::{assert_nothing_left, eventually, in_namespace, watchdog};
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde_json::Value;
use std::collections::HashSet;

/// Those that move messages.
const MECHANISMS: [&str; 10] = [
    "pipe",
    "FIFO",
    "coprocess",
    "local stream",
    "local datagram",
    "local seqpacket",
    "System V queue",
    "semaphores + segment",
    "two-slot cell",
    "channel in shared memory",
];

/// Those of one short pass.
fn outcomes() -> Vec<Value> {
    let bench = ipc("bench --quick --json");
    assert!(bench.status.success(), "{bench:?}");
    let report: Value = serde_json::from_str(bench.text()).unwrap();
    report["outcomes"].as_array().unwrap().clone()
}

fn has_two_processors() -> bool {
    sched_getaffinity(None).unwrap().count() > 1
}

#[test]
fn every_mechanism_is_measured_and_nothing_is_left() {
    in_namespace(|| {
        let _watchdog = watchdog();
        let outcomes = outcomes();
        let places = 1 + usize::from(has_two_processors());
        for mechanism in MECHANISMS {
            for bytes in [64, 4096] {
                let of = |outcome: &&Value| outcome["mechanism"] == mechanism && outcome["bytes"] == bytes;
                let found = outcomes.iter().filter(of).count();
                let least = match mechanism {
                    "coprocess" => 1,
                    "two-slot cell" => places - 1,
                    _ => places,
                };
                assert!(found >= least, "{found} rows of {mechanism}, {bytes}");
            }
        }
        for outcome in &outcomes {
            let number = |name: &str| outcome["best"][name].as_f64().unwrap_or_else(|| panic!("no {name}: {outcome}"));
            assert!(number("p50") > 0.0 && number("p50") <= number("p99"), "{outcome}");
            assert!(outcome["fault"].is_null(), "{outcome}");
        }
        assert_nothing_left();
    });
}

#[test]
fn one_processor_is_enough_for_the_rows_of_one_core() {
    let _watchdog = watchdog();
    let before = sched_getaffinity(None).unwrap();
    let first = (0..CpuSet::MAX_CPU).find(|&number| before.is_set(number)).unwrap();
    let mut only = CpuSet::new();
    only.set(first);
    // Of this thread, and so of what it starts.
    sched_setaffinity(None, &only).unwrap();
    let places: HashSet<_> = outcomes().iter().map(|outcome| outcome["place"].to_string()).collect();
    sched_setaffinity(None, &before).unwrap();
    assert_eq!(places, HashSet::from(["\"one-core\"".to_owned()]));
}

#[test]
fn the_page_stands_alone_and_the_table_lines_up() {
    in_namespace(|| {
        let _watchdog = watchdog();
        let folder = tempfile::tempdir().unwrap();
        let page = folder.path().join("page.html");
        let bench = ipc(&format!("bench --quick --html {}", page.display()));
        assert!(bench.status.success(), "{bench:?}");
        // Not a terminal: plain lines.
        assert!(bench.errors.starts_with("measured 0 of ") && !bench.errors.contains('\x1b'), "{}", bench.errors);
        assert!(bench.text().starts_with("WHERE       MECHANISM "), "{}", bench.text());

        let html = std::fs::read_to_string(page).unwrap();
        assert!(html.starts_with("<!DOCTYPE html>") && html.ends_with("</html>\n"));
        assert!(html.matches("<svg ").count() >= 5 && html.matches("<tr>").count() > 20);
        for mechanism in MECHANISMS.iter().filter(|&&mechanism| mechanism != "two-slot cell" || has_two_processors()) {
            assert!(bench.text().contains(mechanism) && html.contains(mechanism), "{mechanism}");
        }
        // Nothing is loaded from elsewhere.
        let html = html.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
        assert!(["http", "src=", "href=", "<script", "url("].iter().all(|word| !html.contains(word)), "{html}");
    });
}

#[test]
fn a_page_that_cannot_be_written_fails_before_the_measuring() {
    let _watchdog = watchdog();
    ipc("bench --html /nonexistent/page.html").fail(1, &["writing /nonexistent/page.html", "No such file"]);
}

#[test]
fn signals_end_it_and_nothing_is_left() {
    in_namespace(|| {
        let _watchdog = watchdog();
        for (wanted, number) in [(Signal::INT, 2), (Signal::TERM, 15), (Signal::HUP, 1)] {
            let bench = start("bench");
            let pid = bench.pid().as_raw_pid();
            eventually("two processes measure", || children(pid).len() == 2);
            let workers = children(pid);
            bench.signal(wanted);
            let ended = bench.end();
            assert_eq!(ended.status.code(), Some(128 + number), "{ended:?}");
            assert!(ended.errors.ends_with("; nothing is left behind\n"), "{ended:?}");
            assert!(workers.iter().all(|&worker| !runs(worker)));
            assert_nothing_left();
            let prefix = format!("ipc-measure-{pid}-");
            let left = std::fs::read_dir(std::env::temp_dir()).unwrap().flatten();
            assert!(left.map(|entry| entry.file_name()).all(|name| !name.to_string_lossy().starts_with(&prefix)));
        }
    });
}

#[test]
fn a_killed_process_fails_its_row_and_the_others_go_on() {
    in_namespace(|| {
        let _watchdog = watchdog();
        // A turn is short: the process that is killed may have said all that it had to.
        let ended = loop {
            let bench = start("bench --quick");
            let pid = bench.pid().as_raw_pid();
            eventually("two processes measure", || children(pid).len() == 2);
            let worker = children(pid).first().and_then(|&worker| Pid::from_raw(worker));
            let killed = worker.is_some_and(|worker| kill_process(worker, Signal::KILL).is_ok());
            let ended = bench.end();
            if killed && !ended.status.success() {
                break ended;
            }
        };
        assert_eq!(ended.status.code(), Some(1), "{ended:?}");
        assert!(ended.errors.contains(": a process ended without a word\n"), "{ended:?}");
        assert!(ended.errors.contains("ipc: 1 of ") && ended.output.starts_with("WHERE "), "{ended:?}");
        assert_nothing_left();
    });
}

#[test]
fn a_killed_command_takes_its_processes_along() {
    let _watchdog = watchdog();
    let bench = start("bench");
    let pid = bench.pid().as_raw_pid();
    eventually("two processes measure", || children(pid).len() == 2);
    let workers = children(pid);
    bench.signal(Signal::KILL);
    drop(bench.end());
    eventually("both are gone", || workers.iter().all(|&worker| !runs(worker)));
}
