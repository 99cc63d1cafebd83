//! Signals while a call waits.

use crate::alone::alone;
use crate::signals::{Handler, gettid, handled, to_thread, wait_until_in};
use crate::support::eventually;
use crate::tools::{LONG, Place, both_kinds, drain, fails, fill_up_to};
use ipc_safe::error::{Error, ErrorKind, Result};
use ipc_safe::pipe::{PipeReader, PipeWriter};
use ipc_safe::signal::Signal;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Lets a handler run `times` times in a thread that waits in `call` by then, and `then` something happen.
fn interrupted<T: Send>(call: libc::c_long, times: u32, then: impl FnOnce() + Send, body: impl FnOnce() -> T) -> T {
    let waiting = gettid();
    let before = handled();
    std::thread::scope(|scope| {
        // It must not be the one that the handler runs in; signals go to the waiting thread by its id.
        scope.spawn(move || {
            for time in 1..=times {
                wait_until_in(call, waiting);
                to_thread(waiting, Signal::USR1);
                eventually("the handler ran", || handled() >= before + time);
            }
            then();
        });
        body()
    })
}

type Writing = fn(&PipeWriter);
type Reading = fn(&PipeReader) -> std::result::Result<usize, std::io::Error>;

/// R-PIPE-04
#[test]
fn reading_goes_on_after_a_handler() {
    alone(|| {
        let _handler = Handler::new(Signal::USR1, 0);
        let forms: [(i64, Reading); 3] = [
            (libc::SYS_read, |mut reader| reader.read(&mut [0; 9])),
            (libc::SYS_ppoll, |reader| Ok(reader.read_timeout(&mut [0; 9], LONG)?)),
            (libc::SYS_ppoll, |reader| Ok(reader.wait().map(|_| 3)?)),
        ];
        for (reader, writer) in both_kinds() {
            for (call, form) in forms {
                let write = || writer.write_atomic("abc").unwrap();
                assert_eq!(interrupted(call, 5, write, || form(&reader)).unwrap(), 3);
                drain(&reader);
            }
        }
    });
}

/// R-PIPE-05: what is written is written once.
#[test]
fn writing_goes_on_after_a_handler() {
    alone(|| {
        let _handler = Handler::new(Signal::USR1, 0);
        let forms: [(i64, Writing); 4] = [
            (libc::SYS_write, |mut writer| writer.write_all(b"abc").unwrap()),
            (libc::SYS_write, |writer| writer.write_atomic("abc").unwrap()),
            (libc::SYS_ppoll, |writer| writer.write_atomic_timeout("abc", LONG).unwrap()),
            (libc::SYS_ppoll, |writer| assert_eq!(writer.write_timeout(b"abc", LONG).unwrap(), 3)),
        ];
        for (reader, writer) in both_kinds() {
            for (call, form) in forms {
                fill_up_to(&writer, 0);
                let capacity = writer.capacity().unwrap();
                let make_room = || (&reader).read_exact(&mut vec![0; capacity]).unwrap();
                interrupted(call, 5, make_room, || form(&writer));
                assert_eq!(drain(&reader), b"abc");
            }
        }
    });
}

/// Handlers that run more often than the time is long, so that it would never end if it began again with each.
#[test]
fn a_time_that_handlers_interrupt_is_not_longer() {
    alone(|| {
        const TIME: Duration = Duration::from_millis(300);
        let _handler = Handler::new(Signal::USR1, 0);
        for (reader, writer) in both_kinds() {
            fill_up_to(&writer, 0);
            let (empty, _keep) = ipc_safe::pipe::pipe().unwrap();
            let forms: [&dyn Fn() -> Result<()>; 4] = [
                &|| empty.read_timeout(&mut [0], TIME).map(drop),
                &|| empty.wait_timeout(TIME).map(drop),
                &|| writer.write_atomic_timeout("x", TIME),
                &|| empty.splice_to_timeout(&writer, 1, TIME).map(drop),
            ];
            for form in forms {
                let (waiting, done) = (gettid(), AtomicBool::new(false));
                std::thread::scope(|scope| {
                    scope.spawn(|| {
                        while !done.load(Ordering::SeqCst) {
                            to_thread(waiting, Signal::USR1);
                            std::thread::sleep(TIME / 30);
                        }
                    });
                    let start = Instant::now();
                    fails(form(), ErrorKind::TimedOut);
                    assert!(start.elapsed() >= TIME);
                    done.store(true, Ordering::SeqCst);
                });
            }
            drop(reader);
        }
    });
}

/// R-PIPE-04, R-PIPE-05
#[test]
fn the_interruptible_forms_end_with_a_handler() {
    alone(|| {
        let _handler = Handler::new(Signal::USR1, 0);
        let ends = |result: std::result::Result<(), Error>| {
            let error = fails(result, ErrorKind::Interrupted);
            assert_eq!(error.raw_os_error(), Some(libc::EINTR));
        };
        for (reader, writer) in both_kinds() {
            let read = || reader.read_interruptible(&mut [0]).map(drop);
            ends(interrupted(libc::SYS_read, 1, || (), read));
            ends(interrupted(libc::SYS_ppoll, 1, || (), || reader.wait_interruptible().map(drop)));
            let (_other_reader, other) = ipc_safe::pipe::pipe().unwrap();
            ends(interrupted(libc::SYS_tee, 1, || (), || reader.tee_to_interruptible(&other, 1).map(drop)));
            ends(interrupted(libc::SYS_splice, 1, || (), || reader.splice_to_interruptible(&other, 1).map(drop)));
            fill_up_to(&writer, 0);
            ends(interrupted(libc::SYS_write, 1, || (), || writer.write_interruptible(b"x").map(drop)));
            ends(interrupted(libc::SYS_write, 1, || (), || writer.write_atomic_interruptible("x")));
            ends(interrupted(libc::SYS_ppoll, 1, || (), || writer.wait_interruptible().map(drop)));
            assert_eq!(drain(&reader).len(), writer.capacity().unwrap(), "nothing was written");
            // A non-blocking end waits all the same.
            reader.set_nonblocking(true).unwrap();
            ends(interrupted(libc::SYS_ppoll, 1, || (), read));
            let write = || writer.write_atomic("abc").unwrap();
            let form = || reader.read_interruptible(&mut [0; 9]);
            assert_eq!(interrupted_by(write, libc::SYS_ppoll, form).unwrap(), 3);
        }
    });
}

/// Something other than a signal that happens to a thread that waits.
fn interrupted_by<T>(then: impl FnOnce() + Send, call: libc::c_long, body: impl FnOnce() -> Result<T>) -> Result<T> {
    let waiting = gettid();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            wait_until_in(call, waiting);
            then();
        });
        body()
    })
}

/// R-FIFO-03
#[test]
fn opening_a_fifo_goes_on_after_a_handler_unless_it_is_interruptible() {
    alone(|| {
        let _handler = Handler::new(Signal::USR1, 0);
        let place = Place::new();
        let fifo = place.fifo();
        let open_writer = || drop(fifo.open_writer().unwrap());
        interrupted(libc::SYS_openat, 5, open_writer, || fifo.open_reader().unwrap());
        let open_reader = || drop(fifo.open_reader().unwrap());
        interrupted(libc::SYS_openat, 5, open_reader, || fifo.open_writer().unwrap());
        let opened = interrupted(libc::SYS_openat, 1, || (), || fifo.open_reader_interruptible());
        fails(opened, ErrorKind::Interrupted);
        let opened = interrupted(libc::SYS_openat, 1, || (), || fifo.open_writer_interruptible());
        fails(opened, ErrorKind::Interrupted);
    });
}
