//! The last signal, with all that the kernel said about it.

use super::information::{Fields, Information};
use crate::shared::Sequenced;
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};

/// The last signal that came. Made by [`HandlerOptions::last`](super::HandlerOptions::last).
///
/// When handlers run on several threads at the same moment, one of their signals is kept.
#[derive(Default)]
pub struct LastSignal {
    fields: Sequenced<Fields>,
    /// A handler writes.
    is_busy: AtomicBool,
    /// Something came that was not taken.
    is_fresh: AtomicBool,
}

impl LastSignal {
    pub(super) fn store(&self, fields: &Fields) {
        // A handler cannot wait for another one, which it may have interrupted.
        if !self.is_busy.swap(true, Ordering::Acquire) {
            self.fields.write(fields);
            self.is_busy.store(false, Ordering::Release);
            self.is_fresh.store(true, Ordering::Release);
        }
    }

    /// The last signal since it was last taken; takes it.
    pub fn take(&self) -> Option<Information> {
        if !self.is_fresh.swap(false, Ordering::AcqRel) {
            return None;
        }
        self.get()
    }

    /// The last signal that came, whether it was taken or not. `None` also while signals come faster than this looks.
    #[must_use]
    pub fn get(&self) -> Option<Information> {
        self.fields.read().ok().and_then(|fields| fields.decode())
    }
}

impl fmt::Debug for LastSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LastSignal").field(&self.get()).finish()
    }
}
