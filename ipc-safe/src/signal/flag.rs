//! A flag that a handler sets.

use core::sync::atomic::{AtomicBool, Ordering};

/// Whether a signal came. Made by [`HandlerOptions::flag`](super::HandlerOptions::flag).
#[derive(Debug, Default)]
pub struct Flag(AtomicBool);

impl Flag {
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether a signal came since the flag was last taken.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Whether a signal came since the flag was last taken; takes it.
    pub fn take(&self) -> bool {
        self.0.swap(false, Ordering::AcqRel)
    }
}
