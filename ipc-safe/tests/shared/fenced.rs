//! Memory of the test's own as a region, between two pages that may not be touched: an access outside is the end of the
//! test.

use ipc_safe::shared::{Access, ReadOnly, ReadWrite, Region};
use std::marker::PhantomData;
use std::ptr::NonNull;

/// A region that begins or ends just at a page without access.
pub(crate) struct Fenced<A: Access = ReadWrite> {
    mapping: NonNull<u8>,
    mapped: usize,
    offset: usize,
    len: usize,
    access: PhantomData<A>,
}

/// Where the region touches a fence.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Side {
    Start,
    End,
}

impl Fenced {
    /// Zeroed bytes just after the first fence, or just before the second one.
    pub(crate) fn new(len: usize, side: Side) -> Self {
        let page = rustix::param::page_size();
        let usable = len.next_multiple_of(page).max(page);
        let mapped = usable + 2 * page;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a new mapping at an address of the kernel's choice, and a change of protection inside it.
        let mapping = unsafe {
            let mapping = libc::mmap(std::ptr::null_mut(), mapped, libc::PROT_NONE, flags, -1, 0);
            assert_ne!(mapping, libc::MAP_FAILED);
            assert_eq!(libc::mprotect(mapping.byte_add(page), usable, libc::PROT_READ | libc::PROT_WRITE), 0);
            NonNull::new(mapping.cast()).unwrap()
        };
        let offset = match side {
            Side::Start => page,
            Side::End => page + usable - len,
        };
        Self { mapping, mapped, offset, len, access: PhantomData }
    }

    /// A region that starts so many bytes after a page begins.
    pub(crate) fn misaligned(len: usize, by: usize) -> Self {
        let mut region = Self::new(len + by, Side::Start);
        region.offset += by;
        region.len = len;
        region
    }

    /// The same memory, for reading only: writing it would be a fault.
    pub(crate) fn read_only(self) -> Fenced<ReadOnly> {
        let region = Fenced {
            mapping: self.mapping,
            mapped: self.mapped,
            offset: self.offset,
            len: self.len,
            access: PhantomData,
        };
        std::mem::forget(self);
        let page = rustix::param::page_size();
        // SAFETY: changes the protection of the pages between the fences, which only this value uses.
        let changed = unsafe {
            let first = region.mapping.byte_add(page).as_ptr().cast();
            libc::mprotect(first, region.mapped - 2 * page, libc::PROT_READ)
        };
        assert_eq!(changed, 0);
        region
    }
}

// SAFETY: the mapping stays at its place until the value is dropped, the range is inside it, accessible as `A` says, and
// nobody else knows it.
unsafe impl<A: Access> Region for Fenced<A> {
    type Access = A;

    fn start(&self) -> NonNull<u8> {
        // SAFETY: the offset is inside the mapping.
        unsafe { self.mapping.add(self.offset) }
    }

    fn len(&self) -> usize {
        self.len
    }
}

impl<A: Access> Drop for Fenced<A> {
    fn drop(&mut self) {
        // SAFETY: the whole mapping, which nothing uses any more.
        unsafe { libc::munmap(self.mapping.as_ptr().cast(), self.mapped) };
    }
}
