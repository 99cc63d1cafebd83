//! Semaphores: as events, and around a ring of slots in a segment.

use super::{By, checked};
use ipc_measure::ours::name;
use ipc_measure::{Channel, End, Ends, Place, Result, Row, Seat};
use libc::{c_int, c_short};
use std::io;

/// Slots in a ring.
const SLOTS: usize = 16;

pub(super) fn rows(by: By, place: Place, bytes: usize) -> [Row; 1] {
    let flags = flags(place);
    [Row::between(by, name::SEMAPHORES, place, bytes, move || {
        let slots = SLOTS as u16;
        Ok(Rings {
            set: Set::create(&[slots, 0, slots, 0], flags)?,
            segment: Segment::create(2 * SLOTS * bytes)?,
            bytes,
        })
    })]
}

pub(super) fn events(by: By, place: Place) -> [Row; 1] {
    let flags = flags(place);
    [Row::between(by, name::SEMAPHORE, place, 0, move || Set::create(&[0, 0], flags))]
}

const fn flags(place: Place) -> c_short {
    match place {
        Place::OneCore => 0,
        Place::TwoCores => libc::IPC_NOWAIT as c_short,
    }
}

/// Removed when dropped.
struct Set {
    id: c_int,
    /// Of the operations that may wait.
    flags: c_short,
}

impl Set {
    fn create(values: &[u16], flags: c_short) -> Result<Self> {
        // SAFETY: takes integers.
        let id = unsafe { libc::semget(libc::IPC_PRIVATE, values.len() as c_int, 0o600) };
        checked(id as isize)?;
        let set = Self { id, flags };
        // SAFETY: the kernel reads a value for each semaphore.
        checked(unsafe { libc::semctl(id, 0, libc::SETALL, values.as_ptr()) } as isize)?;
        Ok(set)
    }
}

impl Drop for Set {
    fn drop(&mut self) {
        // SAFETY: removing takes no memory.
        unsafe { libc::semctl(self.id, 0, libc::IPC_RMID) };
    }
}

#[inline]
fn change(id: c_int, semaphore: usize, by: c_short, flags: c_short) -> io::Result<()> {
    let mut operation = libc::sembuf { sem_num: semaphore as u16, sem_op: by, sem_flg: flags };
    loop {
        // SAFETY: reads one operation.
        if unsafe { libc::semop(id, &raw mut operation, 1) } == 0 {
            return Ok(());
        }
        match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::WouldBlock => std::hint::spin_loop(),
            error => return Err(error),
        }
    }
}

impl Ends for Set {
    type Channel<'e> = Bells;

    fn connect(&self, seat: Seat) -> Result<Bells> {
        Ok(Bells { id: self.id, flags: self.flags, end: seat.end })
    }
}

struct Bells {
    id: c_int,
    flags: c_short,
    end: End,
}

impl Channel for Bells {
    fn send(&mut self, _: &[u8]) -> Result {
        Ok(change(self.id, self.end.sends(), 1, 0)?)
    }

    fn receive(&mut self, _: &mut [u8]) -> Result {
        Ok(change(self.id, self.end.receives(), -1, self.flags)?)
    }
}

/// Detached and removed when dropped.
struct Segment {
    id: c_int,
    start: *mut u8,
}

// SAFETY: an address range; who accesses it answers for that.
unsafe impl Sync for Segment {}

impl Segment {
    fn create(len: usize) -> Result<Self> {
        // SAFETY: takes integers.
        let id = unsafe { libc::shmget(libc::IPC_PRIVATE, len, 0o600) };
        checked(id as isize)?;
        // SAFETY: attached where nothing is.
        let start = unsafe { libc::shmat(id, std::ptr::null(), 0) };
        let segment = Self { id, start: start.cast() };
        checked(start as isize)?;
        Ok(segment)
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        // SAFETY: nobody uses the memory any more; an address that is no attachment's is an error.
        unsafe { libc::shmdt(self.start.cast()) };
        // SAFETY: removing takes no memory.
        unsafe { libc::shmctl(self.id, libc::IPC_RMID, std::ptr::null_mut()) };
    }
}

/// A ring a direction: how many slots are empty, and how many full.
struct Rings {
    set: Set,
    segment: Segment,
    bytes: usize,
}

impl Ends for Rings {
    type Channel<'e> = Both<'e>;

    fn connect(&self, seat: Seat) -> Result<Both<'_>> {
        Ok(Both { rings: self, end: seat.end, sent: 0, received: 0 })
    }
}

struct Both<'e> {
    rings: &'e Rings,
    end: End,
    sent: usize,
    received: usize,
}

impl Both<'_> {
    fn slot(&self, direction: usize, number: usize) -> *mut u8 {
        let offset = (direction * SLOTS + number % SLOTS) * self.rings.bytes;
        // SAFETY: the segment has so many slots for each direction.
        unsafe { self.rings.segment.start.add(offset) }
    }
}

impl Channel for Both<'_> {
    fn send(&mut self, message: &[u8]) -> Result {
        let (set, direction) = (&self.rings.set, self.end.sends());
        change(set.id, 2 * direction, -1, set.flags)?;
        assert_eq!(message.len(), self.rings.bytes);
        // SAFETY: a slot has room for a message, and the semaphores keep the other process away.
        unsafe { self.slot(direction, self.sent).copy_from(message.as_ptr(), message.len()) };
        self.sent += 1;
        Ok(change(set.id, 2 * direction + 1, 1, 0)?)
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result {
        let (set, direction) = (&self.rings.set, self.end.receives());
        change(set.id, 2 * direction + 1, -1, set.flags)?;
        assert_eq!(buffer.len(), self.rings.bytes);
        // SAFETY: a slot holds a message, and the semaphores keep the other process away.
        unsafe { buffer.as_mut_ptr().copy_from(self.slot(direction, self.received), buffer.len()) };
        self.received += 1;
        Ok(change(set.id, 2 * direction, 1, 0)?)
    }
}
