//! What the two sides of a channel share besides the bytes.
#![expect(unsafe_code, reason = "the macro that declares records implements an unsafe trait, and proves it")]

use crate::sync::RobustMutex;
use core::sync::atomic::{AtomicU32, AtomicU64};

crate::shm_safe! {
    /// The record at the start of a channel's region. With the 64 bytes that `Shared` puts before it, each group that one
    /// side writes often begins at a multiple of 128: processors fetch lines of 64 bytes in pairs.
    pub(super) struct Header {
        /// Bytes of the ring, or slots. Written once; compared with what the region's length says, never used.
        pub(super) capacity: AtomicU32,
        /// Bytes from one slot to the next, 0 where messages have borders of their own.
        pub(super) slot: AtomicU32,
        /// Bytes of a value, 0 likewise.
        pub(super) value: AtomicU32,
        /// 1 where several senders share the ring.
        pub(super) shared: AtomicU32,
        /// In which namespaces the ids of the claims have their meaning.
        pub(super) namespace: AtomicU64,
        reserved: [AtomicU64; 5],
        /// Up to where messages are written.
        pub(super) tail: Position,
        /// Up to where messages are taken.
        pub(super) head: Position,
        pub(super) sender: Desk,
        pub(super) receiver: Desk,
        pub(super) senders: Senders,
    }
}

crate::shm_safe! {
    /// For several senders: who may write, and who they are.
    pub(super) struct Senders {
        /// Whoever holds it is the sender.
        pub(super) lock: RobustMutex<AtomicU64>,
        reserved: [AtomicU64; RESERVED],
        /// The claim of each.
        pub(super) seats: [AtomicU64; SEATS],
    }
}

/// So many senders can share a channel.
pub(super) const SEATS: usize = 128;
/// The seats begin on a line of their own.
const RESERVED: usize = 16 - size_of::<RobustMutex<AtomicU64>>() / 8;

crate::shm_safe! {
    /// A position in the stream of all bytes, or slots, that ever went through: it wraps around at 2^32.
    pub(super) struct Position {
        pub(super) word: AtomicU32,
        reserved: [AtomicU32; 31],
    }
}

crate::shm_safe! {
    /// What is seldom written about a side: who has it, and whether it sleeps.
    pub(super) struct Desk {
        /// Who has it; see `Claim`.
        pub(super) claim: AtomicU64,
        /// Not 0 while it sleeps, or wants its descriptor written. The futex word.
        pub(super) waits: AtomicU32,
        reserved_word: AtomicU32,
        reserved: [AtomicU64; 14],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::SharedMemory;
    use crate::shared::Shared;
    use core::mem::offset_of;

    #[test]
    fn the_sides_have_lines_of_their_own() {
        let before = Shared::<Header, SharedMemory>::SIZE - size_of::<Header>();
        let offsets = [
            offset_of!(Header, tail),
            offset_of!(Header, head),
            offset_of!(Header, sender),
            offset_of!(Header, receiver),
            offset_of!(Header, senders),
            offset_of!(Header, senders) + offset_of!(Senders, seats),
            size_of::<Header>(),
        ];
        for offset in offsets {
            assert_eq!((before + offset) % 128, 0);
        }
    }
}
