//! Writing when nobody reads.

use crate::alone::alone;
use crate::support::fork;
use crate::tools::{LONG, both_kinds, fails};
use ipc_safe::error::ErrorKind;
use ipc_safe::pipe;
use ipc_safe::signal::{BrokenPipe, Signal, without_broken_pipe};
use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;

/// R-PIPE-03, R-SIG-15
#[test]
fn without_a_reader_every_form_of_writing_is_an_error() {
    alone(|| {
        for (reader, mut writer) in both_kinds() {
            drop(reader);
            let failures = [
                writer.try_write(b"x").map(drop),
                writer.write_timeout(b"x", LONG).map(drop),
                writer.write_interruptible(b"x").map(drop),
                writer.write_atomic("x"),
                writer.try_write_atomic("x"),
                writer.write_atomic_timeout("x", LONG),
                writer.write_atomic_interruptible("x"),
            ];
            for failure in failures {
                let error = fails(failure, ErrorKind::Closed);
                assert_eq!(error.to_string(), "write: EPIPE: nobody has the reading end open");
                assert_eq!(io::Error::from(error).kind(), io::ErrorKind::BrokenPipe);
            }
            assert_eq!(writer.write(b"x").unwrap_err().raw_os_error(), Some(libc::EPIPE));
        }
    });
}

/// R-PIPE-03: what the process does about SIGPIPE is its own affair, before, while and after.
#[test]
fn the_default_action_ends_the_writer_and_is_not_changed() {
    alone(|| {
        let status = fork(|| {
            let _policy = BrokenPipe::Terminate.set().unwrap();
            let (reader, mut writer) = pipe::pipe().unwrap();
            writer.write_all(b"read by somebody").unwrap();
            writer.write_atomic("and this").unwrap();
            drop(reader);
            let error = without_broken_pipe(|| writer.write_atomic("x")).unwrap();
            assert_eq!(fails(error, ErrorKind::Closed).raw_os_error(), Some(libc::EPIPE));
            let _ = writer.write(b"x");
            0
        })
        .wait();
        assert_eq!(status.signal(), Some(libc::SIGPIPE));
        assert_eq!(Signal::PIPE.disposition().unwrap(), ipc_safe::signal::Disposition::Ignore);
    });
}
