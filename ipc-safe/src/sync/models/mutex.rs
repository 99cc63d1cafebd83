//! The mutex of one word.

use super::{ModelWord, explore};
use crate::sync::mutex::{acquire, release};
use crate::wait::Wait;
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;
use std::time::Instant;

struct Counter {
    word: ModelWord,
    /// Loom fails when two threads are in here at once, or when one does not see what the other did.
    value: UnsafeCell<u32>,
}

#[expect(unsafe_code, reason = "loom watches that the lock keeps the accesses apart")]
// SAFETY: the cell is only accessed with the lock held, and loom panics otherwise.
unsafe impl Sync for Counter {}

impl Counter {
    fn new() -> Arc<Self> {
        Arc::new(Self { word: ModelWord::new(0), value: UnsafeCell::new(0) })
    }

    #[expect(unsafe_code, reason = "loom watches that the lock keeps the accesses apart")]
    fn count(&self) {
        acquire(&self.word, Wait::Forever).unwrap();
        self.value.with_mut(|value| {
            // SAFETY: the lock is held.
            unsafe { *value += 1 }
        });
        release(&self.word);
    }

    #[expect(unsafe_code, reason = "loom watches that the lock keeps the accesses apart")]
    fn value(&self) -> u32 {
        self.value.with(|value| {
            // SAFETY: the threads have ended.
            unsafe { *value }
        })
    }
}

#[test]
fn three_threads_exclude_each_other_and_none_sleeps_for_ever() {
    explore(|| {
        let counter = Counter::new();
        let others: Vec<_> = (0..2)
            .map(|_| {
                let counter = Arc::clone(&counter);
                thread::spawn(move || counter.count())
            })
            .collect();
        counter.count();
        for other in others {
            other.join().unwrap();
        }
        assert_eq!(counter.value(), 3);
    });
}

#[test]
fn who_gives_up_takes_no_wake_up_with_it() {
    explore(|| {
        let counter = Counter::new();
        let impatient = {
            let counter = Arc::clone(&counter);
            thread::spawn(move || {
                if acquire(&counter.word, Wait::Until(Instant::now())).is_ok() {
                    release(&counter.word);
                }
            })
        };
        let patient = {
            let counter = Arc::clone(&counter);
            thread::spawn(move || counter.count())
        };
        counter.count();
        impatient.join().unwrap();
        patient.join().unwrap();
        assert_eq!(counter.value(), 2);
    });
}
