//! The call that leaves memory in a pipe.
#![expect(unsafe_code, reason = "the pages of a slice go into a pipe")]

use super::end::{can_write, ours};
use crate::error::Errno;
use rustix::fd::BorrowedFd;
use rustix::pipe::{IoSliceRaw, SpliceFlags};

/// Puts the pages that the bytes lie in into the pipe that `writer` is the writing end of; `EBADF` when it is none.
///
/// # Safety
///
/// Until everything is read, the memory is neither changed nor given back.
pub(super) unsafe fn vmsplice(writer: BorrowedFd<'_>, bytes: &[u8], flags: SpliceFlags) -> Result<usize, Errno> {
    // An end that came from std may be any descriptor. On a reading end the call would write the memory.
    if !can_write(writer)? {
        return Err(Errno::from_raw(libc::EBADF));
    }
    let flags = flags.difference(SpliceFlags::GIFT);
    // SAFETY: the descriptor is open for writing, which was asked above and never changes, so the call only reads the memory,
    // which lives and is initialised as a slice. `GIFT` is not among the flags. That the memory stays as it is afterwards is the
    // caller's to see to.
    unsafe { rustix::pipe::vmsplice(writer, &[IoSliceRaw::from_slice(bytes)], flags) }.map_err(ours)
}
