//! Calls that do not wait on ends that do: also where the kernel has no such call.

use crate::alone::alone;
use crate::filter::{self, Action};
use crate::support::fork;
use crate::tools::{LONG, Place, SHORT, both_kinds, drain, fails};
use ipc_safe::error::ErrorKind;
use ipc_safe::pipe::{PIPE_BUF, PipeReader, PipeWriter};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// R-PIPE-04, R-PIPE-05, R-FIFO-05
#[test]
fn ends_stay_blocking_whatever_was_called() {
    alone(|| {
        for (reader, writer) in both_kinds() {
            every_outcome(&reader, &writer);
            assert!(!reader.is_nonblocking().unwrap() && !writer.is_nonblocking().unwrap());
        }
    });
}

/// Each outcome of the forms that do not wait, or not for ever.
fn every_outcome(reader: &PipeReader, writer: &PipeWriter) {
    let mut buffer = [0; 100];
    fails(reader.try_read(&mut buffer), ErrorKind::WouldBlock);
    let start = Instant::now();
    fails(reader.read_timeout(&mut buffer, SHORT), ErrorKind::TimedOut);
    assert!(start.elapsed() >= SHORT);
    assert_eq!(writer.try_write(b"abc").unwrap(), 3);
    assert_eq!(reader.try_read(&mut buffer).unwrap(), 3);
    writer.try_write_atomic("abc").unwrap();
    assert_eq!(reader.read_timeout(&mut buffer, LONG).unwrap(), 3);
    let mut written = 0;
    while let Ok(len) = writer.try_write(&[1; 8192]) {
        written += len;
    }
    assert_eq!(written, writer.capacity().unwrap());
    fails(writer.try_write_atomic("x"), ErrorKind::WouldBlock);
    let start = Instant::now();
    fails(writer.write_timeout(b"x", SHORT), ErrorKind::TimedOut);
    assert!(start.elapsed() >= SHORT);
    assert_eq!(drain(reader).len(), written);
}

/// An old kernel: pipes do not take `RWF_NOWAIT`, as FIFOs never do.
#[test]
fn a_kernel_without_calls_that_do_not_wait() {
    alone(|| {
        for errno in [libc::EOPNOTSUPP, libc::ENOSYS] {
            fork(|| {
                let ends = both_kinds();
                filter::install(&[libc::SYS_preadv2, libc::SYS_pwritev2], Action::Fail(errno));
                for (reader, writer) in ends {
                    every_outcome(&reader, &writer);
                    assert!(!reader.is_nonblocking().unwrap() && !writer.is_nonblocking().unwrap());
                    drop(writer);
                    assert_eq!(reader.try_read(&mut [0]).unwrap(), 0, "nothing keeps it open");
                }
                let [(reader, writer), _] = both_kinds();
                drop(reader);
                fails(writer.try_write(b"x"), ErrorKind::Closed);
                0
            })
            .succeed();
        }
    });
}

/// And one where the ends cannot be opened once more either.
#[test]
fn without_proc_a_look_comes_before_the_call() {
    alone(|| {
        fork(|| {
            let ends = both_kinds();
            let calls = [libc::SYS_preadv2, libc::SYS_pwritev2];
            filter::install(&calls, Action::Fail(libc::EOPNOTSUPP));
            filter::install(&[libc::SYS_openat], Action::Fail(libc::EACCES));
            for (reader, writer) in ends {
                every_outcome(&reader, &writer);
                // More than there is surely room for is written in parts.
                assert_eq!(writer.try_write(&[1; 10_000]).unwrap(), PIPE_BUF);
                drain(&reader);
                drop(reader);
                fails(writer.try_write(b"x"), ErrorKind::Closed);
            }
            0
        })
        .succeed();
    });
}

/// R-FIFO-05: of several readers of a FIFO, who comes too late does not wait for the next byte.
#[test]
fn readers_that_take_each_others_bytes_do_not_wait() {
    const BYTES: usize = 20_000;
    alone(|| {
        let place = Place::new();
        let fifo = place.fifo();
        let (first, writer) = fifo.open_both().unwrap();
        let readers = [first, fifo.open_reader().unwrap(), fifo.open_reader().unwrap()];
        let read = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for reader in readers {
                let read = &read;
                scope.spawn(move || {
                    while read.load(Ordering::Relaxed) < BYTES {
                        match reader.try_read(&mut [0]) {
                            Ok(len) => drop(read.fetch_add(len, Ordering::Relaxed)),
                            Err(error) => assert!(error.is_would_block()),
                        }
                    }
                });
            }
            for _ in 0..BYTES {
                writer.write_atomic("x").unwrap();
            }
            // Kept open: a reader that waits would wait for ever.
            while read.load(Ordering::Relaxed) < BYTES {
                std::thread::yield_now();
            }
        });
        assert_eq!(read.into_inner(), BYTES);
    });
}
