//! The two events.

use super::{ModelWord, explore};
use crate::sync::{event_auto, event_manual};
use crate::wait::Wait;
use core::sync::atomic::Ordering;
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::AtomicU32;
use loom::thread;
use std::time::Instant;

struct Event {
    word: ModelWord,
    /// Written before the event is set, read after it was waited for.
    message: UnsafeCell<u32>,
    taken: AtomicU32,
}

#[expect(unsafe_code, reason = "loom watches that the event orders the accesses")]
// SAFETY: the cell is written before the event is set and read after, and loom panics otherwise.
unsafe impl Sync for Event {}

impl Event {
    fn new() -> Arc<Self> {
        Arc::new(Self { word: ModelWord::new(0), message: UnsafeCell::new(0), taken: AtomicU32::new(0) })
    }

    #[expect(unsafe_code, reason = "loom watches that the event orders the accesses")]
    fn write(&self) {
        self.message.with_mut(|message| {
            // SAFETY: the event is not set.
            unsafe { *message = 7 }
        });
    }

    #[expect(unsafe_code, reason = "loom watches that the event orders the accesses")]
    fn read(&self) -> u32 {
        self.message.with(|message| {
            // SAFETY: the event was set after the message was written.
            unsafe { *message }
        })
    }

    fn take(&self) {
        event_auto::take(&self.word, Wait::Forever).unwrap();
        self.taken.fetch_add(1, Ordering::Relaxed);
    }
}

fn spawn(event: &Arc<Event>, body: impl FnOnce(&Event) + 'static) -> thread::JoinHandle<()> {
    let event = Arc::clone(event);
    thread::spawn(move || body(&event))
}

#[test]
fn what_was_written_before_an_event_is_read_after_it() {
    explore(|| {
        let event = Event::new();
        let setter = spawn(&event, |event| {
            event.write();
            event_auto::set(&event.word);
        });
        event_auto::take(&event.word, Wait::Forever).unwrap();
        assert_eq!(event.read(), 7);
        setter.join().unwrap();
    });
}

#[test]
fn what_was_written_before_a_gate_opens_is_read_behind_it() {
    explore(|| {
        let event = Event::new();
        let setter = spawn(&event, |event| {
            event.write();
            event_manual::set(&event.word);
        });
        let second = spawn(&event, |event| {
            event_manual::pass(&event.word, Wait::Forever).unwrap();
            assert_eq!(event.read(), 7);
        });
        event_manual::pass(&event.word, Wait::Forever).unwrap();
        assert_eq!(event.read(), 7);
        setter.join().unwrap();
        second.join().unwrap();
    });
}

#[test]
fn two_waiters_are_let_through_by_an_event_each() {
    explore(|| {
        let event = Event::new();
        let waiters = [spawn(&event, Event::take), spawn(&event, Event::take)];
        event_auto::set(&event.word);
        // The second one would change nothing while the first is not taken.
        while event.taken.load(Ordering::Relaxed) == 0 {
            thread::yield_now();
        }
        event_auto::set(&event.word);
        for waiter in waiters {
            waiter.join().unwrap();
        }
        assert_eq!(event.taken.load(Ordering::Relaxed), 2);
        assert!(event_auto::take(&event.word, Wait::No).is_err());
    });
}

#[test]
fn who_steals_or_gives_up_takes_no_wake_up_from_who_sleeps() {
    explore(|| {
        let event = Event::new();
        let patient = spawn(&event, Event::take);
        let other = spawn(&event, |event| {
            // Steals it, or gives up, perhaps after it marked that somebody sleeps.
            if event_auto::take(&event.word, Wait::Until(Instant::now())).is_ok() {
                event_auto::set(&event.word);
            }
        });
        event_auto::set(&event.word);
        patient.join().unwrap();
        other.join().unwrap();
        assert_eq!(event.taken.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn who_sleeps_when_the_gate_opens_passes_though_it_is_shut_at_once() {
    explore(|| {
        let event = Event::new();
        let waiter = spawn(&event, |event| event_manual::pass(&event.word, Wait::Forever).unwrap());
        while event.word.asleep() == 0 {
            thread::yield_now();
        }
        event_manual::set(&event.word);
        event_manual::reset(&event.word);
        waiter.join().unwrap();
    });
}
