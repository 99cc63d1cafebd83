//! The guide says what is so.

use crate::support::in_namespace;
use std::collections::BTreeSet;

const MECHANISMS: &str = include_str!("../../docs/guide/mechanisms.md");

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
