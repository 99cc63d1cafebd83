//! How a side that publishes learns that the other one sleeps.
//!
//! One writes a position and then reads whether the other sleeps; the other writes that it sleeps and then reads the position.
//! Both need their write to be visible before their read, or both miss each other. A processor does that only at a fence, which
//! costs as much as the rest of a message. The sleeper has time: with `membarrier` it makes every processor that
//! runs a registered process pass a fence, so that the side that publishes needs none.

use core::sync::atomic::{Ordering, compiler_fence, fence};
use rustix::thread::{MembarrierCommand, membarrier};

/// The two halves.
pub(super) trait Barrier {
    /// Between publishing and the look whether somebody sleeps.
    fn published(&self);

    /// Between saying that one sleeps and the last look. False when the other side may not have passed a fence: then the sleep
    /// has to be short.
    fn before_sleep(&self) -> bool;
}

/// By `membarrier`, where the kernel lets this process register; with a fence for each message where not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Membarrier {
    registered: bool,
}

impl Membarrier {
    /// Registers this process. No more than a look at a flag when it is.
    pub(super) fn new() -> Self {
        Self { registered: membarrier(MembarrierCommand::RegisterGlobalExpedited).is_ok() }
    }
}

impl Barrier for Membarrier {
    #[inline]
    fn published(&self) {
        if self.registered {
            compiler_fence(Ordering::SeqCst);
        } else {
            fence(Ordering::SeqCst);
        }
    }

    fn before_sleep(&self) -> bool {
        fence(Ordering::SeqCst);
        membarrier(MembarrierCommand::GlobalExpedited).is_ok()
    }
}
