//! Writing to a pipe that nobody reads.

use crate::support::fork;
use crate::tools::{Action, alone, raise};
use ipc_safe::signal::{self, BrokenPipe, HandlerOptions, Signal, SignalSet, without_broken_pipe};
use std::io::{ErrorKind, Write, pipe};
use std::os::unix::process::ExitStatusExt;

/// Writes to a pipe that nobody reads.
fn write_in_vain() -> ErrorKind {
    let (reader, mut writer) = pipe().unwrap();
    drop(reader);
    writer.write_all(b"text").unwrap_err().kind()
}

/// R-SIG-15: in a process of its own, which may end by it.
fn signal_of(body: impl FnOnce()) -> Option<i32> {
    let status = fork(|| {
        body();
        0
    })
    .wait();
    status.signal()
}

/// R-SIG-15 R-PIPE-03
#[test]
fn a_process_decides_what_a_broken_pipe_does() {
    alone(|| {
        let before = Action::of(Signal::PIPE);
        assert_eq!(before.handler, Action::IGNORE.handler, "as Rust programs begin");
        let signal = signal_of(|| {
            let _policy = BrokenPipe::Terminate.set().unwrap();
            write_in_vain();
        });
        assert_eq!(signal, Some(libc::SIGPIPE));
        let signal = signal_of(|| {
            let _terminate = BrokenPipe::Terminate.set().unwrap();
            let error = BrokenPipe::Error.set().unwrap();
            assert_eq!(write_in_vain(), ErrorKind::BrokenPipe);
            drop(error);
            write_in_vain();
        });
        assert_eq!(signal, Some(libc::SIGPIPE));
        drop(BrokenPipe::Terminate.set().unwrap());
        assert_eq!(Action::of(Signal::PIPE), before);
    });
}

/// R-SIG-15: a coprocess that died is an error of the write and a signal that is handled.
#[test]
fn a_handler_is_told_of_a_broken_pipe() {
    alone(|| {
        let counter = HandlerOptions::new().count(Signal::PIPE).unwrap();
        assert_eq!(write_in_vain(), ErrorKind::BrokenPipe);
        assert_eq!(counter.take(), 1);
    });
}

/// R-SIG-15
#[test]
fn a_library_writes_without_the_signal_whatever_the_process_does() {
    alone(|| {
        let signal = signal_of(|| {
            let _policy = BrokenPipe::Terminate.set().unwrap();
            let mask = crate::tools::mask_of_thread();
            for _ in 0..3 {
                assert_eq!(without_broken_pipe(write_in_vain).unwrap(), ErrorKind::BrokenPipe);
                assert!(signal::pending().unwrap().is_empty());
                assert_eq!(crate::tools::mask_of_thread(), mask);
            }
            let nested = without_broken_pipe(|| without_broken_pipe(write_in_vain).unwrap()).unwrap();
            assert_eq!(nested, ErrorKind::BrokenPipe);
            assert_eq!(without_broken_pipe(|| 7).unwrap(), 7);
        });
        assert_eq!(signal, None);

        let counter = HandlerOptions::new().count(Signal::PIPE).unwrap();
        without_broken_pipe(write_in_vain).unwrap();
        assert_eq!(counter.take(), 0);
    });
}

/// R-SIG-15 R-SIG-17
#[test]
fn a_panic_leaves_no_signal_behind() {
    alone(|| {
        let signal = signal_of(|| {
            let _policy = BrokenPipe::Terminate.set().unwrap();
            let unwound = std::panic::catch_unwind(|| {
                without_broken_pipe(|| {
                    write_in_vain();
                    std::panic::resume_unwind(Box::new(()));
                })
            });
            assert!(unwound.is_err());
            assert!(signal::pending().unwrap().is_empty());
        });
        assert_eq!(signal, None);
    });
}

/// R-SIG-15
#[test]
fn a_signal_that_waited_before_goes_on_waiting() {
    alone(|| {
        let counter = HandlerOptions::new().count(Signal::PIPE).unwrap();
        let guard = SignalSet::from(Signal::PIPE).block().unwrap();
        raise(Signal::PIPE);
        without_broken_pipe(write_in_vain).unwrap();
        assert!(signal::pending().unwrap().contains(Signal::PIPE));
        assert_eq!(counter.count(), 0);
        drop(guard);
        assert_eq!(counter.count(), 1);
    });
}
