//! The last signal, with all that the kernel said about it.

use super::information::{Fields, Information};
use crate::process::Generation;
use crate::shared::Sequenced;
use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// The last signal that came. Made by [`HandlerOptions::last`](super::HandlerOptions::last).
///
/// When handlers run on several threads at the same moment, one of their signals is kept.
#[derive(Default)]
pub struct LastSignal {
    last: Sequenced<Numbered>,
    /// The generation of the process whose handler writes, or 0.
    writer: AtomicU64,
    /// The number of the signal that was taken last.
    taken: AtomicU64,
}

/// A signal with its number, from 1 on.
#[derive(Clone, Copy, Default, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct Numbered {
    fields: Fields,
    number: u64,
}

impl LastSignal {
    /// Called in the handler.
    pub(super) fn store(&self, fields: &Fields) {
        let this = Generation::current().number();
        let writer = self.writer.load(Ordering::Relaxed);
        // A handler cannot wait for another one, which it may have interrupted. One of the parent process does not exist here.
        if writer == this || self.writer.compare_exchange(writer, this, Ordering::Acquire, Ordering::Relaxed).is_err() {
            return;
        }
        self.last.write(&Numbered { fields: *fields, number: self.last.version() + 1 });
        self.writer.store(0, Ordering::Release);
    }

    /// The last signal since it was last taken; takes it. Of several that take at the same moment, one gets it.
    pub fn take(&self) -> Option<Information> {
        let last = self.last.read().ok()?;
        let is_new = self.taken.fetch_max(last.number, Ordering::AcqRel) < last.number;
        if is_new { last.fields.decode() } else { None }
    }

    /// The last signal that came, whether it was taken or not. `None` also while signals come faster than this looks.
    #[must_use]
    pub fn get(&self) -> Option<Information> {
        self.last.read().ok().and_then(|last| last.fields.decode())
    }
}

impl fmt::Debug for LastSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LastSignal").field(&self.get()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handler_that_the_parent_had_in_flight_does_not_keep_a_child_from_storing() {
        let last = LastSignal::default();
        let this = Generation::current().number();
        last.writer.store(this, Ordering::Relaxed);
        last.store(&Fields::default());
        assert_eq!(last.last.version(), 0, "another handler of this process is writing");
        last.writer.store(this + 1, Ordering::Relaxed); // As fork leaves it: of another process.
        last.store(&Fields::default());
        assert_eq!((last.last.version(), last.writer.into_inner()), (1, 0));
    }
}
