//! Models: every interleaving of a sender and a receiver on the positions, the wake-ups and the way out, by loom.
//!
//! What `membarrier` does is a fence on both sides here: that is what it makes of the side that has none.

mod ring;

use super::barrier::Barrier;
use super::waiting::Bed;
use crate::sync::Word;
use crate::sync::models::ModelWord;
use crate::wait::Wait;
use core::sync::atomic::Ordering;
use std::time::Duration;

/// A fence on each side.
pub(super) struct Fences;

impl Barrier for Fences {
    fn published(&self) {
        loom::sync::atomic::fence(Ordering::SeqCst);
    }

    fn before_sleep(&self) -> bool {
        loom::sync::atomic::fence(Ordering::SeqCst);
        true
    }
}

/// The clock stands still: a wake-up that is lost is a thread that sleeps for ever, which loom reports.
impl Bed for ModelWord {
    fn sleep(&self, expected: u32, _: Duration) -> bool {
        Word::wait(self, expected, Wait::Forever).expect("for ever");
        false
    }
}
