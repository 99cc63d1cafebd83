//! Semaphores and memory: a ring of slots a direction, and two counters that say how many are empty and how many full.

use super::mechanism::{Channel, End, Mechanism, Objects};
use super::memory::{Memory, View};
use crate::failure::Result;
use crate::inventory::Name;
use ipc_safe::sysv::{Owned, Semaphore, SemaphoreSet};

/// Such a ring, in memory of one sort.
pub(super) struct Ring {
    name: &'static str,
    title: &'static str,
    memory: fn(usize) -> Result<Memory>,
}

impl Ring {
    pub(super) const IN_SEGMENT: Self =
        Self { name: "segment", title: "semaphores + segment", memory: Memory::segment };
    pub(super) const IN_ANONYMOUS: Self =
        Self { name: "anonymous", title: "semaphores + anonymous memory", memory: Memory::anonymous };
    pub(super) const IN_MEMFD: Self = Self { name: "memfd", title: "semaphores + memfd", memory: Memory::memfd };
    pub(super) const IN_FILE: Self = Self { name: "file", title: "semaphores + mapped file", memory: Memory::file };
    pub(super) const IN_POSIX: Self = Self { name: "posix", title: "semaphores + POSIX object", memory: Memory::posix };
}

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
        self.name
    }

    fn title(&self) -> &'static str {
        self.title
    }

    fn unit(&self) -> Result<usize> {
        Ok(64 << 10)
    }

    fn create(&self, unit: usize) -> Result<Box<dyn Objects>> {
        Ok(Box::new(SetAndMemory {
            set: SemaphoreSet::private(&[SLOTS, 0, SLOTS, 0])?,
            memory: (self.memory)(slot_size(unit) * usize::from(SLOTS) * DIRECTIONS)?,
            unit,
        }))
    }
}

struct SetAndMemory {
    set: Owned<SemaphoreSet>,
    memory: Memory,
    unit: usize,
}

impl Objects for SetAndMemory {
    fn names(&self) -> Vec<Name> {
        // The memory last: as long as the set is there, somebody may be about to map it.
        [Name::Set { id: self.set.id() }].into_iter().chain(self.memory.name()).collect()
    }

    fn connect(&self, end: End) -> Result<Box<dyn Channel + '_>> {
        Ok(Box::new(Both {
            memory: self.memory.view()?,
            unit: self.unit,
            outgoing: Direction::new(*self.set, end.sends()),
            incoming: Direction::new(*self.set, end.receives()),
            message: Vec::with_capacity(self.unit),
        }))
    }
}

struct Both<'m> {
    memory: View<'m>,
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

impl Channel for Both<'_> {
    fn send(&mut self, message: &[u8]) -> Result {
        self.outgoing.empty.subtract(1)?;
        let slot = self.outgoing.next(self.unit);
        self.memory.write(slot, &(message.len() as u64).to_ne_bytes())?;
        self.memory.write(slot + HEADER, message)?;
        Ok(self.outgoing.full.add(1)?)
    }

    fn receive(&mut self) -> Result<&[u8]> {
        self.incoming.full.subtract(1)?;
        let slot = self.incoming.next(self.unit);
        let mut header = [0; HEADER];
        self.memory.read(slot, &mut header)?;
        // The length comes from the other process: at most what a message may have is believed.
        let len = usize::try_from(u64::from_ne_bytes(header)).unwrap_or(usize::MAX).min(self.unit);
        self.message.resize(len, 0);
        self.memory.read(slot + HEADER, &mut self.message)?;
        self.incoming.empty.add(1)?;
        Ok(&self.message)
    }
}
