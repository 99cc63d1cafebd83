//! A ring of two slots, one that sends and one that receives.

use super::Fences;
use crate::channel::ring::{Geometry, Reading, SLEEPS, Writing, receiver_is_due, sender_is_due, waits_for, wake};
use crate::channel::waiting::{Fault, Patience, Sleeper};
use crate::sync::Word;
use crate::sync::models::{ModelWord, explore};
use crate::wait::Wait;
use core::sync::atomic::Ordering;
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

const SLOTS: usize = 2;
const GEOMETRY: Geometry = Geometry { capacity: SLOTS as u32, grain: 1 };
const LEFT: u32 = 1;

struct Channel {
    tail: ModelWord,
    head: ModelWord,
    /// Whether the sender left.
    sender: ModelWord,
    sender_waits: ModelWord,
    receiver_waits: ModelWord,
    /// Loom fails when one is read while it is written, or before what was written is seen.
    slots: [UnsafeCell<u32>; SLOTS],
}

#[expect(unsafe_code, reason = "loom watches that the positions keep the accesses apart")]
// SAFETY: the slots are accessed as the positions allow, and loom panics otherwise.
unsafe impl Sync for Channel {}

impl Channel {
    /// The positions begin where they wrap around.
    fn new() -> Arc<Self> {
        let word = ModelWord::new;
        Arc::new(Self {
            tail: word(u32::MAX),
            head: word(u32::MAX),
            sender: word(0),
            sender_waits: word(0),
            receiver_waits: word(0),
            slots: std::array::from_fn(|_| UnsafeCell::new(0)),
        })
    }

    fn writing(&self) -> Writing {
        Writing::resume(GEOMETRY, &self.tail, &self.head).expect("it makes sense")
    }

    fn reading(&self) -> Reading {
        Reading::resume(GEOMETRY, &self.tail, &self.head).expect("it makes sense")
    }

    #[expect(unsafe_code, reason = "loom watches that the positions keep the accesses apart")]
    fn send(&self, ring: &mut Writing, patience: &mut Patience, value: u32) {
        if !ring.has_room(&self.head, 1).expect("it makes sense") {
            let sleeper =
                Sleeper { waits: &self.sender_waits, mark: waits_for(1, GEOMETRY), barrier: &Fences, patience };
            let room = || Ok(ring.has_room(&self.head, 1)?.then_some(()));
            sleeper.wait(Wait::Forever, room, |_| false).expect("room");
        }
        self.slots[ring.offset() as usize].with_mut(|slot| {
            // SAFETY: the reader is done with the slot, or loom says so.
            unsafe { *slot = value }
        });
        ring.advance(1);
        ring.publish(&self.tail);
        if receiver_is_due(&self.receiver_waits, &Fences) {
            wake(&self.receiver_waits);
        }
    }

    fn leave(&self) {
        self.sender.store(LEFT, Ordering::Release);
        if receiver_is_due(&self.receiver_waits, &Fences) {
            wake(&self.receiver_waits);
        }
    }

    #[expect(unsafe_code, reason = "loom watches that the positions keep the accesses apart")]
    fn receive(&self, ring: &mut Reading, patience: &mut Patience) -> Result<u32, Fault> {
        if ring.look(&self.tail)? == 0 {
            let sleeper = Sleeper { waits: &self.receiver_waits, mark: SLEEPS, barrier: &Fences, patience };
            let something = || Ok(Some(ring.look(&self.tail)?).filter(|&ready| ready > 0));
            // Not where the clock asks, which no model has: each run of one makes the same accesses.
            let gone = |find_out: bool| !find_out && self.sender.load(Ordering::Acquire) == LEFT;
            sleeper.wait(Wait::Forever, something, gone)?;
        }
        let value = self.slots[ring.offset() as usize].with(|slot| {
            // SAFETY: the writer published the slot, or loom says so.
            unsafe { *slot }
        });
        ring.advance(1);
        ring.publish(&self.head);
        if sender_is_due(&self.sender_waits, ring, &self.tail, &Fences) {
            wake(&self.sender_waits);
        }
        Ok(value)
    }
}

#[test]
fn values_come_in_order_and_nobody_sleeps_for_ever() {
    explore(|| {
        let channel = Channel::new();
        let sender = Arc::clone(&channel);
        let sending = thread::spawn(move || {
            let (mut ring, mut patience) = (sender.writing(), Patience::new());
            for value in 1..=3 {
                sender.send(&mut ring, &mut patience, value);
            }
        });
        let (mut ring, mut patience) = (channel.reading(), Patience::new());
        for value in 1..=3 {
            assert_eq!(channel.receive(&mut ring, &mut patience), Ok(value));
        }
        sending.join().unwrap();
    });
}

#[test]
fn the_end_comes_after_the_last_value() {
    explore(|| {
        let channel = Channel::new();
        let sender = Arc::clone(&channel);
        let sending = thread::spawn(move || {
            sender.send(&mut sender.writing(), &mut Patience::new(), 7);
            sender.leave();
        });
        let (mut ring, mut patience) = (channel.reading(), Patience::new());
        assert_eq!(channel.receive(&mut ring, &mut patience), Ok(7));
        assert_eq!(channel.receive(&mut ring, &mut patience), Err(Fault::Closed));
        sending.join().unwrap();
    });
}
