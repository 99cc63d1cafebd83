//! A buffer that the kernel cannot overrun.

use super::Raw;
use crate::error::Errno;
use core::ptr::NonNull;
use rustix::param::page_size;

/// Semaphore values that end exactly at a page without access.
///
/// `GETALL` and `SETALL` move as many values as the set has at that moment, and an id can come back for a larger set between
/// asking for the number and the call. With this buffer the kernel meets the page and returns `EFAULT`.
pub(in crate::sysv) struct GuardedValues {
    mapping: NonNull<u8>,
    /// The pages before the guard page, in bytes.
    usable: usize,
    len: usize,
}

impl GuardedValues {
    /// Room for `len` values, all zero.
    pub(in crate::sysv) fn new(len: usize) -> Raw<Self> {
        let page = page_size();
        let usable = (len * size_of::<u16>()).next_multiple_of(page).max(page);
        let (none, flags) = (libc::PROT_NONE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new anonymous mapping at an address of the kernel's choice touches no existing memory.
        let mapping = unsafe { libc::mmap(core::ptr::null_mut(), usable + page, none, flags, -1, 0) };
        if mapping == libc::MAP_FAILED {
            return Err(Errno::last());
        }
        let Some(mapping) = NonNull::new(mapping.cast::<u8>()) else { return Err(Errno::NOMEM) };
        let values = Self { mapping, usable, len };
        // SAFETY: the range is the first part of the mapping, which nothing else uses.
        if unsafe { libc::mprotect(mapping.as_ptr().cast(), usable, libc::PROT_READ | libc::PROT_WRITE) } != 0 {
            return Err(Errno::last());
        }
        Ok(values)
    }

    /// The first value; the last one ends where the guard page begins.
    pub(super) fn as_mut_ptr(&mut self) -> *mut u16 {
        let bytes = self.len * size_of::<u16>();
        // SAFETY: `bytes <= usable`, so the result is inside the mapping (at its guard page for `len` 0).
        unsafe { self.mapping.as_ptr().add(self.usable - bytes) }.cast()
    }

    pub(in crate::sysv) fn as_mut_slice(&mut self) -> &mut [u16] {
        let (first, len) = (self.as_mut_ptr(), self.len);
        // SAFETY: `len` values from `first` are inside the readable and writable part of the mapping, initialised (zero at
        // first), aligned (the guard page is, and the size is even), and ours: private memory behind `&mut self`.
        unsafe { core::slice::from_raw_parts_mut(first, len) }
    }
}

impl Drop for GuardedValues {
    fn drop(&mut self) {
        // SAFETY: the range is the whole mapping, made by `new`; no reference into it is left. It cannot fail for a range
        // that is a whole mapping, and if it did there would be nothing to do about it.
        unsafe { libc::munmap(self.mapping.as_ptr().cast(), self.usable + page_size()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_end_where_the_guard_page_begins() {
        for len in [0, 1, 3, 2047, 2048, 2049, 32000] {
            let mut values = GuardedValues::new(len).unwrap();
            assert_eq!(values.as_mut_slice().len(), len);
            values.as_mut_slice().fill(7);
            let end = values.as_mut_ptr().wrapping_add(len).addr();
            assert_eq!(end % page_size(), 0);
        }
    }
}
