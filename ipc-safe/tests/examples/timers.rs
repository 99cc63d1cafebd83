//! `alarm_clock` and `interval_timer`.

use crate::program::{Running, example};
use crate::support::watchdog;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::time::{Duration, Instant};

/// R-SIG-05, R-SIG-17
#[test]
fn the_alarm_says_what_was_left_and_comes() {
    let _watchdog = watchdog();
    let begin = Instant::now();
    let output = Running::example("alarm_clock", ["1000", "0.2"]).succeed();
    assert!(begin.elapsed() >= Duration::from_millis(200), "it did not wait");
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines[0], "alarm in 1000 s");
    assert!(lines[1].starts_with("alarm in 0.2 s; "), "{output}");
    assert!((990..=1000).contains(&number(lines[1], 4)), "{output}");
    assert!(lines[2].starts_with("another alarm: setitimer of the real timer: another guard"), "{output}");
    assert!(lines[3].starts_with("an alarm of 3600 s within this one") && number(lines[3], 10) >= 3590, "{output}");
    assert_eq!(lines[4..6], ["SIGALRM", "alarm in 1000 s"], "{output}");
    assert!(lines[6].starts_with("cancelled with ") && (990..=1000).contains(&number(lines[6], 2)), "{output}");
    assert_eq!(lines.len(), 7, "{output}");
}

/// The number at this word of a line.
fn number(line: &str, word: usize) -> u64 {
    line.split_whitespace().nth(word).and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("{line}"))
}

/// R-SIG-05
#[test]
fn a_time_that_is_none_is_an_error() {
    let _watchdog = watchdog();
    for arguments in [["0", "1"], ["1", "0"]] {
        let errors = Running::example("alarm_clock", arguments).fail();
        assert_eq!(errors, "alarm_clock: setitimer: EINVAL: the time 0 would stop the timer\n");
    }
    for arguments in [["-1", "1"], ["1", "x"], ["1e30", "1"]] {
        let errors = Running::example("alarm_clock", arguments).fail();
        assert!(errors.starts_with("alarm_clock: "), "{errors}");
    }
}

/// R-SIG-03, R-SIG-06
#[test]
fn the_default_action_ends_the_process() {
    let _watchdog = watchdog();
    let ended = Running::example("interval_timer", ["default"]).end();
    assert_eq!(ended.status.signal(), Some(libc::SIGALRM), "{ended:?}");
    assert_eq!(ended.output, "the first SIGALRM ends this process\n");
}

/// R-SIG-06, R-SIG-14, R-SIG-16: the read goes on after the handler.
#[test]
fn a_handler_runs_again_and_again_while_the_program_reads() {
    let _watchdog = watchdog();
    let mut running = Running::example("interval_timer", ["handler", "5"]);
    for tick in 1..=5 {
        assert_eq!(running.line(), format!("tick {tick}"));
    }
    running.write("hel");
    let tick = running.line();
    assert!(tick.starts_with("tick "), "{tick}");
    running.write("lo\n");
    let output = running.succeed();
    assert_eq!(output.lines().filter(|line| *line == "read \"hello\"").count(), 1, "{output}");
}

/// R-SIG-06
#[test]
fn the_three_timers_tell_by_their_own_signals() {
    let _watchdog = watchdog();
    let output = Running::example("interval_timer", ["wait"]).succeed();
    let expected = "3 times SIGALRM from the real timer\n\
                    3 times SIGVTALRM from the virtual timer\n\
                    3 times SIGPROF from the profile timer\n\
                    all three at once: SIGALRM SIGVTALRM SIGPROF\n";
    assert_eq!(output, expected);
}

/// R-SIG-06
#[test]
fn an_argument_that_is_none_is_an_error() {
    let output = Command::new(example("interval_timer")).arg("nonsense").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let usage = "interval_timer: usage: interval_timer default|handler|wait [MILLISECONDS]\n";
    assert_eq!(String::from_utf8_lossy(&output.stderr), usage);
    let errors = Running::example("interval_timer", ["wait", "0"]).fail();
    assert_eq!(errors, "interval_timer: setitimer: EINVAL: the time 0 would stop the timer\n");
}
