//! The memory of a channel, with the addresses at hand that every message needs.
#![expect(unsafe_code, reason = "keeps addresses of the region, which stays where it is")]

use super::bells::Bells;
use super::header::Header;
use crate::shared::{ReadWrite, Region, Shared, SharedBytes};
use core::ptr::NonNull;

/// The memory of a channel, and the descriptors that go with it.
#[derive(Debug)]
pub struct Area<R: Region<Access = ReadWrite>> {
    shared: Shared<Header, R>,
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
        let header = NonNull::from(&*shared);
        let bytes = shared.tail();
        let (ring, ring_len) = (bytes.start(), bytes.len());
        Self { shared, header, ring, ring_len, bells: None }
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
        self.shared.into_region()
    }
}
