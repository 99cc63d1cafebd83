//! Private memory that the sides share.

use std::hint::black_box;

const PAGE: usize = 4096;

/// One buffer for the three sides of a case, so that its place in the caches favours none. It lives as long as the program.
#[derive(Clone, Copy)]
pub(crate) struct Buffer(*mut [u8]);

impl Buffer {
    /// `len` bytes that start `offset` bytes behind the start of a page.
    pub(crate) fn new(len: usize, offset: usize) -> Self {
        let room = Box::leak(vec![7; len + PAGE + offset].into_boxed_slice());
        let start = room.as_ptr().align_offset(PAGE) + offset;
        Self(&raw mut room[start..start + len])
    }

    /// The bytes, of a length that the compiler does not know.
    #[expect(clippy::mut_from_ref, reason = "the sides take turns")]
    pub(crate) fn bytes(&self) -> &mut [u8] {
        // SAFETY: the buffer is never freed, and one call of one side at a time uses it.
        unsafe { &mut *black_box(self.0) }
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: as above.
        unsafe { &*self.0 }
    }
}

impl AsMut<[u8]> for Buffer {
    fn as_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above.
        unsafe { &mut *self.0 }
    }
}
