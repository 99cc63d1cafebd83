//! Several messages at once.

use super::Receiver;
use crate::error::Result;
use crate::shared::{ReadOnly, ReadWrite, Region, SharedBytes};
use core::fmt;

/// The messages that were there at one look, one after the other, where they lie in the ring. Those that were taken are gone when
/// this is dropped, the others stay.
pub struct Batch<'r, R: Region<Access = ReadWrite>> {
    receiver: &'r mut Receiver<R>,
}

impl<'r, R: Region<Access = ReadWrite>> Batch<'r, R> {
    pub(super) const fn new(receiver: &'r mut Receiver<R>) -> Self {
        Self { receiver }
    }

    /// Takes the next message, in one piece; `None` after the last.
    ///
    /// # Errors
    ///
    /// [`Corrupt`](crate::error::ErrorKind::Corrupt) when the other side wrote nonsense, then and ever after.
    #[expect(clippy::should_implement_trait, reason = "what an iterator gives must not borrow from it")]
    pub fn next(&mut self) -> Result<Option<SharedBytes<'_, ReadOnly>>> {
        let Some(found) = self.receiver.next()? else { return Ok(None) };
        self.receiver.take(found.size);
        Ok(Some(self.receiver.found(found)))
    }
}

impl<R: Region<Access = ReadWrite>> Drop for Batch<'_, R> {
    fn drop(&mut self) {
        self.receiver.publish_taken();
    }
}

impl<R: Region<Access = ReadWrite>> fmt::Debug for Batch<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").finish_non_exhaustive()
    }
}
