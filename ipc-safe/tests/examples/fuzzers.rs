//! `afl_coverage`, with itself and with AFL++.

use crate::program::{Running, example};
use crate::support::{eventually, watchdog};
use ipc_safe::process::is_alive;
use ipc_safe::sysv::{Segment, SegmentStatus};
use rustix::process::{Pid, Signal, kill_process};
use std::path::Path;
use std::process::Command;

/// The segments that a process made.
fn made_by(pid: Pid) -> Vec<SegmentStatus> {
    Segment::list().unwrap().into_iter().filter(|segment| segment.creator == Some(pid)).collect()
}

/// Runs it with these words; what it printed, and that no segment of it is left. A program hangs after so many milliseconds.
fn fuzz(words: &[&str], patience: u32) -> Vec<String> {
    let mut command = Command::new(example("afl_coverage"));
    command.args(words).env("AFL_HANG_TMOUT", patience.to_string());
    let running = Running::start(command);
    let pid = running.pid();
    let output = running.succeed();
    assert!(made_by(pid).is_empty(), "{:?}", made_by(pid));
    output.lines().map(str::to_owned).collect()
}

/// Longer than a slow machine takes.
const ENDS: u32 = 60_000;

#[test]
fn edges_are_counted_and_new_ones_told() {
    let _watchdog = watchdog();
    assert_eq!(
        fuzz(&["--self", "hello", "world", "123", "a1", "helloooooooo", "hello!", ""], ENDS),
        [
            "\"hello\": 4 edges, 4 of them new; exit status 0",
            "\"world\": 4 edges, none new; exit status 0",
            "\"123\": 4 edges, 3 of them new; exit status 0",
            "\"a1\": 4 edges, 1 of them new; exit status 0",
            "\"helloooooooo\": 4 edges, 1 of them new; exit status 0",
            "\"hello!\": 3 edges, none new; killed by signal 6",
            "\"\": 2 edges, 1 of them new; exit status 0",
        ]
    );
}

#[test]
fn programs_that_hang_are_ended() {
    let _watchdog = watchdog();
    assert_eq!(fuzz(&["--self", "?"], 5_000), ["\"?\": 1 edges, 1 of them new; hung for 5s"]);
}

#[test]
fn programs_that_are_not_instrumented_or_not_there_are_told() {
    let _watchdog = watchdog();
    assert_eq!(fuzz(&["cat", "hello"], ENDS), ["\"hello\": 0 edges, none new; exit status 0"]);
    let errors = Running::example("afl_coverage", ["/nowhere/program", "hello"]).fail();
    assert_eq!(errors, "afl_coverage: /nowhere/program: No such file or directory (os error 2)\n");
    let errors = Running::example("afl_coverage", ["--target"]).fail();
    assert_eq!(errors, "afl_coverage: no __AFL_SHM_ID in the environment\n");
}

/// R-SHM-07, R-SHM-08
#[test]
fn nothing_is_left_when_it_is_killed() {
    let _watchdog = watchdog();
    let running = Running::example("afl_coverage", ["--self", "?"]);
    let pid = running.pid();
    // Both have it attached, and nobody else finds it by a key.
    eventually("the target attaches the map", || {
        made_by(pid).iter().any(|segment| segment.attachments == 2 && segment.removed)
    });
    let id = made_by(pid)[0].id;
    let target = Segment::from_id(id).unwrap().status().unwrap().last_user.expect("who attached it last");
    running.signal(Signal::KILL);
    drop(running.end());
    kill_process(target, Signal::KILL).unwrap();
    eventually("the segment is gone", || Segment::list().unwrap().iter().all(|segment| segment.id != id));
    eventually("the target is gone", || !is_alive(target));
}

const PROGRAM: &str = "
#include <stdio.h>
int main(void)
{
    int byte, letters = 0, digits = 0;
    while ((byte = getchar()) != EOF)
        if (byte >= 'a' && byte <= 'z')
            letters++;
        else if (byte >= '0' && byte <= '9')
            digits++;
    if (letters == 3 && digits == 2)
        puts(\"both\");
    return letters > digits;
}
";

/// Compiles the program for AFL++, where that is installed.
fn compiled(folder: &Path) -> Option<String> {
    let source = folder.join("program.c");
    std::fs::write(&source, PROGRAM).unwrap();
    let program = folder.join("program");
    let by = |compiler: &str| {
        let mut command = Command::new(compiler);
        let output = command.env("AFL_QUIET", "1").arg("-o").arg(&program).arg(&source).output();
        output.is_ok_and(|output| output.status.success())
    };
    if ["afl-clang-fast", "afl-gcc-fast", "afl-cc"].into_iter().any(by) {
        return Some(program.to_str().unwrap().to_owned());
    }
    println!("skipped: AFL++ is not installed, or has no compiler that works");
    None
}

#[test]
fn a_program_that_afl_instrumented_shows_its_edges() {
    let _watchdog = watchdog();
    let folder = tempfile::tempdir().unwrap();
    let Some(program) = compiled(folder.path()) else { return };
    let lines = fuzz(&[&program, "", "abc", "cab", "abc12", "ABC"], ENDS);
    let edges =
        |line: &str| -> usize { line.split_once("\": ").unwrap().1.split(' ').next().unwrap().parse().unwrap() };
    let is_new = |line: &str| line.contains(" of them new; ");
    assert!(lines.iter().all(|line| edges(line) >= 1 && edges(line) < 100), "{lines:?}");
    assert!(is_new(&lines[0]) && is_new(&lines[1]) && is_new(&lines[3]), "{lines:?}");
    assert!(lines[2].contains("none new"), "the same edges as often: {lines:?}");
    assert_eq!(edges(&lines[1]), edges(&lines[2]), "{lines:?}");
    assert!(lines[1].ends_with("; exit status 1") && lines[0].ends_with("; exit status 0"), "{lines:?}");
}
