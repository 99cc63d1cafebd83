//! How a message lies in the ring of bytes: its length, its bytes, and what fills up to a multiple of eight.
//!
//! A message is in one piece. Where it does not fit before the end of the ring, a mark says to go on at the start.

use super::ring::{Geometry, Nonsense, Reading, Writing};
use crate::error::{Errno, Error, Result};
use crate::shared::SharedBytes;

/// Every record begins at a multiple of this.
pub(super) const GRAIN: u32 = 8;
/// The bytes of the length.
pub(super) const PREFIX: u32 = 4;
/// In place of a length: nothing more before the end of the ring.
const SKIP: u32 = u32::MAX;

/// The longest message. Half of the ring, so that every message fits into an empty ring, wherever that stands.
#[inline]
pub(super) const fn longest(geometry: Geometry) -> u32 {
    geometry.capacity / 2 - PREFIX
}

/// The bytes of the record of a message of `len` bytes, if there can be one.
#[inline]
pub(super) const fn size(len: usize, geometry: Geometry) -> Option<u32> {
    // Exact: the longest message has less than 2^29 bytes.
    if len <= longest(geometry) as usize { Some((len as u32 + PREFIX).next_multiple_of(GRAIN)) } else { None }
}

/// How much a record of this size leaves out before the end of the ring, so that it lies in one piece.
#[inline]
pub(super) const fn left_out(ring: &Writing, size: u32) -> u32 {
    let rest = ring.geometry().capacity - ring.offset();
    if size <= rest { 0 } else { rest }
}

/// Leaves so much out, which ends with the ring, and says so there.
#[inline]
pub(super) fn skip(ring: &mut Writing, bytes: SharedBytes<'_>, left_out: u32) -> Result<()> {
    if left_out > 0 {
        bytes.store(ring.offset() as usize, &SKIP)?;
        ring.advance(left_out);
    }
    Ok(())
}

/// Writes a message where its record begins.
#[inline]
pub(super) fn write(bytes: SharedBytes<'_>, offset: u32, message: &[u8]) -> Result<()> {
    // Exact: `size` has compared the length with a smaller number.
    bytes.store(offset as usize, &(message.len() as u32))?;
    bytes.write((offset + PREFIX) as usize, message)
}

/// The error of a message that no ring of this size takes.
#[cold]
pub(super) fn too_big(call: &'static str, len: usize, geometry: Geometry) -> Error {
    let reason = format!("a message in this ring has at most {} bytes", longest(geometry));
    Error::new(call, Errno::TOOBIG).without_errno().about(format!("{len} bytes")).because(reason)
}

/// Where a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Of its first byte, in the ring.
    pub(super) offset: u32,
    pub(super) len: u32,
    /// Of the whole record.
    pub(super) size: u32,
}

/// The next message of what is ready, of which there is something. Nothing that is read here is believed: the record lies in
/// the ring, and in what is ready.
#[inline]
pub(super) fn find(ring: &mut Reading, bytes: SharedBytes<'_>) -> Result<Found, Nonsense> {
    let geometry = ring.geometry();
    let mut len = length_at(ring.offset(), bytes)?;
    if len == SKIP {
        let rest = geometry.capacity - ring.offset();
        // Behind the mark there is a message: they are published together.
        if rest >= ring.ready() {
            return Err(Nonsense);
        }
        ring.advance(rest);
        len = length_at(ring.offset(), bytes)?;
    }
    let size = size(len as usize, geometry).ok_or(Nonsense)?;
    let offset = ring.offset();
    if size > ring.ready() || size > geometry.capacity - offset {
        return Err(Nonsense);
    }
    Ok(Found { offset: offset + PREFIX, len, size })
}

#[inline]
fn length_at(offset: u32, bytes: SharedBytes<'_>) -> Result<u32, Nonsense> {
    bytes.load(offset as usize).map_err(|_| Nonsense)
}
