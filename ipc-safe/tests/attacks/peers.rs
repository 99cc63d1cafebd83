//! Peers that mean harm, and descriptors that change hands.

use crate::support::{fork, watchdog};
use ipc_safe::error::ErrorKind;
use ipc_safe::pipe::{self, Fifo, PipeReader, PipeWriter, Readable};
use ipc_safe::socket::{
    BindOptions, FramedStream, Incoming, LocalAddress, LocalSeqPacket, LocalStream, Outgoing, Stream,
};
use std::os::fd::{AsFd, OwnedFd};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Short enough to wait for its end.
const SHORT: Duration = Duration::from_millis(50);

/// The processor time of this process.
fn used() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes the structure.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) }, 0);
    Duration::new(time.tv_sec.cast_unsigned(), time.tv_nsec as u32)
}

/// The numbers of the open descriptors, asked for without one.
fn descriptors() -> Vec<i32> {
    // SAFETY: asks about a number, whatever it is.
    (0..2000).filter(|&number| unsafe { libc::fcntl(number, libc::F_GETFD) } != -1).collect()
}

fn fifo() -> (PipeReader, PipeWriter, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let fifo = Fifo::options().create_new(true).open(folder.path().join("fifo")).unwrap();
    let (reader, writer) = fifo.open_both().unwrap();
    (reader, writer, folder)
}

/// The end of a FIFO that was opened once more for a call that does not wait goes with the first one, wherever that goes.
///
/// R-FIFO-07
#[test]
fn no_hidden_end_keeps_a_stream_open() {
    let _watchdog = watchdog();
    let give: [fn(PipeWriter); 5] = [
        drop,
        |writer| drop(OwnedFd::from(writer)),
        |writer| drop(Stdio::from(writer)),
        |writer| drop(std::io::PipeWriter::from(writer)),
        |writer| {
            let mut command = std::process::Command::new("true");
            assert!(command.stdout(writer).status().unwrap().success());
        },
    ];
    fork(|| {
        for give in give {
            let (reader, writer, _folder) = fifo();
            let before = descriptors();
            assert_eq!(writer.try_write(b"x").unwrap(), 1);
            assert_eq!(reader.try_read(&mut [0; 2]).unwrap(), 1);
            assert_eq!(descriptors().len(), before.len() + 2, "each end was opened once more");
            give(writer);
            assert_eq!(reader.wait_timeout(SHORT).unwrap(), Readable::End);
            assert_eq!(reader.try_read(&mut [0; 2]).unwrap(), 0);
        }
        0
    })
    .succeed();
}

/// Without a descriptor for that, calls that do not wait still do not.
#[test]
fn without_descriptors_calls_on_a_fifo_do_not_wait() {
    let _watchdog = watchdog();
    fork(|| {
        let (reader, writer, _folder) = fifo();
        let open = descriptors();
        let free = (0..).find(|number| !open.contains(number)).unwrap();
        let limit = libc::rlimit { rlim_cur: free as u64, rlim_max: free as u64 };
        // SAFETY: reads a structure; concerns this process only.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
        assert!(reader.try_read(&mut [0]).unwrap_err().is_would_block());
        assert!(reader.read_timeout(&mut [0], SHORT).unwrap_err().is_timed_out());
        while writer.try_write(&[7; 10_000]).is_ok() {}
        assert!(writer.write_timeout(b"x", SHORT).unwrap_err().is_timed_out());
        assert_eq!(reader.available().unwrap(), writer.capacity().unwrap());
        assert_eq!(descriptors(), open);
        drop(reader);
        assert_eq!(writer.try_write(b"x").unwrap_err().kind(), ErrorKind::Closed);
        0
    })
    .succeed();
}

/// Bytes out of band, where a frame begins, in its header and in the middle: no receiver waits for ever, spins, or loses its
/// descriptors; the frames that come are those that were sent.
///
/// R-SOCK-21
#[test]
fn bytes_out_of_band_hurt_only_the_connection() {
    let _watchdog = watchdog();
    fork(|| {
        let frame = [&5_u32.to_le_bytes()[..], &0_u32.to_le_bytes(), b"hello"].concat();
        for at in 0..=frame.len() {
            for count in 1..4 {
                let before = descriptors();
                let (one, other) = LocalStream::pair().unwrap();
                let mut frames = FramedStream::new(other).max_descriptors(1);
                let (head, tail) = frame.split_at(at);
                if !head.is_empty() {
                    one.send(head).unwrap();
                }
                for _ in 0..count {
                    if one.send(Outgoing::new(b"!").out_of_band()).is_err() {
                        println!("skipped: this kernel has nothing out of band");
                        return 0;
                    }
                }
                let (start, cost) = (Instant::now(), used());
                let mut received = Vec::new();
                let mut tail = Some(tail).filter(|tail| !tail.is_empty());
                let end = loop {
                    match frames.receive_timeout(SHORT / 2) {
                        Ok(Some(frame)) => received.push(frame.bytes),
                        Ok(None) => break None,
                        Err(error) if error.is_timed_out() && tail.is_some() => {
                            one.send(tail.take().unwrap()).unwrap();
                        }
                        Err(error) => break Some(error),
                    }
                };
                assert!(start.elapsed() < SHORT * 20, "{:?}", start.elapsed());
                assert!(used() - cost < SHORT, "{:?} of processor time", used() - cost);
                // What the kernel leaves of them may be taken for a part of a frame: not for more than that.
                assert!(received.len() <= 1 && received.iter().all(|bytes| bytes.len() == 5), "{received:?} {end:?}");
                drop((one, frames));
                assert_eq!(descriptors(), before);
            }
        }
        0
    })
    .succeed();
}

/// Descriptors by the thousand, to somebody who asked for none, for one, or for all: none stays open, and the number of those that are
/// open at a time is bounded by what was asked for.
///
/// R-SOCK-21
#[test]
fn a_flood_of_descriptors_leaves_none() {
    let _watchdog = watchdog();
    fork(|| {
        let file = std::fs::File::open("/dev/null").unwrap();
        let many = vec![file.as_fd(); Outgoing::MAX_DESCRIPTORS];
        let (one, other) = LocalSeqPacket::pair().unwrap();
        let before = descriptors();
        for round in 0..100 {
            one.send(Outgoing::new(b"take these").descriptors(&many)).unwrap();
            let mut bytes = [0; 10];
            let room = [0, 1, Outgoing::MAX_DESCRIPTORS][round % 3];
            let received = if round % 4 == 3 {
                assert_eq!(other.receive(&mut bytes).unwrap(), 10);
                None
            } else {
                Some(other.receive_message(&mut Incoming::new(&mut bytes).descriptors(room)).unwrap())
            };
            let came = received.as_ref().map_or(0, |received| received.descriptors.len());
            assert_eq!(came, if received.is_some() && room > 1 { room } else { 0 });
            assert_eq!(descriptors().len(), before.len() + came);
            assert!(received.is_none_or(|received| received.descriptors_lost == (room <= 1)));
        }
        // With each packet and never received: they are the sender's, and go with the sockets.
        while one.try_send(Outgoing::new(b"x").descriptors(&many)).is_ok() {}
        drop((one, other));
        assert_eq!(descriptors().len(), before.len() - 2);
        0
    })
    .succeed();
}

/// Sockets that are under way in each other keep nobody from ending: the kernel collects them.
#[test]
fn sockets_inside_each_other_end() {
    let _watchdog = watchdog();
    let (one, other) = LocalStream::pair().unwrap();
    let (third, fourth) = LocalStream::pair().unwrap();
    one.send(Outgoing::new(b"x").descriptors(&[one.as_fd(), other.as_fd(), third.as_fd()])).unwrap();
    other.send(Outgoing::new(b"x").descriptors(&[other.as_fd(), third.as_fd()])).unwrap();
    third.send("last words").unwrap();
    drop((one, other, third));
    assert_eq!(fourth.receive(&mut [0; 10]).unwrap(), 10);
    // The third end is gone when the kernel has found that nobody can receive it.
    let end = (0..2000).any(|_| {
        let (a, b) = LocalStream::pair().unwrap();
        a.send(Outgoing::new(b"x").descriptors(&[b.as_fd()])).unwrap();
        drop((a, b));
        matches!(fourth.receive_timeout(&mut [0], Duration::from_millis(1)), Ok(0))
    });
    assert!(end);
}

/// Lengths that no memory has.
#[test]
fn lengths_without_measure_are_what_there_is() {
    let _watchdog = watchdog();
    let (reader, writer) = pipe::pipe().unwrap();
    let (copy, target) = pipe::pipe().unwrap();
    writer.write_atomic("bytes").unwrap();
    for len in [usize::MAX, isize::MAX as usize, u32::MAX as usize + 1] {
        match reader.tee_to(&target, len) {
            Ok(len) => assert_eq!((len, copy.try_read(&mut [0; 9]).unwrap()), (5, 5)),
            Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}"),
        }
    }
    match reader.try_splice_to(&target, usize::MAX) {
        Ok(len) => assert_eq!(len, 5),
        Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}"),
    }
    for len in [usize::MAX, i32::MAX as usize + 1] {
        assert_eq!(writer.set_capacity(len).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    let frames = FramedStream::new(LocalStream::pair().unwrap().0);
    let _ = frames.max_len(usize::MAX).max_descriptors(usize::MAX);
}

/// Paths that no file can have are errors, of every call that takes one.
#[test]
fn paths_that_cannot_be_are_refused() {
    let _watchdog = watchdog();
    let long = "/".to_owned() + &"x".repeat(5000);
    let deep = "/x".repeat(4000);
    for path in ["", "/", ".", "..", "a\0b", "\0", "/proc/self/fd/", "/dev/null/x", &long, &deep] {
        for options in [Fifo::options(), Fifo::options().create(true), Fifo::options().create_new(true)] {
            let error = options.open(path).unwrap_err();
            assert!(error.to_string().len() < 25_000, "{error}");
        }
        if let Ok(address) = LocalAddress::path(path) {
            let options = BindOptions::new().replace_stale(true);
            assert!(options.listen::<Stream>(&address).is_err(), "{path}");
            assert!(options.datagram(&address).is_err(), "{path}");
            assert!(LocalStream::connect(&address).is_err(), "{path}");
        }
    }
}
