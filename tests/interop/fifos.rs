//! FIFOs, and a filter in C.

use crate::peer::{FIFO, fifo as peer, waits_in};
use crate::program::Running;
use crate::support::{eventually, watchdog};
use ipc_safe::command::Coprocess;
use ipc_safe::error::ErrorKind;
use ipc_safe::pipe::{Fifo, OwnedFifo, PIPE_BUF, PipeReader};
use std::io::{Read, Write};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

const LONG: Duration = Duration::from_secs(20);
const SIZE: usize = 20_000_000;

/// A folder with a FIFO, and its path.
struct Place {
    _folder: TempDir,
    fifo: OwnedFifo,
    path: String,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let fifo = Fifo::options().create_new(true).open(folder.path().join("fifo")).unwrap().into_owned();
        let path = fifo.path().to_str().unwrap().to_owned();
        Self { _folder: folder, fifo, path }
    }

    /// The path, after words.
    fn words(&self, words: &str) -> String {
        words.replace("PATH", &self.path)
    }

    fn peer(&self, words: &str) -> Running {
        peer(&self.words(words))
    }
}

/// As in `tests/peers/fifo_peer.c`.
fn byte_at(at: usize) -> u8 {
    (at * 31 % 251) as u8
}

/// R-FIFO-01, R-FIFO-10: who comes second finds what is there, on both sides.
#[test]
fn either_side_makes_the_fifo() {
    let _watchdog = watchdog();
    let place = Place::new();
    assert_eq!(place.peer("make PATH 0600").fail(), "mkfifo: EEXIST\n");
    let path = place.path.clone();
    place.fifo.keep().into_owned().unlink().unwrap();
    peer(&format!("make {path} 0600")).succeed();
    let found = Fifo::options().create(true).open(&path).unwrap();
    assert!(!found.is_new());
    let error = Fifo::options().create_new(true).open(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    found.into_owned().unlink().unwrap();
    assert_eq!(peer(&format!("read {path}")).fail(), "open: ENOENT\n");
}

/// R-FIFO-03: each of the waiting ways to open meets C's, on either side.
#[test]
fn opening_meets_a_c_program_that_waits() {
    let _watchdog = watchdog();
    let place = Place::new();
    let fifo = &place.fifo;
    for open in [|fifo: &Fifo| fifo.open_writer(), |fifo: &Fifo| fifo.open_writer_timeout(LONG)] {
        let mut reader = place.peer("hold-reader PATH");
        eventually("C waits for a writer", || waits_in(&reader, libc::SYS_openat));
        let writer = open(fifo).unwrap();
        assert_eq!(reader.line(), "open");
        writer.write_atomic("x").unwrap();
        reader.succeed();
        assert_eq!(writer.write_atomic("x").unwrap_err().kind(), ErrorKind::Closed);
    }
    for open in [|fifo: &Fifo| fifo.open_reader(), |fifo: &Fifo| fifo.open_reader_timeout(LONG)] {
        let mut writer = place.peer("hold-writer PATH");
        eventually("C waits for a reader", || waits_in(&writer, libc::SYS_openat));
        let mut reader: PipeReader = open(fifo).unwrap();
        assert_eq!(writer.line(), "open");
        assert!(reader.try_read(&mut [0]).unwrap_err().is_would_block(), "C has it open");
        writer.succeed();
        assert_eq!(reader.read(&mut [0]).unwrap(), 0);
    }
}

/// R-FIFO-04, R-FIFO-05, R-FIFO-06: what C sees without waiting, of the ends that are open here.
#[test]
fn c_sees_the_same_without_waiting() {
    let _watchdog = watchdog();
    let place = Place::new();
    assert_eq!(place.peer("try-write PATH 1").fail(), "open: ENXIO\n");
    assert_eq!(place.peer("try-read PATH").succeed(), "0\n");
    let (reader, writer) = place.fifo.open_both().unwrap();
    assert_eq!(place.peer("try-read PATH").fail(), "read: EAGAIN\n");
    assert_eq!(place.peer("try-write PATH 4096").succeed(), "4096\n");
    let filling = vec![0; writer.capacity().unwrap() - writer.available().unwrap() - (PIPE_BUF - 1)];
    writer.try_write(&filling).unwrap();
    assert_eq!(place.peer("try-write PATH 4096").fail(), "write: EAGAIN\n");
    assert_eq!(place.peer("try-write PATH 5000").succeed(), "904\n");
    assert_eq!(reader.available().unwrap(), filling.len() + PIPE_BUF + 904);
}

/// R-FIFO-12: the examples, with C in the other part.
#[test]
fn the_examples_write_to_c_and_read_from_it() {
    let _watchdog = watchdog();
    let place = Place::new();
    let reader = place.peer("read PATH");
    let writer = Running::example("fifo_writer", [&place.path, "0"]);
    let pid = writer.pid().as_raw_nonzero();
    assert_eq!(writer.succeed(), "wrote 10 records\n");
    let expected: String = (0..10).map(|number| format!("{number} record {number} of process {pid}\n")).collect();
    assert_eq!(reader.succeed(), expected + "end\n");

    let writer = place.peer("write PATH 10");
    let output = Running::example("fifo_reader", [&place.path]).succeed();
    writer.succeed();
    let expected: String = (0..10).map(|number| format!("{number} at 0.0 s: record {number} from C\n")).collect();
    assert_eq!(output, expected + "the end, after 10 records\n");
}

/// R-FIFO-06, R-FIFO-09
#[test]
fn many_bytes_go_to_c_and_come_from_it() {
    let _watchdog = watchdog();
    let place = Place::new();
    let receiver = place.peer("check PATH");
    let mut writer = place.fifo.open_writer().unwrap();
    writer.write_all(&(0..SIZE).map(byte_at).collect::<Vec<_>>()).unwrap();
    drop(writer);
    assert_eq!(receiver.succeed(), format!("{SIZE}\n"));

    let sender = place.peer(&format!("send PATH {SIZE}"));
    let mut bytes = Vec::new();
    place.fifo.open_reader_timeout(LONG).unwrap().read_to_end(&mut bytes).unwrap();
    sender.succeed();
    assert!(bytes.len() == SIZE && bytes.iter().enumerate().all(|(at, byte)| *byte == byte_at(at)));
}

/// R-FIFO-06: whole records of both sides, at the same time.
#[test]
fn records_of_c_and_of_the_crate_stay_whole() {
    const RECORDS: usize = 300;
    let _watchdog = watchdog();
    let place = Place::new();
    let (mut reader, writer) = place.fifo.open_both().unwrap();
    let peers = ["a", "b"].map(|letter| place.peer(&format!("letters PATH {letter} {RECORDS}")));
    std::thread::scope(|scope| {
        scope.spawn(|| (0..RECORDS).for_each(|_| writer.write_atomic([b'r'; PIPE_BUF]).unwrap()));
        let mut counts = [0; 256];
        for _ in 0..3 * RECORDS {
            let mut record = [0; PIPE_BUF];
            reader.read_exact(&mut record).unwrap();
            assert!(record.iter().all(|byte| *byte == record[0]), "a record is torn");
            counts[usize::from(record[0])] += 1;
        }
        assert_eq!([b'a', b'b', b'r'].map(|letter| counts[usize::from(letter)]), [RECORDS; 3]);
    });
    for peer in peers {
        peer.succeed();
    }
}

/// R-PIPE-16, R-PIPE-18: a filter as C programs are.
#[test]
fn a_filter_in_c_adds_when_it_flushes() {
    let _watchdog = watchdog();
    let mut filter = Coprocess::start(Command::new(FIFO).arg("add")).unwrap();
    for (request, answer) in [("1 2", "3"), ("one two", "invalid parameter."), ("-7 3", "-4")] {
        assert_eq!(filter.request_timeout(request, LONG).unwrap(), answer.as_bytes());
    }
    assert!(filter.finish().unwrap().1.is_success());

    let mut silent = Coprocess::start(Command::new(FIFO).arg("add-without-flush")).unwrap();
    let error = silent.request_timeout("1 2", Duration::from_millis(100)).unwrap_err();
    assert!(error.is_timed_out() && error.to_string().ends_with("does the program keep its output back?"), "{error}");
    assert_eq!(silent.finish().unwrap().0, b"3\n");
}
