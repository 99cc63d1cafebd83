//! From memory to the file.

use super::backing::{Backing, File, Fixed};
use super::mapping::Mapping;
use super::protection::Rights;
use crate::error::{Error, Result};
use core::ops::RangeBounds;
use ipc_sys::mman::{MS_ASYNC, MS_INVALIDATE, MS_SYNC};

/// What is under a mapping whose bytes can go to a file.
pub trait Flushable: Backing {}

impl Flushable for File {}
impl Flushable for Fixed {}

impl<B: Flushable, P: Rights> Mapping<B, P> {
    /// Writes changed pages to the file and waits until they are there. Other processes see changes without it; a crash of the
    /// machine does not.
    ///
    /// # Errors
    ///
    /// [`Other`](crate::error::ErrorKind::Other) with `EIO` when the file system failed.
    ///
    /// [msync(2)](https://man7.org/linux/man-pages/man2/msync.2.html)
    #[doc(alias = "msync")]
    #[inline]
    pub fn flush(&self) -> Result<()> {
        self.flush_range(..)
    }

    /// [`flush`](Self::flush) for the pages that hold these bytes.
    ///
    /// # Errors
    ///
    /// As `flush`; [`OutOfRange`](crate::error::ErrorKind::OutOfRange) for bytes that are not in the mapping.
    #[inline]
    pub fn flush_range(&self, range: impl RangeBounds<usize>) -> Result<()> {
        self.sync(range, MS_SYNC)
    }

    /// Asks for changed pages to be written, and does not wait. On Linux the kernel writes them in its own time anyway.
    ///
    /// # Errors
    ///
    /// As [`flush`](Self::flush).
    #[doc(alias = "MS_ASYNC")]
    pub fn flush_async(&self) -> Result<()> {
        self.sync(.., MS_ASYNC)
    }

    /// [`flush`](Self::flush), and other mappings of the file see it; on Linux they do anyway.
    ///
    /// # Errors
    ///
    /// As `flush`; [`Other`](crate::error::ErrorKind::Other) with `EBUSY` for locked pages.
    #[doc(alias = "MS_INVALIDATE")]
    pub fn flush_and_invalidate(&self) -> Result<()> {
        self.sync(.., MS_SYNC | MS_INVALIDATE)
    }

    #[inline]
    fn sync(&self, range: impl RangeBounds<usize>, flags: i32) -> Result<()> {
        let range = self.range("msync", &range)?;
        self.mapped().flush(&range, flags).map_err(|errno| {
            let error = Error::new("msync", errno);
            if errno.as_raw() == libc::EBUSY { error.because("pages of it are locked") } else { error }
        })
    }
}
