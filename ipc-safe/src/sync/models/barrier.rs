//! The barrier.

use super::{ModelWord, explore, explore_up_to};
use crate::sync::barrier::meet;
use crate::wait::Wait;
use core::num::NonZeroU32;
use core::sync::atomic::Ordering;
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::AtomicU32;
use loom::thread;
use std::time::Instant;

struct Place {
    word: ModelWord,
    /// Each writes its own before the barrier, and reads all behind it.
    values: [UnsafeCell<u32>; 3],
    leaders: AtomicU32,
}

#[expect(unsafe_code, reason = "loom watches that the barrier orders the accesses")]
// SAFETY: the cells are written before the barrier and read behind it, and loom panics otherwise.
unsafe impl Sync for Place {}

impl Place {
    fn new() -> Arc<Self> {
        let values = [0; 3].map(UnsafeCell::new);
        Arc::new(Self { word: ModelWord::new(0), values, leaders: AtomicU32::new(0) })
    }

    fn meet(&self, parties: u32) {
        let parties = NonZeroU32::new(parties).unwrap();
        if meet(&self.word, parties, Wait::Forever).unwrap() {
            self.leaders.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[expect(unsafe_code, reason = "loom watches that the barrier orders the accesses")]
    fn write(&self, index: usize) {
        self.values[index].with_mut(|value| {
            // SAFETY: before the barrier.
            unsafe { *value = 7 }
        });
    }

    #[expect(unsafe_code, reason = "loom watches that the barrier orders the accesses")]
    fn read(&self, index: usize) -> u32 {
        self.values[index].with(|value| {
            // SAFETY: behind the barrier.
            unsafe { *value }
        })
    }
}

fn spawn(place: &Arc<Place>, body: impl FnOnce(&Place) + 'static) -> thread::JoinHandle<()> {
    let place = Arc::clone(place);
    thread::spawn(move || body(&place))
}

#[test]
fn three_meet_and_see_what_each_has_written() {
    explore_up_to(2, || {
        let place = Place::new();
        let body = |place: &Place, index| {
            place.write(index);
            place.meet(3);
            assert!((0..3).all(|index| place.read(index) == 7));
        };
        let others = [1, 2].map(|index| spawn(&place, move |place| body(place, index)));
        body(&place, 0);
        for other in others {
            other.join().unwrap();
        }
        assert_eq!(place.leaders.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn two_meet_in_two_rounds() {
    explore(|| {
        let place = Place::new();
        let body = |place: &Place, index: usize| {
            place.write(index);
            place.meet(2);
            assert_eq!(place.read(1 - index), 7);
            place.meet(2);
            place.write(1 - index);
        };
        let other = spawn(&place, move |place| body(place, 1));
        body(&place, 0);
        other.join().unwrap();
        assert_eq!(place.leaders.load(Ordering::Relaxed), 2);
    });
}

#[test]
fn two_meet_whatever_one_that_gives_up_does() {
    explore_up_to(2, || {
        let place = Place::new();
        let other = spawn(&place, |place| place.meet(2));
        let impatient = spawn(&place, |place| {
            let two = NonZeroU32::new(2).unwrap();
            // When it meets one of them, the other one would wait for ever.
            if meet(&place.word, two, Wait::Until(Instant::now())).is_ok() {
                place.meet(2);
            }
        });
        place.meet(2);
        other.join().unwrap();
        impatient.join().unwrap();
    });
}
