//! `signal_send`, `signal_sets` and `signal_pending`.

use crate::program::Running;
use crate::support::watchdog;
use rustix::process::Signal;
use std::os::unix::process::ExitStatusExt;

/// R-SIG-01, R-SIG-02, R-SIG-10, mistake 67: to one process and no other.
#[test]
fn a_child_gets_each_signal_that_its_parent_sends() {
    let _watchdog = watchdog();

    let output = Running::example::<&str>("signal_send", []).succeed();

    let expected = "parent: the child is ready and works\n\
                    child: SIGUSR1 by kill from the parent\n\
                    child: SIGUSR2 by kill from the parent\n\
                    child: SIGRTMIN by sigqueue from the parent, value 42\n\
                    child: SIGRTMIN by sigqueue from the parent, value -7\n\
                    child: SIGHUP by raise from itself\n\
                    parent: the child is there\n\
                    parent: the child was killed by signal 15\n\
                    parent: the next child aborts, although it ignores and blocks that: killed by signal 6\n\
                    parent: the child is gone\n";
    assert_eq!(output, expected);
}

/// R-SIG-08, R-SIG-09, mistakes 69 and 74: a set is only a set, and a mask belongs to a thread.
#[test]
fn sets_are_made_and_blocked() {
    let _watchdog = watchdog();

    let output = Running::example::<&str>("signal_sets", []).succeed();

    let expected = "empty: {}\n\
                    all: 62 signals, without 32 and 33 of the C library\n\
                    filled: {SIGINT, SIGQUIT, SIGTERM}\n\
                    SIGINT is in the set: true\n\
                    SIGINT is blocked: false\n\
                    without SIGTERM: {SIGINT, SIGQUIT}\n\
                    union with {SIGHUP}: {SIGHUP, SIGINT, SIGQUIT}\n\
                    intersection with {SIGINT}: {SIGINT}\n\
                    no signals: number 0, number 32, number 65\n\
                    the set is blocked: {SIGINT, SIGQUIT}\n\
                    a guard within adds SIGTERM: {SIGINT, SIGQUIT, SIGTERM}\n\
                    the guard is gone: {SIGINT, SIGQUIT}\n\
                    for a while, SIGINT is not blocked: {SIGQUIT}\n\
                    for a while, nothing but SIGHUP is: {SIGHUP}\n\
                    then again: {SIGINT, SIGQUIT}\n\
                    SIGKILL and SIGSTOP cannot be: {SIGINT, SIGQUIT}\n\
                    another thread begins with the mask of this one: {SIGINT, SIGQUIT}\n\
                    and changes its own only: {SIGINT, SIGQUIT}\n\
                    in the end: {}\n";
    assert_eq!(output, expected);
}

/// R-SIG-10: none pending, pending once however often it came, and delivered in the end.
#[test]
fn pending_signals_are_shown_and_end_the_program_when_they_are_let_through() {
    let _watchdog = watchdog();
    for (signals, shown, ended_by) in [
        (vec![], "0000000000000000000000000000000", None),
        (vec![Signal::INT, Signal::INT], "0100000000000000000000000000000", Some(Signal::INT)),
        (vec![Signal::INT, Signal::QUIT], "0110000000000000000000000000000", Some(Signal::INT)),
    ] {
        let mut program = Running::example("signal_pending", ["100"]);
        let first = program.line();
        assert_eq!(first, "0".repeat(31));

        signals.iter().for_each(|signal| program.signal(*signal));

        let lines: Vec<String> = (1..10).map(|_| program.line()).collect();
        assert_eq!(lines.last().unwrap(), shown, "{lines:?}");
        let ended = program.end();
        let nothing = if ended_by.is_none() { "nothing came\n" } else { "" };
        assert_eq!(
            (ended.status.signal(), ended.output.as_str()),
            (ended_by.map(Signal::as_raw), nothing),
            "{ended:?}"
        );
    }
}

/// R-SIG-10
#[test]
fn a_pause_that_is_none_is_an_error() {
    let errors = Running::example("signal_pending", ["soon"]).fail();

    assert_eq!(errors, "signal_pending: usage: signal_pending [MILLISECONDS]\n");
}
