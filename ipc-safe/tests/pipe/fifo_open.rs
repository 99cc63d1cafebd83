//! Opening the ends of a FIFO.

use crate::alone::alone;
use crate::signals::while_in;
use crate::support::fork;
use crate::tools::{LONG, Place, SHORT, drain, fails};
use ipc_safe::error::ErrorKind;
use ipc_safe::pipe::{Fifo, Readable};
use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// R-FIFO-03
#[test]
fn opening_one_end_waits_for_the_other() {
    alone(|| {
        let place = Place::new();
        let fifo = place.fifo();
        let other = fifo.clone();
        let open = move |_| drop(other.open_writer().unwrap());
        while_in(libc::SYS_openat, open, || fifo.open_reader()).unwrap();
        let other = fifo.clone();
        let open = move |_| drop(other.open_reader().unwrap());
        while_in(libc::SYS_openat, open, || fifo.open_writer()).unwrap();
    });
}

/// R-FIFO-03: with a deadline.
#[test]
fn opening_one_end_waits_at_most_so_long() {
    alone(|| {
        let place = Place::new();
        let fifo = place.fifo();
        for time in [Duration::ZERO, SHORT] {
            let start = Instant::now();
            let error = fails(fifo.open_reader_timeout(time), ErrorKind::TimedOut);
            let text = format!("open of {:?}: ETIMEDOUT: nobody opened it for writing in time", place.path());
            assert_eq!(error.to_string(), text);
            let error = fails(fifo.open_writer_timeout(time), ErrorKind::TimedOut);
            let text = format!("open of {:?}: ETIMEDOUT: nobody opened it for reading in time", place.path());
            assert_eq!(error.to_string(), text);
            assert!(start.elapsed() >= 2 * time);
        }
        // Nothing of it is left open: for nobody else there is a reader.
        fails(fifo.try_open_writer(), ErrorKind::WouldBlock);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| fifo.open_reader_timeout(LONG).unwrap());
            let writer = fifo.open_writer_timeout(LONG).unwrap();
            let mut reader = reader.join().unwrap();
            // It is blocking, as any other.
            assert!(!reader.is_nonblocking().unwrap() && !writer.is_nonblocking().unwrap());
            writer.write_atomic("x").unwrap();
            reader.read_exact(&mut [0]).unwrap();
        });
    });
}

/// R-FIFO-03: a writer is noticed whether it says something or not, and when it is gone again.
#[test]
fn a_deadline_notices_every_sort_of_writer() {
    alone(|| {
        let place = Place::new();
        let fifo = place.fifo();
        // Each waits in `open` until the reader has come.
        let silent = || drop(fifo.open_writer().unwrap());
        let short = || fifo.open_writer().unwrap().write_atomic("x").unwrap();
        let staying = || {
            let mut writer = fifo.open_writer().unwrap();
            // Until the reader is gone.
            while writer.write_timeout(b"y", SHORT).is_ok() {}
            writer.flush().unwrap();
        };
        for (writer, expected) in [(&silent as &(dyn Fn() + Sync), 0), (&short, 1)] {
            std::thread::scope(|scope| {
                scope.spawn(writer);
                let mut reader = fifo.open_reader_timeout(LONG).unwrap();
                assert_eq!(reader.read(&mut [0; 10]).unwrap(), expected);
            });
        }
        std::thread::scope(|scope| {
            scope.spawn(staying);
            fifo.open_reader_timeout(LONG).unwrap();
        });
        // One that has it open already and writes nothing.
        let (_keep, _writer) = fifo.open_both().unwrap();
        fifo.open_reader_timeout(LONG).unwrap();
    });
}

/// R-FIFO-04
#[test]
fn without_waiting_a_reader_opens_at_once_and_a_writer_needs_a_reader() {
    alone(|| {
        let place = Place::new();
        let fifo = place.fifo();
        let error = fails(fifo.try_open_writer(), ErrorKind::WouldBlock);
        let text = format!("open of {:?}: ENXIO: nobody has it open for reading", place.path());
        assert_eq!(error.to_string(), text);
        let reader = fifo.try_open_reader().unwrap();
        fifo.try_open_writer().unwrap().write_atomic("x").unwrap();
        assert_eq!(drain(&reader), b"x");
    });
}

/// R-FIFO-05, mistakes 14 and 16
#[test]
fn reading_without_waiting_tells_no_writer_from_no_bytes() {
    alone(|| {
        let place = Place::new();
        let fifo = place.fifo();
        let mut reader = fifo.try_open_reader().unwrap();
        let mut byte = [0];
        assert_eq!(reader.try_read(&mut byte).unwrap(), 0, "no writer");
        fails(reader.try_wait(), ErrorKind::WouldBlock);
        reader.set_nonblocking(true).unwrap();
        assert_eq!(reader.read(&mut byte).unwrap(), 0, "no writer");
        let writer = fifo.open_writer().unwrap();
        fails(reader.try_read(&mut byte), ErrorKind::WouldBlock);
        assert_eq!(reader.read(&mut byte).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        writer.write_atomic("x").unwrap();
        assert_eq!(reader.read(&mut byte).unwrap(), 1);
        drop(writer);
        assert_eq!(reader.try_read(&mut byte).unwrap(), 0);
        assert_eq!(reader.try_wait().unwrap(), Readable::End);
    });
}

/// R-FIFO-07, mistake 17
#[test]
fn the_end_of_a_stream_is_not_the_end_of_the_fifo() {
    alone(|| {
        let place = Place::new();
        let fifo = place.fifo();
        let mut reader = fifo.try_open_reader().unwrap();
        for text in ["first", "second", "third"] {
            let writer = fifo.open_writer().unwrap();
            writer.write_atomic(text).unwrap();
            drop(writer);
            let mut read = String::new();
            reader.read_to_string(&mut read).unwrap();
            assert_eq!(read, text);
            assert_eq!(reader.try_wait().unwrap(), Readable::End);
        }
    });
}

/// R-FIFO-08, R-FIFO-09
#[test]
fn without_a_name_the_ends_go_on() {
    alone(|| {
        let place = Place::new();
        let fifo = place.fifo().into_owned();
        let (reader, mut writer) = fifo.open_both().unwrap();
        writer.write_all(b"before").unwrap();
        assert_eq!(fs::metadata(place.path()).unwrap().len(), 0, "nothing of it is in the file");
        let handle = fifo.keep();
        handle.clone().into_owned().unlink().unwrap();
        writer.write_all(b" and after").unwrap();
        assert_eq!(drain(&reader), b"before and after");
        fails(handle.try_open_reader(), ErrorKind::NotFound);
        fails(handle.open_reader_timeout(LONG), ErrorKind::NotFound);
        fails(handle.open_writer_timeout(LONG), ErrorKind::NotFound);
        fails(handle.open_lasting_reader(), ErrorKind::NotFound);
        fails(Fifo::open(place.path()), ErrorKind::NotFound);
        let mut file = File::from(OwnedFd::from(reader));
        assert_eq!(file.rewind().unwrap_err().raw_os_error(), Some(libc::ESPIPE));
    });
}

/// R-FIFO-09: with the last end goes what was not read.
#[test]
fn bytes_that_nobody_read_go_with_the_last_end() {
    alone(|| {
        let place = Place::new();
        let fifo = place.fifo();
        let (reader, writer) = fifo.open_both().unwrap();
        writer.write_atomic("lost").unwrap();
        drop((reader, writer));
        assert_eq!(fifo.open_both().unwrap().0.available().unwrap(), 0);
    });
}

/// R-FIFO-11
#[test]
fn a_lasting_reader_opens_at_once_and_never_reads_the_end() {
    alone(|| {
        let place = Place::new();
        let fifo = place.fifo();
        let mut reader = fifo.open_lasting_reader().unwrap();
        for client in 0..3_u8 {
            let path = place.path();
            let write = move |_| {
                fork(|| {
                    let writer = Fifo::open(path).unwrap().open_writer().unwrap();
                    writer.write_atomic([client; 5]).unwrap();
                    0
                })
                .succeed();
            };
            let mut bytes = [0; 5];
            while_in(libc::SYS_read, write, || reader.read_exact(&mut bytes)).unwrap();
            assert_eq!(bytes, [client; 5]);
            fails(reader.try_read(&mut bytes), ErrorKind::WouldBlock);
        }
        fails(reader.read_timeout(&mut [0], SHORT), ErrorKind::TimedOut);
    });
}

/// R-FIFO-11: both ends, and each is what its type says.
#[test]
fn both_ends_are_opened_without_anybody_else() {
    alone(|| {
        let (reader, writer) = Place::new().fifo().open_both().unwrap();
        assert_eq!(rustix::io::write(&reader, b"x"), Err(rustix::io::Errno::BADF));
        assert_eq!(rustix::io::read(&writer, &mut [0_u8]), Err(rustix::io::Errno::BADF));
        drop(writer);
        assert_eq!((&reader).read(&mut [0]).unwrap(), 0);
    });
}

/// A name that means something else by now is an error, and nothing is written there.
#[test]
fn a_name_that_was_replaced_is_not_opened() {
    alone(|| {
        let place = Place::new();
        let fifo = place.fifo();
        fs::remove_file(place.path()).unwrap();
        let other = place.fifo();
        let _reader = other.try_open_reader().unwrap();
        let text = format!("open of {:?}: the FIFO was removed, and the name means another file now", place.path());
        assert_eq!(fails(fifo.try_open_writer(), ErrorKind::Removed).to_string(), text);
        fails(fifo.open_writer(), ErrorKind::Removed);
        fails(fifo.open_writer_timeout(LONG), ErrorKind::Removed);
        fails(fifo.open_reader_timeout(LONG), ErrorKind::Removed);
        fails(fifo.open_both(), ErrorKind::Removed);
        fs::remove_file(place.path()).unwrap();
        fs::write(place.path(), "a file").unwrap();
        fails(fifo.open_writer(), ErrorKind::Removed);
        fails(fifo.open_lasting_reader(), ErrorKind::Removed);
        assert_eq!(fs::read(place.path()).unwrap(), b"a file");
    });
}

/// R-FIFO-12, mistake 18: records are told apart by their size, and not by zero bytes or by what a read returns.
#[test]
fn records_with_zero_bytes_that_arrive_together_are_all_read() {
    const RECORD: usize = 20;
    alone(|| {
        let (mut reader, writer) = Place::new().fifo().open_both().unwrap();
        let records: Vec<Vec<u8>> =
            (0..10_u8).map(|number| [vec![number, 0, 0], vec![b'x'; RECORD - 3]].concat()).collect();
        for record in &records {
            writer.write_atomic(record).unwrap();
        }
        drop(writer);
        let mut read = Vec::new();
        let mut record = [0; RECORD];
        while reader.wait().unwrap() == Readable::Bytes {
            reader.read_exact(&mut record).unwrap();
            read.push(record.to_vec());
        }
        assert_eq!(read, records);
    });
}
