//! The two ends: what each outcome is.

use crate::alone::alone;
use crate::signals::{gettid, wait_until_in, while_in};
use crate::support::fork;
use crate::tools::{LONG, both_kinds, drain, fails, pattern};
use ipc_safe::error::ErrorKind;
use ipc_safe::pipe::{self, PIPE_BUF, PipeOptions, PipeReader, PipeWriter, Readable, Writable};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{FdFlags, fcntl_getfd};
use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, Stdio};

/// R-PIPE-01
#[test]
fn a_new_pipe_has_a_reading_and_a_writing_end_that_programs_do_not_inherit() {
    alone(|| {
        for (mut reader, mut writer) in [pipe::pipe().unwrap(), PipeOptions::new().create().unwrap()] {
            for end in [reader.as_fd(), writer.as_fd()] {
                assert_eq!(fcntl_getfd(end).unwrap(), FdFlags::CLOEXEC);
            }
            assert!(!reader.is_nonblocking().unwrap() && !writer.is_nonblocking().unwrap());
            writer.write_all(b"abc").unwrap();
            let mut bytes = [0; 3];
            reader.read_exact(&mut bytes).unwrap();
            assert_eq!(&bytes, b"abc");
            // Each end does one thing.
            assert_eq!(rustix::io::write(&reader, b"x"), Err(rustix::io::Errno::BADF));
            assert_eq!(rustix::io::read(&writer, &mut bytes), Err(rustix::io::Errno::BADF));
        }
    });
}

/// R-PIPE-02
#[test]
fn when_all_writers_are_gone_what_is_left_is_read_and_then_the_end() {
    alone(|| {
        for (reader, writer) in both_kinds() {
            let other = writer.try_clone().unwrap();
            writer.write_atomic("left").unwrap();
            drop(writer);
            let mut bytes = [0; 3];
            assert_eq!((&reader).read(&mut bytes).unwrap(), 3);
            assert_eq!(reader.try_read(&mut bytes).unwrap(), 1);
            // One copy is still there: empty is not the end.
            fails(reader.try_read(&mut bytes), ErrorKind::WouldBlock);
            drop(other);
            assert_eq!((&reader).read(&mut bytes).unwrap(), 0);
            assert_eq!(reader.try_read(&mut bytes).unwrap(), 0);
            assert_eq!(reader.read_timeout(&mut bytes, LONG).unwrap(), 0);
            assert_eq!(reader.read_interruptible(&mut bytes).unwrap(), 0);
            assert_eq!(reader.wait().unwrap(), Readable::End);
        }
    });
}

/// R-PIPE-04, mistake 14: not only the first read waits.
#[test]
fn every_read_of_an_empty_pipe_waits_while_there_is_a_writer() {
    alone(|| {
        for (mut reader, writer) in both_kinds() {
            for byte in [b'a', b'b', b'c'] {
                let writer = writer.try_clone().unwrap();
                let mut read = [0];
                let act = move |_| writer.write_atomic([byte]).unwrap();
                let len = while_in(libc::SYS_read, act, || reader.read(&mut read)).unwrap();
                assert_eq!((len, read[0]), (1, byte));
            }
            let error = fails(reader.try_read(&mut [0]), ErrorKind::WouldBlock);
            assert_eq!(error.to_string(), "read: EAGAIN: the call would have to wait");
            reader.set_nonblocking(true).unwrap();
            assert_eq!(reader.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        }
    });
}

/// Mistake 15: bytes that are there are read by whoever reads, also while somebody else waits.
#[test]
fn a_reader_gets_bytes_although_another_one_waits() {
    alone(|| {
        let (reader, writer) = pipe::pipe().unwrap();
        let (say, said) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                say.send(gettid()).unwrap();
                (&reader).read(&mut [0; 1]).unwrap()
            });
            wait_until_in(libc::SYS_read, said.recv().unwrap());
            writer.write_atomic("ab").unwrap();
            let mut byte = [0];
            assert_eq!(reader.read_timeout(&mut byte, LONG).unwrap(), 1);
        });
    });
}

/// R-PIPE-05
#[test]
fn a_write_to_a_full_pipe_waits_for_room() {
    alone(|| {
        for (reader, mut writer) in both_kinds() {
            let capacity = writer.capacity().unwrap();
            assert_eq!(writer.try_write(&vec![1; 2 * capacity]).unwrap(), capacity, "the part that has room");
            let error = fails(writer.try_write(b"x"), ErrorKind::WouldBlock);
            assert_eq!(error.to_string(), "write: EAGAIN: the call would have to wait");
            fails(writer.try_wait(), ErrorKind::WouldBlock);
            let writing = gettid();
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    wait_until_in(libc::SYS_write, writing);
                    (&reader).read_exact(&mut [0; PIPE_BUF]).unwrap();
                });
                writer.write_all(b"more").unwrap();
            });
            assert!(drain(&reader).ends_with(b"more"));
            writer.set_nonblocking(true).unwrap();
            writer.try_write(&vec![1; capacity]).unwrap();
            assert_eq!(writer.write(b"x").unwrap_err().kind(), io::ErrorKind::WouldBlock);
        }
    });
}

/// R-PIPE-08
#[test]
fn a_stream_keeps_the_order_and_not_the_borders_and_is_read_once() {
    alone(|| {
        for (reader, mut writer) in both_kinds() {
            let bytes = pattern(10_000);
            for part in bytes.chunks(7) {
                writer.write_all(part).unwrap();
            }
            let mut read = vec![0; 4000];
            assert_eq!(reader.try_read(&mut read).unwrap(), 4000, "many writes in one read");
            read.extend(drain(&reader));
            assert!(read == bytes);
            fails(reader.try_read(&mut [0]), ErrorKind::WouldBlock);
            let mut file = File::from(OwnedFd::from(reader));
            assert_eq!(file.rewind().unwrap_err().raw_os_error(), Some(libc::ESPIPE));
        }
    });
}

/// R-PIPE-11
#[test]
fn several_buffers_are_read_and_written_in_one_call() {
    alone(|| {
        for (mut reader, mut writer) in both_kinds() {
            assert_eq!(writer.write_vectored(&[IoSlice::new(b"one, "), IoSlice::new(b"two")]).unwrap(), 8);
            let (mut first, mut second) = ([0; 3], [0; 10]);
            let len = reader.read_vectored(&mut [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)]).unwrap();
            assert_eq!((len, &first, &second[..5]), (8, b"one", &b", two"[..]));
        }
    });
}

fn events(end: impl AsFd) -> PollFlags {
    let mut descriptors = [PollFd::new(&end, PollFlags::IN | PollFlags::OUT)];
    poll(&mut descriptors, Some(&Default::default())).unwrap();
    descriptors[0].revents()
}

/// R-PIPE-11: what `poll` says in each state, and what the crate makes of it.
#[test]
fn readiness_tells_bytes_from_the_end_and_room_from_a_broken_pipe() {
    alone(|| {
        for (reader, writer) in both_kinds() {
            assert_eq!((events(&reader), events(&writer)), (PollFlags::empty(), PollFlags::OUT));
            fails(reader.try_wait(), ErrorKind::WouldBlock);
            assert_eq!(writer.try_wait().unwrap(), Writable::Room);
            writer.try_write(&vec![0; 1 << 20]).unwrap();
            assert_eq!((events(&reader), events(&writer)), (PollFlags::IN, PollFlags::empty()));
            assert_eq!(reader.wait_timeout(LONG).unwrap(), Readable::Bytes);
            fails(writer.try_wait(), ErrorKind::WouldBlock);
            drop(writer);
            assert_eq!(events(&reader), PollFlags::IN | PollFlags::HUP);
            assert_eq!(reader.try_wait().unwrap(), Readable::Bytes, "what is left, before the end");
            drain(&reader);
            assert_eq!(events(&reader), PollFlags::HUP);
            assert_eq!(reader.try_wait().unwrap(), Readable::End);
        }
        for (reader, writer) in both_kinds() {
            drop(reader);
            assert_eq!(events(&writer), PollFlags::OUT | PollFlags::ERR);
            let waits = [writer.wait(), writer.try_wait(), writer.wait_timeout(LONG), writer.wait_interruptible()];
            for wait in waits {
                assert_eq!(wait.unwrap(), Writable::Broken);
            }
        }
    });
}

/// R-PIPE-10: after a fork each process closes the end that it does not use, which here is to drop it.
#[test]
fn parent_and_child_each_keep_one_end() {
    alone(|| {
        let ((to_child, mut to_child_writer), (from_child, from_child_writer)) =
            (pipe::pipe().unwrap(), pipe::pipe().unwrap());
        let child = {
            let (mut input, mut output) = (to_child.try_clone().unwrap(), from_child_writer.try_clone().unwrap());
            let unused = [OwnedFd::from(to_child_writer.try_clone().unwrap()), from_child.try_clone().unwrap().into()];
            fork(move || {
                // The copies that the parent has, too.
                drop(unused);
                rustix_close_others(&[input.as_fd(), output.as_fd()]);
                let mut text = String::new();
                input.read_to_string(&mut text).unwrap();
                output.write_all(text.to_uppercase().as_bytes()).unwrap();
                0
            })
        };
        drop((to_child, from_child_writer));
        to_child_writer.write_all(b"shout").unwrap();
        drop(to_child_writer);
        let mut answer = String::new();
        (&from_child).read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "SHOUT");
        child.succeed();
    });
}

/// Closes all descriptors of this process but the standard ones and these.
fn rustix_close_others(kept: &[std::os::fd::BorrowedFd<'_>]) {
    use std::os::fd::AsRawFd;
    let kept: Vec<i32> = kept.iter().map(AsRawFd::as_raw_fd).collect();
    for number in (3..256).filter(|number| !kept.contains(number)) {
        // SAFETY: this forked child ends by `_exit`; nothing uses these numbers any more.
        unsafe { libc::close(number) };
    }
}

/// R-PIPE-10, mistake 3: an end is a descriptor, and goes to any process, here one that this program starts.
#[test]
fn ends_are_given_to_programs() {
    alone(|| {
        let ((input, mut to_child), (mut from_child, output)) = (pipe::pipe().unwrap(), pipe::pipe().unwrap());
        let mut child = Command::new("cat").stdin(input).stdout(output).spawn().unwrap();
        to_child.write_all(b"through cat").unwrap();
        drop(to_child);
        let mut text = String::new();
        from_child.read_to_string(&mut text).unwrap();
        assert_eq!(text, "through cat");
        assert!(child.wait().unwrap().success());
    });
}

#[test]
fn ends_come_from_std_and_go_there() {
    alone(|| {
        let (reader, writer) = io::pipe().unwrap();
        let (reader, writer) = (PipeReader::from(reader), PipeWriter::from(writer));
        writer.write_atomic("both ways").unwrap();
        let (mut reader, writer) = (io::PipeReader::from(reader), io::PipeWriter::from(writer));
        drop(writer);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "both ways");

        let mut child =
            Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let writer = PipeWriter::from(child.stdin.take().unwrap());
        let (mut reader, errors) =
            (PipeReader::from(child.stdout.take().unwrap()), PipeReader::from(child.stderr.take().unwrap()));
        writer.write_atomic("child").unwrap();
        drop(writer);
        text.clear();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), errors.wait().unwrap()), ("child", Readable::End));
        child.wait().unwrap();
    });
}

#[test]
fn a_descriptor_is_believed_only_when_it_is_that_end_of_a_pipe() {
    alone(|| {
        for (reader, writer) in both_kinds() {
            let (reader, writer) = (OwnedFd::from(reader), OwnedFd::from(writer));
            let rejected = PipeWriter::try_from(reader).unwrap_err();
            assert_eq!(rejected.error().kind(), ErrorKind::InvalidInput);
            assert_eq!(rejected.to_string(), "fcntl: this is the other end: it is not open for that");
            let reader = PipeReader::try_from(rejected.into_inner()).unwrap();
            let writer = PipeReader::try_from(writer).unwrap_err().into_inner();
            PipeWriter::try_from(writer).unwrap().write_atomic("x").unwrap();
            assert_eq!(drain(&reader), b"x");
        }
        let file = tempfile::tempfile().unwrap();
        let rejected = PipeReader::try_from(OwnedFd::from(file)).unwrap_err();
        assert_eq!(rejected.to_string(), "fstat: this is neither a pipe nor a FIFO");
        let socket = std::os::unix::net::UnixStream::pair().unwrap().0;
        assert!(PipeReader::try_from(OwnedFd::from(socket)).is_err());
    });
}
