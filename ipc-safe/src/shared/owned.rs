//! The view that owns its region.

use super::bytes::{SharedBytes, bounds};
use super::region::Region;
use crate::error::Result;
use core::fmt;
use core::ops::RangeBounds;
use std::sync::Arc;

/// A range of a region as an owned value: no lifetime, cheap to clone, good for threads and structures.
///
/// Clones and slices share the region, which ends with the last of them.
///
/// ```
/// use ipc_safe::shared::OwnedBytes;
/// use ipc_safe::sysv::Segment;
///
/// let bytes = OwnedBytes::new(Segment::private(100)?.attach()?);
/// let half = bytes.slice(50..)?;
/// let writer = std::thread::spawn(move || half.view().write(0, b"from a thread"));
/// writer.join().unwrap()?;
/// assert_eq!(bytes.view().slice(50..63)?.to_vec(), b"from a thread");
/// # Ok::<(), ipc_safe::Error>(())
/// ```
pub struct OwnedBytes<R: Region> {
    region: Arc<R>,
    offset: usize,
    len: usize,
}

impl<R: Region> OwnedBytes<R> {
    /// All bytes of `region`.
    #[must_use]
    pub fn new(region: R) -> Self {
        let len = region.len();
        Self { region: Arc::new(region), offset: 0, len }
    }

    /// The bytes, borrowed.
    #[must_use]
    pub fn view(&self) -> SharedBytes<'_, R::Access> {
        SharedBytes::of_part(&*self.region, self.offset, self.len)
    }

    /// The bytes of `range` as a value of their own.
    ///
    /// # Errors
    ///
    /// [`OutOfRange`](crate::error::ErrorKind::OutOfRange) when the range leaves these bytes or ends before it starts.
    pub fn slice(&self, range: impl RangeBounds<usize>) -> Result<Self> {
        let (from, to) = bounds(&range, self.len);
        let len = self.view().slice(from..to)?.len();
        Ok(Self { region: Arc::clone(&self.region), offset: self.offset + from, len })
    }

    /// The region, when no other clone or slice is left; otherwise `self` again.
    ///
    /// # Errors
    ///
    /// `self`, when somebody else still has a part of it.
    pub fn try_into_region(self) -> Result<R, Self> {
        let Self { region, offset, len } = self;
        Arc::try_unwrap(region).map_err(|region| Self { region, offset, len })
    }
}

impl<R: Region> Clone for OwnedBytes<R> {
    fn clone(&self) -> Self {
        Self { region: Arc::clone(&self.region), offset: self.offset, len: self.len }
    }
}

impl<R: Region> From<R> for OwnedBytes<R> {
    fn from(region: R) -> Self {
        Self::new(region)
    }
}

impl<R: Region> fmt::Debug for OwnedBytes<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedBytes").field("offset", &self.offset).field("len", &self.len).finish_non_exhaustive()
    }
}
