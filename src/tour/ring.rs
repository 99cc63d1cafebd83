//! Semaphores and a segment: a ring of slots a direction, and two counters that say how many are empty and how many full.

use super::mechanism::{Channel, End, Mechanism, Objects};
use super::objects::{self, SysvObjects};
use crate::failure::Result;
use crate::kind::Kind;
use ipc_safe::sysv::{Attachment, Segment, Semaphore, SemaphoreSet};

pub(super) struct Ring;

/// Slots in a ring.
const SLOTS: u16 = 16;
const DIRECTIONS: usize = 2;
/// A slot begins with the length of its message.
const HEADER: usize = size_of::<u64>();

/// Bytes of a slot for messages of up to `unit` bytes.
const fn slot_size(unit: usize) -> usize {
    (HEADER + unit).next_multiple_of(64)
}

impl Mechanism for Ring {
    fn name(&self) -> &'static str {
        "ring"
    }

    fn title(&self) -> &'static str {
        "semaphores + segment"
    }

    fn unit(&self) -> Result<usize> {
        Ok(64 << 10)
    }

    fn create(&self, unit: usize) -> Result<Box<dyn Objects>> {
        let size = slot_size(unit) * usize::from(SLOTS) * DIRECTIONS;
        Ok(Box::new(SysvObjects {
            set: Some(SemaphoreSet::private(&[SLOTS, 0, SLOTS, 0])?),
            segment: Some(Segment::private(size)?),
            ..SysvObjects::default()
        }))
    }

    fn connect(&self, unit: usize, arguments: &[String], end: End) -> Result<Box<dyn Channel>> {
        let set = SemaphoreSet::from_id(objects::id(arguments, Kind::Set)?)?;
        let segment = Segment::from_id(objects::id(arguments, Kind::Segment)?)?;
        Ok(Box::new(Both {
            memory: segment.attach()?,
            unit,
            outgoing: Direction::new(set, end.sends()),
            incoming: Direction::new(set, end.receives()),
            message: Vec::with_capacity(unit),
        }))
    }

    fn cancel(&self, arguments: &[String]) {
        objects::remove(arguments);
    }
}

struct Both {
    memory: Attachment,
    unit: usize,
    outgoing: Direction,
    incoming: Direction,
    message: Vec<u8>,
}

/// One ring, as one end sees it.
struct Direction {
    empty: Semaphore,
    full: Semaphore,
    first_slot: usize,
    /// How many slots this end has used; the next one is this modulo [`SLOTS`].
    used: usize,
}

impl Direction {
    fn new(set: SemaphoreSet, number: u16) -> Self {
        Self {
            empty: set.semaphore(2 * number),
            full: set.semaphore(2 * number + 1),
            first_slot: usize::from(number * SLOTS),
            used: 0,
        }
    }

    /// Where the next slot begins.
    fn next(&mut self, unit: usize) -> usize {
        let slot = self.first_slot + self.used % usize::from(SLOTS);
        self.used += 1;
        slot * slot_size(unit)
    }
}

impl Channel for Both {
    fn send(&mut self, message: &[u8]) -> ipc_safe::Result<()> {
        self.outgoing.empty.subtract(1)?;
        let start = self.outgoing.next(self.unit);
        let slot = self.memory.bytes().slice(start..start + slot_size(self.unit))?;
        slot.store(0, &(message.len() as u64))?;
        slot.write(HEADER, message)?;
        self.outgoing.full.add(1)
    }

    fn receive(&mut self) -> ipc_safe::Result<&[u8]> {
        self.incoming.full.subtract(1)?;
        let start = self.incoming.next(self.unit);
        let slot = self.memory.bytes().slice(start..start + slot_size(self.unit))?;
        // The length comes from the other process: at most what a message may have is believed.
        let len = usize::try_from(slot.load::<u64>(0)?).unwrap_or(usize::MAX).min(self.unit);
        self.message.resize(len, 0);
        slot.read(HEADER, &mut self.message)?;
        self.incoming.empty.add(1)?;
        Ok(&self.message)
    }
}
