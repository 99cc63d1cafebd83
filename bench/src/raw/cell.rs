//! A sequence number and two slots in shared memory, one a direction: the newest value, which the other end looks for.

use super::By;
use super::memory::Memory;
use ipc_measure::ours::name;
use ipc_measure::{Channel, Ends, Place, Result, Row, Seat};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering, fence};

/// Across cores: nobody is woken by a value.
pub(super) fn rows(by: By, place: Place, bytes: usize) -> Option<Row> {
    let create =
        move || Ok(Cells { memory: [Memory::new(SLOTS + 2 * bytes)?, Memory::new(SLOTS + 2 * bytes)?], bytes });
    (place == Place::TwoCores).then(|| Row::between(by, name::CELL, place, bytes, create).latency_only())
}

/// Where the slots begin, behind the number.
const SLOTS: usize = size_of::<AtomicU64>();

struct Cells {
    memory: [Memory; 2],
    bytes: usize,
}

impl Ends for Cells {
    type Channel<'e> = Both<'e>;

    fn connect(&self, seat: Seat) -> Result<Both<'_>> {
        let Self { memory, bytes } = self;
        let cell = |direction: usize| Cell { memory: &memory[direction], bytes: *bytes };
        Ok(Both { outgoing: cell(seat.end.sends()), incoming: cell(seat.end.receives()), seen: 0 })
    }
}

struct Cell<'e> {
    memory: &'e Memory,
    bytes: usize,
}

impl<'e> Cell<'e> {
    fn version(&self) -> &'e AtomicU64 {
        // SAFETY: at the start of the mapping, aligned, and only used as an atomic.
        unsafe { self.memory.start().cast().as_ref() }
    }

    fn slot(&self, version: u64) -> NonNull<u8> {
        self.memory.at(SLOTS + (version % 2) as usize * self.bytes)
    }
}

struct Both<'e> {
    outgoing: Cell<'e>,
    incoming: Cell<'e>,
    /// The version that was received last.
    seen: u64,
}

impl Channel for Both<'_> {
    fn send(&mut self, message: &[u8]) -> Result {
        let cell = &self.outgoing;
        let next = cell.version().load(Ordering::Relaxed) + 1;
        assert_eq!(message.len(), cell.bytes);
        fence(Ordering::Release);
        // SAFETY: the slot has room for a message; readers look at the other one, or find the version changed.
        unsafe { cell.slot(next).as_ptr().copy_from(message.as_ptr(), message.len()) };
        cell.version().store(next, Ordering::Release);
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result {
        let cell = &self.incoming;
        while cell.version().load(Ordering::Acquire) == self.seen {
            std::hint::spin_loop();
        }
        self.seen += 1;
        assert_eq!(buffer.len(), cell.bytes);
        loop {
            let before = cell.version().load(Ordering::Acquire);
            // SAFETY: the slot holds a message; when it was torn, the version tells, and it is read again.
            unsafe { buffer.as_mut_ptr().copy_from(cell.slot(before).as_ptr(), buffer.len()) };
            fence(Ordering::Acquire);
            if cell.version().load(Ordering::Relaxed) == before {
                return Ok(());
            }
        }
    }
}
