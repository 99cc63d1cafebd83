//! Coprocesses that let one wait.

use crate::signals::Handler;
use crate::tools::{LONG, SHORT, childless, fails, script, words};
use ipc_safe::command::Coprocess;
use ipc_safe::error::ErrorKind;
use ipc_safe::signal::Signal;
use std::time::{Duration, Instant};

/// R-PIPE-16, mistake 12: a program that keeps its output back is an error, and no deadlock.
#[test]
fn a_program_that_does_not_flush_is_a_timeout() {
    childless(|| {
        // Without -u, `sed` keeps some KiB back when its output is a pipe.
        let mut sed = Coprocess::start(&mut words("sed s/a/b/")).unwrap();
        let start = Instant::now();
        let error = fails(sed.request_timeout("a", SHORT), ErrorKind::TimedOut);
        assert!(start.elapsed() >= SHORT);
        let text = "read: ETIMEDOUT: nothing came in time; does the program keep its output back?";
        assert_eq!(error.to_string(), text);
        // The late answer is not that of the next request.
        let error = fails(sed.request_timeout("x", SHORT), ErrorKind::InvalidInput);
        assert!(error.to_string().ends_with("the answer to an earlier request is still to come: receive it first"));
        assert_eq!(sed.finish().unwrap().0, b"b\n");
    });
}

/// R-PIPE-16
#[test]
fn a_late_answer_is_received_and_then_requests_go_on() {
    childless(|| {
        let (gate, opened) = ipc_safe::pipe::pipe().unwrap();
        let gate = std::os::fd::OwnedFd::from(gate);
        let line = "read x; read go <&2; echo late $x; while read x; do echo $x; done";
        let mut child = Coprocess::start(script(line).stderr(gate)).unwrap();
        fails(child.request_timeout("first", SHORT), ErrorKind::TimedOut);
        opened.write_atomic("go\n").unwrap();
        assert_eq!(child.receive().unwrap(), b"late first");
        assert_eq!(child.request("second").unwrap(), b"second");
        child.finish().unwrap();
    });
}

/// R-PIPE-16
#[test]
fn half_a_line_in_time_stays_for_the_next_try() {
    childless(|| {
        let (gate, opened) = ipc_safe::pipe::pipe().unwrap();
        let gate = std::os::fd::OwnedFd::from(gate);
        let mut child = Coprocess::start(script("printf half; read go <&2; echo ' and half'").stderr(gate)).unwrap();
        crate::support::eventually("half a line came", || {
            let error = fails(child.receive_timeout(Duration::from_millis(1)), ErrorKind::TimedOut);
            error.to_string() == "read: ETIMEDOUT: only a part of a line came in time, 4 bytes"
        });
        fails(child.try_receive(), ErrorKind::WouldBlock);
        opened.write_atomic("\n").unwrap();
        assert_eq!(child.receive_timeout(LONG).unwrap(), b"half and half");
        child.finish().unwrap();
    });
}

/// R-PIPE-16: a program that does not read.
#[test]
fn sending_to_a_program_that_does_not_read_is_a_timeout() {
    childless(|| {
        let mut sleep = Coprocess::start(&mut words("sleep 1000")).unwrap();
        let line = [b'x'; 4000];
        let error = loop {
            if let Err(error) = sleep.send_timeout(line, SHORT) {
                break error;
            }
        };
        assert_eq!(error.to_string(), "write: ETIMEDOUT: the program did not read all of it in time");
        // Nothing of it went, so that another one may.
        fails(sleep.try_send(line), ErrorKind::WouldBlock);
        fails(sleep.send_timeout("x", SHORT), ErrorKind::TimedOut);
        // A part of a longer one.
        let mut sleep = Coprocess::start(&mut words("sleep 1000")).unwrap();
        fails(sleep.try_send(vec![b'x'; 100_000]), ErrorKind::WouldBlock);
        let error = fails(sleep.send("x"), ErrorKind::InvalidInput);
        assert_eq!(error.to_string(), "write: only a part of an earlier message was sent: nothing can follow it");
        fails(sleep.try_finish(), ErrorKind::WouldBlock);
        fails(sleep.finish_timeout(SHORT), ErrorKind::TimedOut);
        fails(sleep.filter_timeout("x", SHORT), ErrorKind::InvalidInput);
    });
}

/// Signal handlers run while it is waited for, and show only where that is asked for.
#[test]
fn handlers_do_not_show() {
    childless(|| {
        let _handler = Handler::new(Signal::USR1, 0);
        let parent = std::process::id();
        let line = format!("while read x; do for i in 1 2 3 4 5; do kill -USR1 {parent}; done; echo $x; done");
        let mut child = Coprocess::start(&mut script(&line)).unwrap();
        for _ in 0..20 {
            assert_eq!(child.request("x").unwrap(), b"x");
            assert_eq!(child.request_timeout("y", LONG).unwrap(), b"y");
        }
        child.finish().unwrap();
        let line = format!("while sleep 0.01; do kill -USR1 {parent}; done");
        let mut child = Coprocess::start(&mut script(&line)).unwrap();
        fails(child.receive_interruptible(), ErrorKind::Interrupted);
        fails(child.request_interruptible("x"), ErrorKind::Interrupted);
        while child.try_send([b'x'; 4000]).is_ok() {}
        fails(child.send_interruptible([b'x'; 4000]), ErrorKind::Interrupted);
        fails(child.finish_interruptible(), ErrorKind::Interrupted);
    });
}
