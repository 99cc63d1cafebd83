//! Semaphores: as events, and around a ring of slots in a segment.

use super::{OURS, name};
use crate::fact::Place;
use crate::mechanism::{Channel, Ends, Result, Seat, spin};
use crate::row::Row;
use ipc_safe::shared::SharedBytes;
use ipc_safe::sysv::{Attachment, Owned, Segment, Semaphore, SemaphoreSet};

/// Slots in a ring.
const SLOTS: u16 = 16;

pub(super) fn rows(place: Place, bytes: usize) -> [Row; 1] {
    [Row::between(OURS, name::SEMAPHORES, place, bytes, move || {
        let segment = Segment::private(2 * usize::from(SLOTS) * bytes)?;
        Ok(Rings {
            set: SemaphoreSet::private(&[SLOTS, 0, SLOTS, 0])?,
            memory: segment.attach()?,
            _segment: segment,
            spins: place == Place::TwoCores,
        })
    })]
}

pub(super) fn events(place: Place) -> [Row; 1] {
    [Row::between(OURS, name::SEMAPHORE, place, 0, move || {
        Ok(Counters { set: SemaphoreSet::private(&[0, 0])?, spins: place == Place::TwoCores })
    })]
}

fn take(semaphore: Semaphore, spins: bool) -> Result {
    if spins { spin(|| semaphore.try_subtract(1)) } else { Ok(semaphore.subtract(1)?) }
}

struct Counters {
    set: Owned<SemaphoreSet>,
    spins: bool,
}

impl Ends for Counters {
    type Channel<'e> = Bells;

    fn connect(&self, seat: Seat) -> Result<Bells> {
        let semaphore = |direction| self.set.semaphore(direction as u16);
        let (theirs, own) = (semaphore(seat.end.sends()), semaphore(seat.end.receives()));
        Ok(Bells { theirs, own, spins: self.spins })
    }
}

struct Bells {
    theirs: Semaphore,
    own: Semaphore,
    spins: bool,
}

impl Channel for Bells {
    fn send(&mut self, _: &[u8]) -> Result {
        Ok(self.theirs.add(1)?)
    }

    fn receive(&mut self, _: &mut [u8]) -> Result {
        take(self.own, self.spins)
    }
}

/// A ring a direction: how many slots are empty, and how many full.
struct Rings {
    set: Owned<SemaphoreSet>,
    memory: Attachment,
    _segment: Owned<Segment>,
    spins: bool,
}

impl Ends for Rings {
    type Channel<'e> = Both<'e>;

    fn connect(&self, seat: Seat) -> Result<Both<'_>> {
        let bytes = self.memory.bytes();
        let (first, second) = bytes.split_at(bytes.len() / 2)?;
        let ring = |direction| Ring {
            empty: self.set.semaphore(2 * direction as u16),
            full: self.set.semaphore(2 * direction as u16 + 1),
            slots: if direction == 0 { first } else { second },
            next: 0,
        };
        Ok(Both { outgoing: ring(seat.end.sends()), incoming: ring(seat.end.receives()), spins: self.spins })
    }
}

struct Ring<'e> {
    empty: Semaphore,
    full: Semaphore,
    slots: SharedBytes<'e>,
    next: usize,
}

impl Ring<'_> {
    /// Where the next slot begins.
    fn advance(&mut self, bytes: usize) -> usize {
        let slot = self.next;
        self.next = (slot + 1) % usize::from(SLOTS);
        slot * bytes
    }
}

struct Both<'e> {
    outgoing: Ring<'e>,
    incoming: Ring<'e>,
    spins: bool,
}

impl Channel for Both<'_> {
    fn send(&mut self, message: &[u8]) -> Result {
        let ring = &mut self.outgoing;
        take(ring.empty, self.spins)?;
        let slot = ring.advance(message.len());
        ring.slots.write(slot, message)?;
        Ok(ring.full.add(1)?)
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result {
        let ring = &mut self.incoming;
        take(ring.full, self.spins)?;
        let slot = ring.advance(buffer.len());
        ring.slots.read(slot, buffer)?;
        Ok(ring.empty.add(1)?)
    }
}
