//! The ring that a C programmer would write: two positions on lines of their own, a copy of the other's, slots of a fixed size or
//! messages with a length, `memcpy` in and out, and no checks. It spins.

use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

#[repr(C, align(128))]
struct Line(AtomicU32);

/// Room for one ring, at the start of mapped memory.
#[repr(C)]
pub(crate) struct Ring {
    tail: Line,
    head: Line,
    bytes: [u8; 0],
}

pub(crate) const HEADER: usize = size_of::<Ring>();

/// One side of a ring of `capacity` bytes.
pub(crate) struct Side {
    ring: *mut Ring,
    mask: u32,
    mine: u32,
    theirs: u32,
}

impl Side {
    /// # Safety
    ///
    /// `memory` is mapped, zero, and has room for the header and `capacity` bytes, a power of two.
    pub(crate) unsafe fn new(memory: *mut u8, capacity: u32) -> Self {
        Self { ring: memory.cast(), mask: capacity - 1, mine: 0, theirs: 0 }
    }

    fn ring(&self) -> &Ring {
        // SAFETY: as `new` was promised.
        unsafe { &*self.ring }
    }

    fn at(&self, position: u32) -> *mut u8 {
        let bytes = self.ring.cast::<u8>().wrapping_add(HEADER);
        bytes.wrapping_add((position & self.mask) as usize)
    }

    /// Sends in a slot of `message.len()` bytes, a power of two.
    #[inline]
    pub(crate) fn send_slot(&mut self, message: &[u8]) {
        let len = message.len() as u32;
        while self.mine.wrapping_sub(self.theirs) > self.mask + 1 - len {
            self.theirs = self.ring().head.0.load(Ordering::Acquire);
        }
        // SAFETY: the slot is inside the ring and free.
        unsafe { ptr::copy_nonoverlapping(message.as_ptr(), self.at(self.mine), message.len()) };
        self.mine = self.mine.wrapping_add(len);
        self.ring().tail.0.store(self.mine, Ordering::Release);
    }

    #[inline]
    pub(crate) fn receive_slot(&mut self, message: &mut [u8]) {
        while self.mine == self.theirs {
            self.theirs = self.ring().tail.0.load(Ordering::Acquire);
            if self.mine == self.theirs {
                std::hint::spin_loop();
            }
        }
        // SAFETY: the slot is inside the ring and written.
        unsafe { ptr::copy_nonoverlapping(self.at(self.mine), message.as_mut_ptr(), message.len()) };
        self.mine = self.mine.wrapping_add(message.len() as u32);
        self.ring().head.0.store(self.mine, Ordering::Release);
    }

    /// Sends with a length before the bytes. A message that does not fit before the end goes to the start.
    #[inline]
    pub(crate) fn send_message(&mut self, message: &[u8]) {
        let size = (message.len() as u32 + 4).next_multiple_of(8);
        let rest = self.mask + 1 - (self.mine & self.mask);
        let wanted = if size <= rest { size } else { size + rest };
        while self.mine.wrapping_sub(self.theirs) > self.mask + 1 - wanted {
            self.theirs = self.ring().head.0.load(Ordering::Acquire);
        }
        if wanted != size {
            // SAFETY: eight bytes before the end of the ring are free.
            unsafe { self.at(self.mine).cast::<u32>().write(u32::MAX) };
            self.mine = self.mine.wrapping_add(rest);
        }
        let record = self.at(self.mine);
        // SAFETY: the record is inside the ring and free.
        unsafe {
            record.cast::<u32>().write(message.len() as u32);
            ptr::copy_nonoverlapping(message.as_ptr(), record.add(4), message.len());
        }
        self.mine = self.mine.wrapping_add(size);
        self.ring().tail.0.store(self.mine, Ordering::Release);
    }

    #[inline]
    pub(crate) fn receive_message(&mut self, message: &mut [u8]) -> usize {
        while self.mine == self.theirs {
            self.theirs = self.ring().tail.0.load(Ordering::Acquire);
            if self.mine == self.theirs {
                std::hint::spin_loop();
            }
        }
        // SAFETY: the record is inside the ring and written, and `message` is long enough.
        let len = unsafe {
            let mut record = self.at(self.mine);
            let mut len = record.cast::<u32>().read();
            if len == u32::MAX {
                self.mine = (self.mine | self.mask).wrapping_add(1);
                record = self.at(self.mine);
                len = record.cast::<u32>().read();
            }
            ptr::copy_nonoverlapping(record.add(4), message.as_mut_ptr(), len as usize);
            len
        };
        self.mine = self.mine.wrapping_add((len + 4).next_multiple_of(8));
        self.ring().head.0.store(self.mine, Ordering::Release);
        len as usize
    }
}
