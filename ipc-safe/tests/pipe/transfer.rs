//! splice, tee, vmsplice.

use crate::alone::alone;
use crate::signals::while_in;
use crate::tools::{LONG, SHORT, both_kinds, drain, fails, pattern};
use ipc_safe::error::ErrorKind;
use ipc_safe::pipe::{self, PipeReader, PipeWriter};
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::unix::net::UnixStream;

#[test]
fn bytes_move_from_a_file_through_a_pipe_into_a_file() {
    alone(|| {
        for (reader, writer) in both_kinds() {
            let bytes = pattern(150_000);
            let (mut source, mut target) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
            source.write_all(&bytes).unwrap();
            source.rewind().unwrap();
            std::thread::scope(|scope| {
                scope.spawn(move || {
                    let mut moved = 0;
                    loop {
                        match writer.splice_from(&source, 1 << 20).unwrap() {
                            0 => break moved,
                            len => moved += len,
                        }
                    }
                });
                while reader.splice_to(&target, 1 << 20).unwrap() > 0 {}
            });
            let mut copy = Vec::new();
            target.rewind().unwrap();
            target.read_to_end(&mut copy).unwrap();
            assert!(copy == bytes);
        }
    });
}

type Move = fn(&PipeReader, &PipeWriter) -> ipc_safe::Result<usize>;

/// From the first pipe to the second.
const WAITING: [(i64, Move); 4] = [
    (libc::SYS_splice, |from, to| from.splice_to(to, 100)),
    (libc::SYS_splice, |from, to| to.splice_from(from, 100)),
    (libc::SYS_tee, |from, to| from.tee_to(to, 100)),
    (libc::SYS_ppoll, |from, to| from.tee_to_timeout(to, 100, LONG)),
];
const AT_ONCE: [Move; 3] = [
    |from, to| from.try_splice_to(to, 100),
    |from, to| to.try_splice_from(from, 100),
    |from, to| from.try_tee_to(to, 100),
];
const WITH_TIME: [Move; 3] = [
    |from, to| from.splice_to_timeout(to, 100, SHORT),
    |from, to| to.splice_from_timeout(from, 100, SHORT),
    |from, to| from.tee_to_timeout(to, 100, SHORT),
];

#[test]
fn bytes_move_between_pipes_when_there_are_any_and_room() {
    alone(|| {
        for (from, from_writer) in both_kinds() {
            let (to_reader, to) = pipe::pipe().unwrap();
            for form in AT_ONCE {
                fails(form(&from, &to), ErrorKind::WouldBlock);
                from_writer.write_atomic("abc").unwrap();
                assert_eq!(form(&from, &to).unwrap(), 3);
                assert_eq!(drain(&to_reader), b"abc");
            }
            assert_eq!(drain(&from), b"abc", "tee leaves it there");
            for (call, form) in WAITING {
                let writer = from_writer.try_clone().unwrap();
                let write = move |_| writer.write_atomic("abc").unwrap();
                assert_eq!(while_in(call, write, || form(&from, &to)).unwrap(), 3);
                assert_eq!(drain(&to_reader), b"abc");
                drain(&from);
            }
            for form in WITH_TIME {
                fails(form(&from, &to), ErrorKind::TimedOut);
                from_writer.write_atomic("abc").unwrap();
                to.try_write(&vec![1; 1 << 20]).unwrap();
                fails(form(&from, &to), ErrorKind::TimedOut);
                drain(&to_reader);
                drain(&from);
            }
            drop(to_reader);
            from_writer.write_atomic("abc").unwrap();
            for form in AT_ONCE {
                let error = fails(form(&from, &to), ErrorKind::Closed);
                assert!(error.to_string().ends_with(": EPIPE: nobody has the reading end open"), "{error}");
            }
            drain(&from);
            drop(from_writer);
            let (_to_reader, to) = pipe::pipe().unwrap();
            for form in AT_ONCE.into_iter().chain(WITH_TIME) {
                assert_eq!(form(&from, &to).unwrap(), 0, "the end");
            }
        }
    });
}

#[test]
fn a_socket_takes_and_gives_bytes_too() {
    alone(|| {
        let (reader, writer) = pipe::pipe().unwrap();
        let (mut near, mut far) = UnixStream::pair().unwrap();
        writer.write_atomic("to a socket").unwrap();
        assert_eq!(reader.splice_to(&near, 100).unwrap(), 11);
        let mut text = [0; 11];
        far.read_exact(&mut text).unwrap();
        far.write_all(&text).unwrap();
        assert_eq!(writer.splice_from(&near, 100).unwrap(), 11);
        assert_eq!(drain(&reader), b"to a socket");
        near.set_nonblocking(true).unwrap();
        fails(writer.splice_from_timeout(&near, 100, SHORT), ErrorKind::TimedOut);
        fails(writer.try_splice_from(&near, 100), ErrorKind::WouldBlock);
        near.write_all(b"x").unwrap();
    });
}

#[test]
fn what_takes_no_splice_is_refused() {
    alone(|| {
        let (reader, writer) = pipe::pipe().unwrap();
        writer.write_atomic("abc").unwrap();
        let appending = tempfile::NamedTempFile::new().unwrap();
        let appending = File::options().append(true).open(appending.path()).unwrap();
        let error = fails(reader.splice_to(&appending, 3), ErrorKind::InvalidInput);
        assert_eq!(error.to_string(), "splice: EINVAL: an argument is not valid");
        fails(reader.tee_to(&writer, 3), ErrorKind::InvalidInput);
        assert_eq!(drain(&reader), b"abc", "nothing is lost");
    });
}

#[test]
fn pages_go_into_a_pipe() {
    alone(|| {
        static BYTES: [u8; 10_000] = [7; 10_000];
        for (reader, writer) in both_kinds() {
            // SAFETY: the bytes never change.
            assert_eq!(unsafe { writer.vmsplice(&BYTES) }.unwrap(), BYTES.len());
            assert!(drain(&reader) == BYTES);
            drop(reader);
            // SAFETY: as above.
            fails(unsafe { writer.vmsplice(&BYTES) }, ErrorKind::Closed);
        }
    });
}

/// On a reading end the call would write into the bytes.
#[test]
fn pages_do_not_go_into_a_reading_end_that_came_as_a_writing_one() {
    alone(|| {
        let (reader, writer) = pipe::pipe().unwrap();
        writer.write_atomic("overwritten").unwrap();
        let forged = PipeWriter::from(std::io::PipeWriter::from(std::os::fd::OwnedFd::from(reader)));
        let bytes = [7; 11];
        // SAFETY: the bytes do not change, and nothing is put anywhere.
        let error = fails(unsafe { forged.vmsplice(&bytes) }, ErrorKind::Other);
        assert_eq!((error.raw_os_error(), bytes), (Some(libc::EBADF), [7; 11]));
    });
}
