//! A message that is being read in place.

use super::Receiver;
use super::record::Found;
use crate::shared::{ReadOnly, ReadWrite, Region, SharedBytes};
use core::fmt;

/// A message where it lies in the ring; dropped, it comes again.
///
/// Its bytes are what the sender wrote, unless the sender is a foe who goes on writing: then they may change while they are read.
#[must_use = "a message that is not released comes again"]
pub struct Peeked<'r, R: Region<Access = ReadWrite>> {
    receiver: &'r mut Receiver<R>,
    found: Found,
}

impl<'r, R: Region<Access = ReadWrite>> Peeked<'r, R> {
    #[inline]
    pub(super) const fn new(receiver: &'r mut Receiver<R>, found: Found) -> Self {
        Self { receiver, found }
    }

    /// The bytes of the message, in one piece.
    #[must_use]
    pub fn bytes(&self) -> SharedBytes<'_, ReadOnly> {
        self.receiver.found(self.found)
    }

    /// The length of the message.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.found.len as usize
    }

    /// Whether the message has no bytes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.found.len == 0
    }

    /// Done with it: the sender gets its room back.
    pub fn release(self) {
        self.receiver.release_peeked(self.found.size);
    }
}

impl<R: Region<Access = ReadWrite>> fmt::Debug for Peeked<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peeked").field("len", &self.len()).finish_non_exhaustive()
    }
}
