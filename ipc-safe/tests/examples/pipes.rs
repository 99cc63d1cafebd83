//! `pipe_parent_child`, `pipeline`, `coprocess_add`, `popen_read`, `popen_write`.

use crate::program::{Running, example};
use crate::support::watchdog;
use std::process::Command;

/// R-PIPE-10, R-PIPE-02, mistakes 3 and 5: both ends, in order, and the child is waited for.
#[test]
fn a_parent_and_its_child_talk_both_ways() {
    let _watchdog = watchdog();
    let expected = "parent: wrote \"hello world\"\n\
                    child: read 11 bytes to the end of the stream: \"hello world\"\n\
                    parent: the child ended with exit status 0\n";
    assert_eq!(Running::example::<&str>("pipe_parent_child", []).succeed(), expected);
    let output = Running::example("pipe_parent_child", [""]).succeed();
    assert!(output.contains("child: read 0 bytes to the end of the stream: \"\"\n"), "{output}");
}

/// R-PIPE-20
#[test]
fn the_pipeline_counts_entries() {
    let _watchdog = watchdog();
    let folder = tempfile::tempdir().unwrap();
    for name in ["a", "b; echo c", "$(d)"] {
        std::fs::write(folder.path().join(name), "").unwrap();
    }
    let output = Running::example("pipeline", [folder.path()]).succeed();
    assert_eq!(output, "ls: exit status 0\nwc: exit status 0\n3 entries\n");
    let missing = folder.path().join("; missing");
    let ended = Running::example("pipeline", [missing]).end();
    assert_eq!((ended.status.code(), ended.output.as_str()), (Some(1), "ls: exit status 2\nwc: exit status 0\n"));
    assert!(ended.errors.ends_with("pipeline: not all programs succeeded\n"), "{ended:?}");
}

/// R-PIPE-18: bad input gets an answer, and the end ends it.
#[test]
fn the_filter_adds_and_goes_on_after_what_is_no_sum() {
    let _watchdog = watchdog();
    let mut asking = Running::example::<&str>("coprocess_add", []);
    for (line, answer) in [
        ("1 2", "3"),
        ("-5 3", "-2"),
        ("one 2", "invalid parameter."),
        ("1", "invalid parameter."),
        ("1 2 3", "invalid parameter."),
        ("", "invalid parameter."),
        ("9223372036854775807 1", "invalid parameter."),
        ("40 2", "42"),
    ] {
        asking.write(format!("{line}\n"));
        assert_eq!(asking.line(), format!("{line}: {answer}"));
    }
    assert_eq!(asking.succeed(), "the filter ended with exit status 0\n");
}

/// R-PIPE-16, R-PIPE-17, mistake 12: filters that do not flush, die, or answer half a line.
#[test]
fn a_filter_that_does_not_answer_is_an_error() {
    let _watchdog = watchdog();
    for (filter, error) in [
        ("200 sed s/1/one/", "read: ETIMEDOUT: nothing came in time; does the program keep its output back?"),
        ("20000 head -c 0", ": exit status 0"),
        (
            "20000 head -c 1",
            "read: the program closed its output in the middle of a line, after 1 bytes: exit status 0",
        ),
        ("20000 cat /dev/zero", "at most 1048576 are taken"),
        ("20000 no-such-filter", "execve of \"no-such-filter\": ENOENT"),
    ] {
        let mut asking = Running::example("coprocess_add", filter.split(' '));
        if !filter.contains("no-such") {
            asking.write("1 2\n");
        }
        let errors = asking.fail();
        assert!(errors.starts_with("coprocess_add: ") && errors.contains(error), "{filter}: {errors}");
    }
}

/// R-PIPE-13, R-PIPE-14
#[test]
fn popen_read_reads_and_tells_the_status() {
    let _watchdog = watchdog();
    for (line, output) in [
        ("echo one; echo two; exit 7", "1: one\n2: two\nthe command ended with exit status 7\n"),
        ("kill -KILL $$", "the command ended with killed by signal 9\n"),
        ("no-such-command 2>/dev/null", "the command ended with exit status 127\n"),
    ] {
        assert_eq!(Running::example("popen_read", [line]).succeed(), output);
    }
    // Started by a program that ignores SIGCHLD: nobody knows, and that is not success.
    let mut ignoring = Command::new("bash");
    ignoring.args(["-c", "trap '' CHLD; exec \"$0\" \"$1\""]).arg(example("popen_read")).arg("exit 0");
    let errors = Running::start(ignoring).fail();
    assert!(errors.contains("ECHILD: its status is lost: SIGCHLD is ignored"), "{errors}");
}

/// R-PIPE-13, R-PIPE-14
#[test]
fn popen_write_writes_and_tells_the_status() {
    let _watchdog = watchdog();
    let mut sort = Running::example("popen_write", ["sort; exit 3"]);
    sort.write("b\na\n");
    assert_eq!(sort.succeed(), "A\nB\nthe command ended with exit status 3\n");
    let mut early = Command::new("bash");
    early.args(["-c", "yes | \"$0\" \"$1\""]).arg(example("popen_write")).arg("exec <&-; exit 4");
    let expected = "the command does not read any more\nthe command ended with exit status 4\n";
    assert_eq!(Running::start(early).succeed(), expected);
}
