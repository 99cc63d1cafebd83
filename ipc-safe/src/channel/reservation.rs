//! A message that is being written in place.

use super::Sender;
use crate::shared::{ReadWrite, Region, SharedBytes};
use core::fmt;

/// Room in the ring for a message that is not sent yet; dropped, it never is.
#[must_use = "a message that is not committed is not sent"]
pub struct Reservation<'s, R: Region<Access = ReadWrite>> {
    sender: &'s mut Sender<R>,
    offset: u32,
    len: usize,
}

impl<'s, R: Region<Access = ReadWrite>> Reservation<'s, R> {
    #[inline]
    pub(super) const fn new(sender: &'s mut Sender<R>, offset: u32, len: usize) -> Self {
        Self { sender, offset, len }
    }

    /// The bytes of the message, to write. What was there before is garbage.
    #[must_use]
    pub fn bytes(&self) -> SharedBytes<'_> {
        self.sender.reserved(self.offset, self.len)
    }

    /// The length of the message.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether the message has no bytes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Makes the message shorter, if it is longer.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Sends it.
    pub fn commit(self) {
        self.sender.commit(self.len);
    }
}

impl<R: Region<Access = ReadWrite>> fmt::Debug for Reservation<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reservation").field("len", &self.len).finish_non_exhaustive()
    }
}
