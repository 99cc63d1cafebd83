//! The positions of a ring: what each side knows of its own and believes of the other's.
//!
//! A side's own position is a number in its own memory; what stands in shared memory is a copy for the other side. What is read
//! there is believed only as far as it makes sense: never more in the ring than fits, never back, and only whole grains.

use super::barrier::Barrier;
use crate::sync::Word;
use core::sync::atomic::Ordering;

/// The other side wrote what it cannot mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Nonsense;

/// How large a ring is, in bytes or slots, and what every position is a multiple of. Both powers of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    pub(super) capacity: u32,
    pub(super) grain: u32,
}

impl Geometry {
    /// How much lies between the two positions, when they make sense.
    #[inline]
    fn used(self, tail: u32, head: u32) -> Result<u32, Nonsense> {
        let used = tail.wrapping_sub(head);
        if used > self.capacity || used & (self.grain - 1) != 0 { Err(Nonsense) } else { Ok(used) }
    }

    /// Where in the ring a position is.
    #[inline]
    pub(super) const fn offset(self, position: u32) -> u32 {
        position & (self.capacity - 1)
    }
}

/// The positions of the side that writes.
#[derive(Debug)]
pub(super) struct Writing {
    geometry: Geometry,
    /// Where the next message goes. Ahead of what is published while a batch is written.
    tail: u32,
    /// Where the reader was at the last look.
    head: u32,
}

/// The positions of the side that reads.
#[derive(Debug)]
pub(super) struct Reading {
    geometry: Geometry,
    /// Where the next message is. Ahead of what is published while a batch is read.
    head: u32,
    /// Where the writer was at the last look.
    tail: u32,
}

/// Both positions as they stand in memory, for a side that begins, or goes on where a dead one stopped.
fn resume<W: Word>(geometry: Geometry, tail: &W, head: &W) -> Result<(u32, u32), Nonsense> {
    let head = head.load(Ordering::Acquire);
    let tail = tail.load(Ordering::Acquire);
    geometry.used(tail, head)?;
    if tail & (geometry.grain - 1) == 0 { Ok((tail, head)) } else { Err(Nonsense) }
}

impl Writing {
    pub(super) fn resume<W: Word>(geometry: Geometry, tail: &W, head: &W) -> Result<Self, Nonsense> {
        resume(geometry, tail, head).map(|(tail, head)| Self { geometry, tail, head })
    }

    #[inline]
    pub(super) const fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Where in the ring the next message goes.
    #[inline]
    pub(super) const fn offset(&self) -> u32 {
        self.geometry.offset(self.tail)
    }

    #[inline]
    const fn free(&self) -> u32 {
        self.geometry.capacity - self.tail.wrapping_sub(self.head)
    }

    /// Whether there is room for so much. Looks at the reader's position only when there was not at the last look.
    #[inline]
    pub(super) fn has_room<W: Word>(&mut self, head: &W, wanted: u32) -> Result<bool, Nonsense> {
        if self.free() >= wanted {
            return Ok(true);
        }
        let seen = head.load(Ordering::Acquire);
        let used = self.geometry.used(self.tail, seen)?;
        if used > self.tail.wrapping_sub(self.head) {
            return Err(Nonsense);
        }
        self.head = seen;
        Ok(self.free() >= wanted)
    }

    /// So much is written.
    #[inline]
    pub(super) const fn advance(&mut self, by: u32) {
        self.tail = self.tail.wrapping_add(by);
    }

    /// Shows the reader all that is written.
    #[inline]
    pub(super) fn publish<W: Word>(&self, tail: &W) {
        tail.store(self.tail, Ordering::Release);
    }
}

impl Reading {
    pub(super) fn resume<W: Word>(geometry: Geometry, tail: &W, head: &W) -> Result<Self, Nonsense> {
        resume(geometry, tail, head).map(|(tail, head)| Self { geometry, head, tail })
    }

    #[inline]
    pub(super) const fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Where in the ring the next message is.
    #[inline]
    pub(super) const fn offset(&self) -> u32 {
        self.geometry.offset(self.head)
    }

    /// How much there is to read, as of the last look.
    #[inline]
    pub(super) const fn ready(&self) -> u32 {
        self.tail.wrapping_sub(self.head)
    }

    /// How much there is to read. Looks at the writer's position only when all that was there is read.
    #[inline]
    pub(super) fn look<W: Word>(&mut self, tail: &W) -> Result<u32, Nonsense> {
        if self.ready() == 0 {
            let seen = tail.load(Ordering::Acquire);
            self.geometry.used(seen, self.head)?;
            self.tail = seen;
        }
        Ok(self.ready())
    }

    /// So much is read.
    #[inline]
    pub(super) const fn advance(&mut self, by: u32) {
        self.head = self.head.wrapping_add(by);
    }

    /// Gives the writer the room of all that is read.
    #[inline]
    pub(super) fn publish<W: Word>(&self, head: &W) {
        head.store(self.head, Ordering::Release);
    }

    /// How much room a writer has, seen from here: more than that only when it wrote nothing since.
    pub(super) fn free<W: Word>(&self, tail: &W) -> u32 {
        let used = tail.load(Ordering::Relaxed).wrapping_sub(self.head);
        self.geometry.capacity.saturating_sub(used)
    }
}

/// Why a side waits, as it stands in its word: bits, and above them how much room it waits for.
pub(super) const SLEEPS: u32 = 1;
/// It waits on its descriptor.
pub(super) const POLLS: u32 = 2;
const THRESHOLD: u32 = 2;

/// The word of a sender that sleeps until there is room for so much, and for a quarter of the ring: woken for less, the two sides
/// would take turns at each message. A ring is not so large that this loses a bit.
pub(super) const fn waits_for(wanted: u32, geometry: Geometry) -> u32 {
    let many = geometry.capacity / 4;
    (if wanted > many { wanted } else { many }) << THRESHOLD | SLEEPS
}

/// Whether the receiver, which just published, has to wake the sender; see [`wake`].
#[inline]
pub(super) fn sender_is_due<W: Word>(waits: &W, reading: &Reading, tail: &W, barrier: &impl Barrier) -> bool {
    barrier.published();
    let word = waits.load(Ordering::Relaxed);
    word != 0 && reading.free(tail) >= word >> THRESHOLD
}

/// Whether the sender, which just published, has to wake the receiver; see [`wake`].
#[inline]
pub(super) fn receiver_is_due<W: Word>(waits: &W, barrier: &impl Barrier) -> bool {
    barrier.published();
    waits.load(Ordering::Relaxed) != 0
}

/// Wakes who waits by this word, and tells how it waited. Once for each time that it says so.
#[cold]
pub(super) fn wake<W: Word>(waits: &W) -> u32 {
    let word = waits.swap(0, Ordering::AcqRel);
    if word & SLEEPS != 0 {
        waits.wake_all();
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::AtomicU32;

    const SMALL: Geometry = Geometry { capacity: 64, grain: 8 };

    fn word(value: u32) -> AtomicU32 {
        AtomicU32::new(value)
    }

    #[test]
    fn positions_wrap_around() {
        let (tail, head) = (word(u32::MAX - 7), word(u32::MAX - 7));
        let mut writing = Writing::resume(SMALL, &tail, &head).unwrap();
        let mut reading = Reading::resume(SMALL, &tail, &head).unwrap();
        for _ in 0..20 {
            assert_eq!(writing.has_room(&head, 64), Ok(true));
            writing.advance(64);
            writing.publish(&tail);
            assert_eq!(writing.has_room(&head, 8), Ok(false));
            assert_eq!(reading.look(&tail), Ok(64));
            reading.advance(64);
            reading.publish(&head);
            assert_eq!(reading.look(&tail), Ok(0));
        }
    }

    #[test]
    fn nonsense_is_not_believed() {
        let (tail, head) = (word(800), word(760));
        let mut writing = Writing::resume(SMALL, &tail, &head).unwrap();
        // Beyond what is written, back, and within a grain.
        for wrong in [808, 0, 752, 761, u32::MAX] {
            head.store(wrong, Ordering::Relaxed);
            assert_eq!(writing.has_room(&head, 64), Err(Nonsense), "{wrong}");
        }
        head.store(760, Ordering::Relaxed);
        let mut reading = Reading::resume(SMALL, &tail, &head).unwrap();
        reading.advance(40);
        for wrong in [792, 865, 872, 801, u32::MAX] {
            tail.store(wrong, Ordering::Relaxed);
            assert_eq!(reading.look(&tail), Err(Nonsense), "{wrong}");
        }
        for (wrong_tail, wrong_head) in [(800, 729), (9, 1), (0, 8), (72, 0)] {
            assert!(Reading::resume(SMALL, &word(wrong_tail), &word(wrong_head)).is_err(), "{wrong_tail} {wrong_head}");
        }
    }
}
