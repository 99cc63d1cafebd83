//! Advice about the memory of another process.

use super::raw;
use crate::error::{Errno, Error, Result};
use core::ffi::c_int;
use core::ops::Range;
use ipc_sys::mman;
use std::os::fd::AsFd;

/// Advice that may be given about another process's memory: it changes neither contents nor access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RemoteAdvice {
    /// Soon: read it in.
    WillNeed,
    /// Not soon: these pages may go first.
    Cold,
    /// Not soon: write these pages out now.
    PageOut,
    /// Make huge pages of what is there, now.
    Collapse,
}

impl RemoteAdvice {
    const fn as_raw(self) -> c_int {
        match self {
            Self::WillNeed => mman::MADV_WILLNEED,
            Self::Cold => mman::MADV_COLD,
            Self::PageOut => mman::MADV_PAGEOUT,
            Self::Collapse => mman::MADV_COLLAPSE,
        }
    }
}

/// Tells the kernel how ranges of addresses in another process will be used; the process is named by a pidfd. Returns how
/// many bytes were advised.
///
/// # Errors
///
/// [`PermissionDenied`](crate::error::ErrorKind::PermissionDenied) without the right to trace the process or without
/// `CAP_SYS_NICE`; [`InvalidInput`](crate::error::ErrorKind::InvalidInput) for addresses that are not page multiples;
/// [`OutOfMemory`](crate::error::ErrorKind::OutOfMemory) where nothing is mapped.
///
/// [process_madvise(2)](https://man7.org/linux/man-pages/man2/process_madvise.2.html)
#[doc(alias = "process_madvise")]
pub fn advise_process(process: impl AsFd, ranges: &[Range<usize>], advice: RemoteAdvice) -> Result<usize> {
    let ranges: Vec<_> = ranges.iter().map(iovec).collect();
    raw::advise_process(process.as_fd(), &ranges, advice.as_raw()).map_err(|errno| {
        let error = Error::new("process_madvise", errno);
        match errno {
            Errno::PERM | Errno::ACCES => error.because("it takes the right to trace the process, and CAP_SYS_NICE"),
            _ => error,
        }
    })
}

fn iovec(range: &Range<usize>) -> mman::iovec {
    mman::iovec { iov_base: core::ptr::without_provenance_mut(range.start), iov_len: range.len() }
}
