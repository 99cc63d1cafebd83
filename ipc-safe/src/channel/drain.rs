//! Several values at once.

use super::TypedReceiver;
use crate::shared::{Plain, ReadWrite, Region};
use core::fmt;

/// The values that were there at one look, one after the other. Those that were taken are gone when this is dropped, the others
/// stay.
pub struct Drain<'r, P: Plain, R: Region<Access = ReadWrite>> {
    receiver: &'r mut TypedReceiver<P, R>,
}

impl<'r, P: Plain, R: Region<Access = ReadWrite>> Drain<'r, P, R> {
    pub(super) const fn new(receiver: &'r mut TypedReceiver<P, R>) -> Self {
        Self { receiver }
    }
}

impl<P: Plain, R: Region<Access = ReadWrite>> Iterator for Drain<'_, P, R> {
    type Item = P;

    #[inline]
    fn next(&mut self) -> Option<P> {
        self.receiver.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.receiver.ready(), Some(self.receiver.ready()))
    }
}

impl<P: Plain, R: Region<Access = ReadWrite>> ExactSizeIterator for Drain<'_, P, R> {}

impl<P: Plain, R: Region<Access = ReadWrite>> Drop for Drain<'_, P, R> {
    fn drop(&mut self) {
        self.receiver.publish_taken();
    }
}

impl<P: Plain, R: Region<Access = ReadWrite>> fmt::Debug for Drain<'_, P, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drain").field("len", &self.receiver.ready()).finish_non_exhaustive()
    }
}
