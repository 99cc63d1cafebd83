//! Limits, and calls that fail.

use crate::alone::{alone, descriptors};
use crate::filter::{self, Action};
use crate::support::fork;
use crate::tools::{Place, SHORT, fails};
use ipc_safe::error::ErrorKind;
use ipc_safe::pipe::{self, Fifo, PipeOptions};

/// Runs `body` while this process may have so many more descriptors; it leaves as many as it found.
fn with_room(count: usize, body: impl FnOnce()) {
    let open = descriptors();
    let free = (0..).filter(|number| !open.contains(number));
    let most = free.take(count + 1).last().map_or(0, i32::cast_unsigned).into();
    let before = limit(None);
    limit(Some(most));
    body();
    limit(Some(before));
    assert_eq!(descriptors(), open);
}

/// The limit of descriptors, and another one in its place.
fn limit(new: Option<u64>) -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: writes one `rlimit`, and reads one. This process is the test's own.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit), 0);
        let before = limit.rlim_cur;
        limit.rlim_cur = new.unwrap_or(before);
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit), 0);
        before
    }
}

/// R-PIPE-01
#[test]
fn too_many_descriptors_are_an_error_and_none_is_lost() {
    alone(|| {
        for room in [0, 1] {
            with_room(room, || {
                for _ in 0..3 {
                    let error = fails(pipe::pipe(), ErrorKind::LimitReached);
                    let text = "pipe2: EMFILE: the process has as many descriptors as it may (RLIMIT_NOFILE)";
                    assert_eq!(error.to_string(), text);
                }
            });
        }
        with_room(2, || {
            let (reader, _writer) = pipe::pipe().unwrap();
            let error = fails(reader.try_clone(), ErrorKind::LimitReached);
            assert!(error.to_string().starts_with("fcntl of F_DUPFD_CLOEXEC: EMFILE: the process has"), "{error}");
        });
    });
}

/// R-PIPE-01
#[test]
fn too_many_open_files_in_the_system_are_an_error() {
    alone(|| {
        fork(|| {
            filter::install(&[libc::SYS_pipe2], Action::Fail(libc::ENFILE));
            let error = fails(pipe::pipe(), ErrorKind::LimitReached);
            assert!(error.to_string().starts_with("pipe2: ENFILE: the system has as many open files"), "{error}");
            0
        })
        .succeed();
    });
}

/// R-PIPE-01: a pipe that cannot have its capacity is not left open.
#[test]
fn a_pipe_that_is_refused_its_capacity_is_closed() {
    alone(|| {
        fork(|| {
            filter::install(&[libc::SYS_fcntl], Action::Fail(libc::ENOMEM));
            fails(PipeOptions::new().capacity(1 << 17).create(), ErrorKind::OutOfMemory);
            // SAFETY: ends this child, whose descriptors the filter does not let be counted.
            unsafe { libc::_exit(0) };
        })
        .succeed();
        let before = descriptors();
        fails(PipeOptions::new().capacity(usize::MAX).create(), ErrorKind::InvalidInput);
        assert_eq!(descriptors(), before);
    });
}

/// R-FIFO-01, R-FIFO-03: with each number of descriptors left, an error or success, and nothing is left behind.
#[test]
fn a_fifo_whose_descriptors_run_out_is_not_left_behind() {
    alone(|| {
        let place = Place::new();
        for room in 0..6 {
            let mut outcome = None;
            with_room(room, || match Fifo::options().create_new(true).open(place.path()) {
                Ok(fifo) => {
                    let fifo = fifo.into_owned();
                    let opened = [fifo.open_reader_timeout(SHORT).map(drop), fifo.open_both().map(drop)];
                    outcome = Some(opened.map(|opened| opened.err().map(|error| error.kind())));
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::LimitReached, "{error}"),
            });
            let (limit, time) = (Some(ErrorKind::LimitReached), Some(ErrorKind::TimedOut));
            // Two descriptors for the name, one for a reader, two for the wait or one for the other end.
            let expected =
                [None, None, Some([limit, limit]), Some([limit, limit]), Some([limit, None]), Some([time, None])];
            assert_eq!(outcome, expected[room], "with room for {room}");
            assert!(!place.path().exists());
        }
    });
}

/// R-FIFO-01
#[test]
fn errors_of_mkfifo_are_told() {
    alone(|| {
        let place = Place::new();
        for (errno, kind) in [
            (libc::EROFS, ErrorKind::Other),
            (libc::ENOSPC, ErrorKind::LimitReached),
            (libc::EACCES, ErrorKind::PermissionDenied),
            (libc::EDQUOT, ErrorKind::LimitReached),
        ] {
            fork(|| {
                filter::install(&[libc::SYS_mknodat], Action::Fail(errno));
                let error = fails(Fifo::options().create(true).open(place.path()), kind);
                let start = format!("mkfifo of {:?}: ", place.path());
                assert!(error.to_string().starts_with(&start) && error.raw_os_error() == Some(errno), "{error}");
                assert!(!place.path().exists());
                0
            })
            .succeed();
        }
    });
}
