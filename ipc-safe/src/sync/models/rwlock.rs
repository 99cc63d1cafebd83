//! The reader-writer lock.

use super::{ModelWord, explore, explore_up_to};
use crate::sync::rwlock::Words;
use crate::wait::Wait;
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;
use std::time::Instant;

struct Record {
    words: Words<ModelWord>,
    /// Loom fails when a writer is in here with anybody else, or when one does not see what another wrote.
    value: UnsafeCell<u32>,
}

#[expect(unsafe_code, reason = "loom watches that the lock keeps the accesses apart")]
// SAFETY: the cell is only accessed with the lock held, and loom panics otherwise.
unsafe impl Sync for Record {}

impl Record {
    fn new() -> Arc<Self> {
        let words = Words { state: ModelWord::new(0), turn: ModelWord::new(0) };
        Arc::new(Self { words, value: UnsafeCell::new(0) })
    }

    #[expect(unsafe_code, reason = "loom watches that the lock keeps the accesses apart")]
    fn look(&self) -> u32 {
        self.value.with(|value| {
            // SAFETY: the lock is held for reading.
            unsafe { *value }
        })
    }

    fn read(&self) -> u32 {
        self.words.read(Wait::Forever).unwrap();
        let value = self.look();
        self.words.end_reading();
        value
    }

    #[expect(unsafe_code, reason = "loom watches that the lock keeps the accesses apart")]
    fn count(&self) {
        self.value.with_mut(|value| {
            // SAFETY: the lock is held for writing.
            unsafe { *value += 1 }
        });
    }

    fn write(&self) {
        self.words.write(Wait::Forever).unwrap();
        self.count();
        self.words.end_writing();
    }
}

fn spawn(record: &Arc<Record>, body: impl FnOnce(&Record) + 'static) -> thread::JoinHandle<()> {
    let record = Arc::clone(record);
    thread::spawn(move || body(&record))
}

/// Runs the bodies at once, this thread the last of them, and expects so many writes.
fn run<const N: usize>(others: [fn(&Record); N], this: fn(&Record), writes: u32) {
    explore_up_to(2, move || {
        let record = Record::new();
        let others = others.map(|body| spawn(&record, body));
        this(&record);
        for other in others {
            other.join().unwrap();
        }
        // Waits for ever if a mark that keeps readers out stayed behind.
        assert_eq!(record.read(), writes);
    });
}

fn read(record: &Record) {
    record.read();
}

fn impatient_write(record: &Record) {
    if record.words.write(Wait::Until(Instant::now())).is_ok() {
        record.words.end_writing();
    }
}

fn impatient_read(record: &Record) {
    if record.words.read(Wait::Until(Instant::now())).is_ok() {
        record.look();
        record.words.end_reading();
    }
}

#[test]
fn three_writers() {
    run([Record::write, Record::write], Record::write, 3);
}

#[test]
fn two_writers_and_a_reader() {
    run([Record::write, read], Record::write, 2);
}

#[test]
fn two_readers_and_a_writer() {
    run([read, read], Record::write, 1);
}

#[test]
fn a_reader_a_writer_and_a_writer_that_gives_up() {
    run([impatient_write, read], Record::write, 1);
}

#[test]
fn two_writers_and_a_writer_that_gives_up() {
    run([impatient_write, Record::write], Record::write, 2);
}

#[test]
fn two_readers_and_a_writer_that_gives_up() {
    run([impatient_write, read], read, 0);
}

#[test]
fn a_writer_a_reader_and_a_reader_that_gives_up() {
    run([impatient_read, read], Record::write, 1);
}

#[test]
fn readers_get_in_while_another_reads_and_a_writer_has_given_up() {
    explore(|| {
        let record = Record::new();
        record.words.read(Wait::Forever).unwrap();
        let impatient = spawn(&record, impatient_write);
        let other = spawn(&record, |record| _ = record.read());
        impatient.join().unwrap();
        // The other reader gets in although this one still reads.
        other.join().unwrap();
        record.words.end_reading();
    });
}

/// The readers take the writers' mark with them; the writer that was woken sets it again for the other one.
#[test]
fn a_writer_lets_in_a_reader_and_two_writers() {
    explore_up_to(1, || {
        let record = Record::new();
        record.words.write(Wait::Forever).unwrap();
        let others = [read, Record::write, Record::write].map(|body| spawn(&record, body));
        while record.words.state.asleep() < 1 || record.words.turn.asleep() < 2 {
            thread::yield_now();
        }
        record.count();
        record.words.end_writing();
        for other in others {
            other.join().unwrap();
        }
        assert_eq!(record.read(), 3);
    });
}
