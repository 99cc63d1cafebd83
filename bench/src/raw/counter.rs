//! glibc's semaphores in shared memory, one a direction.

use super::By;
use super::memory::Memory;
use ipc_measure::ours::name;
use ipc_measure::{Channel, Ends, Place, Result, Row, Seat};
use std::io;
use std::ptr::NonNull;

/// Lines of their own.
const LINE: usize = 128;

pub(super) fn events(by: By, place: Place) -> [Row; 1] {
    let counters = move || Counters::create(place == Place::TwoCores);
    [Row::between(by, name::COUNTER, place, 0, counters)]
}

struct Counters {
    memory: Memory,
    spins: bool,
}

impl Counters {
    fn create(spins: bool) -> Result<Self> {
        let this = Self { memory: Memory::new(2 * LINE)?, spins };
        for direction in 0..2 {
            // SAFETY: there is room for a semaphore, which nobody uses yet.
            if unsafe { libc::sem_init(this.at(direction).as_ptr(), 1, 0) } != 0 {
                return Err(io::Error::last_os_error().into());
            }
        }
        Ok(this)
    }

    fn at(&self, direction: usize) -> NonNull<libc::sem_t> {
        self.memory.at(direction * LINE).cast()
    }
}

impl Ends for Counters {
    type Channel<'e> = Both<'e>;

    fn connect(&self, seat: Seat) -> Result<Both<'_>> {
        let (outgoing, incoming) = (self.at(seat.end.sends()), self.at(seat.end.receives()));
        Ok(Both { outgoing, incoming, counters: self })
    }
}

struct Both<'e> {
    outgoing: NonNull<libc::sem_t>,
    incoming: NonNull<libc::sem_t>,
    counters: &'e Counters,
}

impl Channel for Both<'_> {
    fn send(&mut self, _: &[u8]) -> Result {
        // SAFETY: a semaphore, in memory that is mapped.
        match unsafe { libc::sem_post(self.outgoing.as_ptr()) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error().into()),
        }
    }

    fn receive(&mut self, _: &mut [u8]) -> Result {
        let take = if self.counters.spins { libc::sem_trywait } else { libc::sem_wait };
        // SAFETY: a semaphore, in memory that is mapped.
        while unsafe { take(self.incoming.as_ptr()) } != 0 {
            std::hint::spin_loop();
        }
        Ok(())
    }
}
