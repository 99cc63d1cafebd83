//! The guide says what is so.

use crate::command::{IPC, ran};
use crate::run::has_namespaces;
use crate::support::{in_namespace, watchdog};
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

const MECHANISMS: &str = include_str!("../../docs/guide/mechanisms.md");
const FUZZING: &str = include_str!("../../docs/guide/fuzzing.md");
const TEMPLATE: &str = include_str!("../../ipc-safe/examples/fuzz_template.rs");

/// The rows of the first table whose heading begins like this.
fn rows(heading: &str) -> Vec<Vec<&'static str>> {
    let lines = MECHANISMS.lines().skip_while(|line| !line.starts_with(heading)).skip(2);
    lines
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect()
}

fn limits_of(mechanism: &str) -> &'static str {
    let row = rows("| mechanism | what goes through").into_iter().find(|row| row[0] == mechanism);
    row.unwrap_or_else(|| panic!("no row {mechanism}"))[5]
}

/// R-DOC-02
#[test]
fn each_mechanism_has_its_unit_direction_partners_lifetime_limits_and_cost() {
    let facts = rows("| mechanism | what goes through");
    assert!(facts.iter().all(|row| row.len() == 6 && row.iter().all(|cell| !cell.is_empty())), "{facts:?}");
    let costs = rows("| mechanism | 64 B, one core");
    assert!(costs.len() >= 10, "{costs:?}");
    for row in &costs {
        let numbers: Vec<f64> =
            row[1..].iter().filter(|cell| **cell != "-").map(|cell| cell.replace(' ', "").parse().unwrap()).collect();
        assert!(row.len() == 5 && !numbers.is_empty() && numbers.iter().all(|&number| number > 0.0), "{row:?}");
    }
    // Each mechanism of the tour is among those that the table describes.
    let described: BTreeSet<_> = facts.iter().map(|row| row[0]).collect();
    for mechanism in [
        "message queue",
        "semaphore set",
        "segment",
        "shared anonymous memory",
        "memfd",
        "mapped file",
        "POSIX shared memory object",
        "channel",
        "signal",
        "pipe",
        "packets in a pipe",
        "FIFO",
        "coprocess",
        "local stream",
        "local datagram",
        "local packets (`SOCK_SEQPACKET`)",
        "TCP",
        "UDP",
    ] {
        assert!(described.contains(mechanism), "{mechanism}");
    }
}

/// R-DOC-02
#[test]
fn the_limits_in_the_table_are_those_of_linux() {
    in_namespace(|| {
        let sysctl = |name: &str| std::fs::read_to_string(format!("/proc/sys/{name}")).unwrap();
        let says = |mechanism: &str, words: String| {
            let limits = limits_of(mechanism);
            assert!(limits.contains(&words), "{mechanism}: {words:?} is not in {limits:?}");
        };
        // A new namespace has the defaults.
        says("message queue", format!("{} bytes a message", sysctl("kernel/msgmax").trim()));
        says("message queue", format!("{} bytes a queue", sysctl("kernel/msgmnb").trim()));
        says("message queue", format!("{} queues", sysctl("kernel/msgmni").trim()));
        let semaphores = sysctl("kernel/sem");
        let [a_set, _, a_call, sets] = semaphores.split_whitespace().collect::<Vec<_>>()[..] else { panic!() };
        says("semaphore set", format!("{a_set} semaphores a set"));
        says("semaphore set", format!("{a_call} operations a call"));
        says("semaphore set", format!("{sets} sets"));
        says("segment", format!("{} segments", sysctl("kernel/shmmni").trim()));
        let (_, writer) = ipc_safe::pipe::pipe().unwrap();
        says("pipe", format!("{} bytes in it", writer.capacity().unwrap()));
        says("packets in a pipe", format!("{} bytes a packet", ipc_safe::pipe::PIPE_BUF));
    });
}

/// What stands between the fences of this language.
fn blocks(language: &str) -> Vec<&'static str> {
    let parts = FUZZING.split("\n```").collect::<Vec<_>>();
    let fenced = parts.iter().skip(1).step_by(2);
    fenced.filter_map(|part| part.strip_prefix(language)?.strip_prefix('\n')).collect()
}

/// The template is compiled, and its tests are run, as an example.
#[test]
fn the_code_of_the_guide_to_fuzzing_is_that_of_the_template() {
    let blocks = blocks("rust");
    assert!(blocks.len() >= 5, "{blocks:?}");
    for block in blocks {
        assert!(TEMPLATE.contains(block), "not in the template:\n{block}");
    }
}

#[test]
fn what_the_guide_to_fuzzing_points_to_is_there() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guide");
    let links: Vec<_> = FUZZING.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert!(links.len() >= 4, "{links:?}");
    for link in links {
        assert!(guide.join(link).exists(), "{link}");
    }
}

/// The guide's ways to run a campaign, with one that leaves a queue, and one that does not.
#[test]
fn the_commands_of_the_guide_to_fuzzing_find_what_a_campaign_leaves() {
    in_namespace(|| {
        let _watchdog = watchdog();
        let [compare, isolate, trace] = blocks("sh")[..] else { panic!("{:?}", blocks("sh")) };
        for (campaign, leaks) in [("ipc make segment --size 1 >/dev/null", true), ("true", false)] {
            let folder = tempfile::tempdir().unwrap();
            let program = folder.path().join("campaign");
            std::fs::write(&program, format!("#!/bin/sh\n{campaign}\n")).unwrap();
            std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
            let path = format!("{}:{}", Path::new(IPC).parent().unwrap().display(), std::env::var("PATH").unwrap());
            let run = |script: &str| {
                let mut command = Command::new("sh");
                command.args(["-c", script]).current_dir(folder.path()).env("PATH", &path);
                ran(command)
            };
            let compared = run(compare);
            assert_eq!(compared.status.code(), Some(i32::from(leaks)), "{compared:?}");
            assert_eq!(compared.text().contains("\nnew "), leaks, "{compared:?}");
            if has_namespaces() {
                let isolated = run(isolate);
                assert_eq!(isolated.status.code(), Some(if leaks { 123 } else { 0 }), "{isolated:?}");
                let traced = run(trace);
                assert_eq!(traced.status.code(), Some(0), "{traced:?}");
                assert_eq!(traced.errors.contains("shmget(IPC_PRIVATE, 1, "), leaks, "{traced:?}");
            }
        }
        crate::command::ipc("remove --orphans").succeed();
    });
}
