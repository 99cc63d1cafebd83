//! Anonymous memory that forked processes share.

use ipc_measure::Result;
use std::io;
use std::ptr::NonNull;

/// Unmapped when dropped.
pub(crate) struct Memory {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: an address range; who accesses it answers for that.
unsafe impl Sync for Memory {}
// SAFETY: as above.
unsafe impl Send for Memory {}

impl Memory {
    /// All zero.
    pub(crate) fn new(len: usize) -> Result<Self> {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let kind = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
        // SAFETY: a new mapping, where nothing is.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), len, access, kind, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error().into());
        }
        Ok(Self { start: NonNull::new(start.cast()).ok_or("mapped at address 0")?, len })
    }

    pub(crate) const fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// The address of the byte at `offset`, which is inside.
    pub(crate) fn at(&self, offset: usize) -> NonNull<u8> {
        assert!(offset < self.len);
        // SAFETY: inside the mapping.
        unsafe { self.start.add(offset) }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: the mapping that was made, which nobody uses any more.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}
