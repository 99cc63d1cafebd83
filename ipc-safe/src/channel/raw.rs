//! The memory of a channel, with the addresses at hand that every message needs.
#![expect(unsafe_code, reason = "keeps addresses of the region, which stays where it is")]

use super::bells::Bells;
use super::header::Header;
use crate::shared::{ReadWrite, Region, Shared, SharedBytes};
use core::fmt;
use core::mem::{ManuallyDrop, MaybeUninit};
use core::ptr::NonNull;

/// The memory of a channel, and the descriptors that go with it.
pub struct Area<R: Region<Access = ReadWrite>> {
    /// Always there. A region may be a box, and whoever moves a box says that no other pointer to its memory is used any more;
    /// moved in this wrapper it says nothing.
    shared: MaybeUninit<Shared<Header, R>>,
    header: NonNull<Header>,
    ring: NonNull<u8>,
    ring_len: usize,
    pub(super) bells: Option<Bells>,
}

// SAFETY: the addresses are those of the record and the bytes of `shared`, which is `Send` when the region is, and are used
// as its own methods use them: as `&Header`, which is `Sync`, and as `SharedBytes`.
unsafe impl<R: Region<Access = ReadWrite> + Send> Send for Area<R> {}
// SAFETY: as above; through `&Area` nothing else is reached than through `&Shared`.
unsafe impl<R: Region<Access = ReadWrite> + Sync> Sync for Area<R> {}

impl<R: Region<Access = ReadWrite>> Area<R> {
    pub(super) fn new(shared: Shared<Header, R>) -> Self {
        // First to its wrapper, then the addresses: none is from before a move.
        let wrapped = MaybeUninit::new(shared);
        // SAFETY: it was just initialised.
        let shared = unsafe { wrapped.assume_init_ref() };
        let header = NonNull::from(&**shared);
        let bytes = shared.tail();
        let (ring, ring_len) = (bytes.start(), bytes.len());
        Self { shared: wrapped, header, ring, ring_len, bells: None }
    }

    #[inline]
    pub(super) fn header(&self) -> &Header {
        // SAFETY: the record that `shared` lends: its region stays at its address while it lives, wherever the value is moved, and
        // lives as long as `self`.
        unsafe { self.header.as_ref() }
    }

    /// The ring, and whatever the region has behind it.
    #[inline]
    pub(super) fn bytes(&self) -> SharedBytes<'_> {
        // SAFETY: the bytes behind the record of `shared`, which belong to it, and which `SharedBytes` may access as long as the
        // region lives: as long as `self`.
        unsafe { SharedBytes::from_raw(self.ring, self.ring_len) }
    }

    pub(super) fn into_region(self) -> R {
        let mut area = ManuallyDrop::new(self);
        drop(area.bells.take());
        // SAFETY: `shared` is always initialised; it is taken out once, because `area` is neither used nor dropped afterwards.
        unsafe { area.shared.assume_init_read() }.into_region()
    }
}

impl<R: Region<Access = ReadWrite>> Drop for Area<R> {
    fn drop(&mut self) {
        // SAFETY: `shared` is always initialised, and not used afterwards; the addresses are used by methods only.
        unsafe { self.shared.assume_init_drop() };
    }
}

impl<R: Region<Access = ReadWrite>> fmt::Debug for Area<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Area").field("ring_len", &self.ring_len).field("bells", &self.bells).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::UnsafeCell;
    use core::sync::atomic::Ordering;

    #[repr(align(64))]
    #[expect(dead_code, reason = "only has the size")]
    struct Aligned([u8; 4096]);

    /// A region as the documentation of [`Region`] has it: a box, which says that nothing else points to its memory.
    struct Page(Box<UnsafeCell<Aligned>>);

    // SAFETY: the box owns its memory, does not move it, and `Page` lends it to nobody else.
    unsafe impl Region for Page {
        type Access = ReadWrite;

        fn start(&self) -> NonNull<u8> {
            NonNull::new(self.0.get()).unwrap().cast()
        }

        fn len(&self) -> usize {
            4096
        }
    }

    /// The addresses are good wherever the area is moved.
    #[test]
    fn an_area_can_be_moved() {
        let page = Page(Box::new(UnsafeCell::new(Aligned([0; 4096]))));
        let mut area = Area::new(Shared::create(page, |_| {}).unwrap());
        for number in 0..3_u32 {
            area.header().tail.word.store(number, Ordering::Relaxed);
            area.bytes().store(8, &number).unwrap();
            area = *Box::new(area);
            assert_eq!(area.header().tail.word.load(Ordering::Relaxed), number);
            assert_eq!(area.bytes().load::<u32>(8).unwrap(), number);
        }
        let page = area.into_region();
        assert_eq!(page.bytes().load::<u32>(64 + 64).unwrap(), 2);
    }
}
