//! A ring of slots in shared memory, one a direction, for one producer and one consumer: what any channel there does at
//! least. A slot has the length of its message and the message. Each end remembers how far the other one was.
//!
//! No end expects the other to be hostile or to die: the plain reference for channels that do.

use super::memory::Memory;
use super::{By, futex};
use ipc_measure::ours::{capacity, name};
use ipc_measure::{Channel, Ends, Place, Result, Row, Seat};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

pub(super) fn rows(by: By, place: Place, bytes: usize) -> [Row; 1] {
    let memory = move || Ok(Rings { memory: Memory::new(2 * size(bytes))?, bytes });
    [match place {
        Place::OneCore => Row::between(by, name::CHANNEL, place, bytes, move || Ok(Sleeping(memory()?))),
        Place::TwoCores => Row::between(by, name::CHANNEL, place, bytes, memory),
    }]
}

/// Slots in a ring.
pub(crate) const fn slots(bytes: usize) -> usize {
    capacity(bytes) / bytes
}

/// Bytes of the length.
const HEADER: usize = size_of::<u64>();

/// Bytes of a ring.
pub(crate) const fn size(bytes: usize) -> usize {
    (size_of::<Words>() + slots(bytes) * (HEADER + bytes)).next_multiple_of(4096)
}

/// Each on a line of its own.
#[repr(align(128))]
struct Line<T>(T);

/// In front of the slots.
struct Words {
    /// Messages that were sent.
    sent: Line<AtomicU64>,
    /// Messages that were received.
    received: Line<AtomicU64>,
    /// Not 0 while the consumer, and the producer, sleeps.
    consumer_sleeps: Line<AtomicU32>,
    producer_sleeps: Line<AtomicU32>,
}

/// Spins.
struct Rings {
    memory: Memory,
    bytes: usize,
}

impl Ends for Rings {
    type Channel<'e> = Both<'e, false>;

    fn connect(&self, seat: Seat) -> Result<Both<'_, false>> {
        Ok(self.both(seat))
    }
}

/// Sleeps.
struct Sleeping(Rings);

impl Ends for Sleeping {
    type Channel<'e> = Both<'e, true>;

    fn connect(&self, seat: Seat) -> Result<Both<'_, true>> {
        Ok(self.0.both(seat))
    }
}

impl Rings {
    fn both<const SLEEPS: bool>(&self, seat: Seat) -> Both<'_, SLEEPS> {
        // SAFETY: the memory has room for two rings, is all zero at first, and both ends use the same size.
        unsafe { Both::new(self.memory.start(), self.bytes, seat) }
    }
}

/// Both rings, as one end sees them.
pub(crate) struct Both<'e, const SLEEPS: bool> {
    outgoing: Ring<'e>,
    incoming: Ring<'e>,
}

impl<const SLEEPS: bool> Both<'_, SLEEPS> {
    /// # Safety
    ///
    /// At `start` are two rings for messages of so many bytes, in memory that lives as long as this, all zero at first.
    pub(crate) unsafe fn new(start: NonNull<u8>, bytes: usize, seat: Seat) -> Self {
        let ring = |direction| {
            // SAFETY: the caller's promise.
            unsafe { Ring::new(start.add(direction * size(bytes)), bytes) }
        };
        Self { outgoing: ring(seat.end.sends()), incoming: ring(seat.end.receives()) }
    }
}

struct Ring<'e> {
    words: &'e Words,
    slots: NonNull<u8>,
    bytes: usize,
    count: u64,
    /// Messages that this end sent or received.
    own: u64,
    /// How far the other one was when this end looked last.
    other: u64,
}

impl Ring<'_> {
    /// # Safety
    ///
    /// As of [`Both::new`].
    unsafe fn new(start: NonNull<u8>, bytes: usize) -> Self {
        // SAFETY: the ring is larger than the words, page-aligned, and the words are only used as atomics.
        let (words, slots) = unsafe { (start.cast().as_ref(), start.add(size_of::<Words>())) };
        Self { words, slots, bytes, count: slots_of(bytes), own: 0, other: 0 }
    }

    fn slot(&self) -> *mut u8 {
        let offset = (self.own % self.count) as usize * (HEADER + self.bytes);
        // SAFETY: there are so many slots.
        unsafe { self.slots.as_ptr().add(offset) }
    }
}

const fn slots_of(bytes: usize) -> u64 {
    slots(bytes) as u64
}

/// Waits until the other end is where `ready` wants it.
fn until<const SLEEPS: bool>(word: &AtomicU64, sleeps: &AtomicU32, ready: impl Fn(u64) -> bool) -> u64 {
    loop {
        let value = word.load(Ordering::Acquire);
        if ready(value) {
            return value;
        }
        if SLEEPS {
            sleeps.store(1, Ordering::Relaxed);
            fence(Ordering::SeqCst);
            if !ready(word.load(Ordering::Relaxed)) {
                futex::wait(sleeps, 1);
            }
            sleeps.store(0, Ordering::Relaxed);
        } else {
            std::hint::spin_loop();
        }
    }
}

/// Publishes how far this end is, and wakes the other one if it sleeps.
fn publish<const SLEEPS: bool>(word: &AtomicU64, value: u64, sleeps: &AtomicU32) {
    word.store(value, Ordering::Release);
    if SLEEPS {
        fence(Ordering::SeqCst);
        if sleeps.load(Ordering::Relaxed) != 0 {
            sleeps.store(0, Ordering::Relaxed);
            futex::wake(sleeps);
        }
    }
}

impl<const SLEEPS: bool> Channel for Both<'_, SLEEPS> {
    #[inline]
    fn send(&mut self, message: &[u8]) -> Result {
        let ring = &mut self.outgoing;
        let Words { sent, received, consumer_sleeps, producer_sleeps } = ring.words;
        if ring.own - ring.other == ring.count {
            let (own, count) = (ring.own, ring.count);
            ring.other = until::<SLEEPS>(&received.0, &producer_sleeps.0, |other| own - other < count);
        }
        assert!(message.len() <= ring.bytes);
        let slot = ring.slot();
        // SAFETY: the slot has room for the length and a message, and the consumer does not look yet.
        unsafe {
            slot.cast::<u64>().write_unaligned(message.len() as u64);
            slot.add(HEADER).copy_from(message.as_ptr(), message.len());
        }
        ring.own += 1;
        publish::<SLEEPS>(&sent.0, ring.own, &consumer_sleeps.0);
        Ok(())
    }

    #[inline]
    fn receive(&mut self, buffer: &mut [u8]) -> Result {
        let ring = &mut self.incoming;
        let Words { sent, received, consumer_sleeps, producer_sleeps } = ring.words;
        if ring.own == ring.other {
            let own = ring.own;
            ring.other = until::<SLEEPS>(&sent.0, &consumer_sleeps.0, |other| other > own);
        }
        let slot = ring.slot();
        // SAFETY: the slot has a length and a message, and the producer does not write there any more.
        unsafe {
            let len = slot.cast::<u64>().read_unaligned() as usize;
            assert!(len <= buffer.len());
            buffer.as_mut_ptr().copy_from(slot.add(HEADER), len);
        }
        ring.own += 1;
        publish::<SLEEPS>(&received.0, ring.own, &producer_sleeps.0);
        Ok(())
    }
}
