//! A number that a handler counts up.

use core::sync::atomic::{AtomicU64, Ordering};

/// How many signals came. Made by [`HandlerOptions::count`](super::HandlerOptions::count).
///
/// Standard signals merge while they wait: it counts deliveries.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }

    /// How many signals came since the number was last taken.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// How many signals came since the number was last taken; takes it.
    pub fn take(&self) -> u64 {
        self.0.swap(0, Ordering::AcqRel)
    }
}
