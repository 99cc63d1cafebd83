//! The bytes from the end of a region to the end of its last page. They are mapped, so that AddressSanitizer knows of nothing
//! wrong about them: with `--cfg ipc_safe_asan` it is told. Otherwise nothing is done, and a [`Tail`] has no size.
#![cfg_attr(ipc_safe_asan, expect(unsafe_code, reason = "calls of the sanitizer's runtime"))]

/// The tail of a region, forbidden to the program until this value is dropped. Drop it before the memory is given back: the
/// next one at its place would inherit the marks.
#[derive(Debug)]
pub(crate) struct Tail {
    #[cfg(ipc_safe_asan)]
    range: core::ops::Range<usize>,
}

#[cfg(not(ipc_safe_asan))]
impl Tail {
    /// Of memory that nobody watches.
    pub(crate) const NONE: Self = Self {};

    /// What is mapped from address `end` on to the end of its page.
    #[inline]
    pub(crate) const fn after(_end: usize) -> Self {
        Self::NONE
    }

    /// Allows it again.
    #[inline]
    pub(crate) const fn lift(&mut self) {}
}

#[cfg(ipc_safe_asan)]
impl Tail {
    pub(crate) const NONE: Self = Self { range: 0..0 };

    pub(crate) fn after(end: usize) -> Self {
        let range = end..end.next_multiple_of(rustix::param::page_size());
        // SAFETY: marks memory that nothing of this program lies in, for the sanitizer; no byte of it changes.
        unsafe { __asan_poison_memory_region(core::ptr::without_provenance(range.start), range.len()) };
        Self { range }
    }

    pub(crate) fn lift(&mut self) {
        let range = core::mem::replace(&mut self.range, 0..0);
        // SAFETY: takes back what `after` marked.
        unsafe { __asan_unpoison_memory_region(core::ptr::without_provenance(range.start), range.len()) };
    }
}

#[cfg(ipc_safe_asan)]
impl Drop for Tail {
    fn drop(&mut self) {
        self.lift();
    }
}

#[cfg(ipc_safe_asan)]
unsafe extern "C" {
    fn __asan_poison_memory_region(start: *const core::ffi::c_void, len: usize);
    fn __asan_unpoison_memory_region(start: *const core::ffi::c_void, len: usize);
}
