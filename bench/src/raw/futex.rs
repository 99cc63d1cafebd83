//! A futex word a direction: as an event.

use super::By;
use super::memory::Memory;
use ipc_measure::ours::name;
use ipc_measure::{Channel, Ends, Place, Result, Row, Seat};
use std::sync::atomic::{AtomicU32, Ordering};

/// Lines of their own.
const LINE: usize = 128;

pub(super) fn events(by: By, place: Place) -> [Row; 1] {
    let words = move || Ok(Words { memory: Memory::new(2 * LINE)?, spins: place == Place::TwoCores });
    [Row::between(by, name::EVENT, place, 0, words)]
}

struct Words {
    memory: Memory,
    spins: bool,
}

impl Ends for Words {
    type Channel<'e> = Both<'e>;

    fn connect(&self, seat: Seat) -> Result<Both<'_>> {
        // SAFETY: inside the mapping, aligned, and only used as an atomic.
        let word = |direction: usize| unsafe { self.memory.at(direction * LINE).cast().as_ref() };
        Ok(Both { outgoing: word(seat.end.sends()), incoming: word(seat.end.receives()), spins: self.spins })
    }
}

/// 0 clear, 1 set, 2 clear and somebody sleeps.
struct Both<'e> {
    outgoing: &'e AtomicU32,
    incoming: &'e AtomicU32,
    spins: bool,
}

const SET: u32 = 1;
const SLEEPS: u32 = 2;

impl Channel for Both<'_> {
    fn send(&mut self, _: &[u8]) -> Result {
        if self.outgoing.swap(SET, Ordering::Release) == SLEEPS {
            wake(self.outgoing);
        }
        Ok(())
    }

    fn receive(&mut self, _: &mut [u8]) -> Result {
        while self.incoming.compare_exchange(SET, 0, Ordering::Acquire, Ordering::Relaxed).is_err() {
            if self.spins {
                std::hint::spin_loop();
            } else if self.incoming.compare_exchange(0, SLEEPS, Ordering::Relaxed, Ordering::Relaxed) != Err(SET) {
                wait(self.incoming, SLEEPS);
            }
        }
        Ok(())
    }
}

/// Sleeps while the word has this value.
pub(super) fn wait(word: &AtomicU32, value: u32) {
    let forever = std::ptr::null::<libc::timespec>();
    // SAFETY: the word lives as long as the call; no timeout is read. Whatever it returns, the caller looks again.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT, value, forever) };
}

/// Wakes one.
pub(super) fn wake(word: &AtomicU32) {
    // SAFETY: the word is only used as an address.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, 1) };
}
