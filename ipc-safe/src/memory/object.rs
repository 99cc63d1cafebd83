//! What the kernel tells of an object that is to be mapped.

use super::raw;
use crate::error::{Errno, Error, Result};
use rustix::fs::{FileType, Stat, fstat};
use rustix::param::page_size;
use std::os::fd::BorrowedFd;

const HUGETLBFS_MAGIC: i64 = 0x9584_58f6;

/// Size, page size and kind of an object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) size: u64,
    pub(super) page: usize,
    /// How many names it has; a memfd has none.
    pub(super) names: u64,
    kind: FileType,
}

/// Asks for them: one system call, two where the pages may be huge.
pub(super) fn facts(object: BorrowedFd<'_>) -> Result<Facts> {
    let status = fstat(object).map_err(|errno| Error::new("fstat", Errno::from_raw(errno.raw_os_error())))?;
    let block = usize::try_from(status.st_blksize).unwrap_or(0);
    // A file system that does not tell is no proof that the pages are small.
    let magic =
        if block > page_size() { raw::file_system(object).map_err(|errno| Error::new("fstatfs", errno))? } else { 0 };
    let huge = magic == HUGETLBFS_MAGIC;
    Ok(Facts {
        size: u64::try_from(status.st_size).unwrap_or(0),
        page: if huge { block } else { page_size() },
        names: names(&status),
        kind: FileType::from_raw_mode(status.st_mode),
    })
}

#[allow(clippy::useless_conversion, reason = "the field is of another width on other processors")]
fn names(status: &Stat) -> u64 {
    u64::from(status.st_nlink)
}

pub(super) fn size(object: BorrowedFd<'_>) -> Result<u64> {
    facts(object).map(|facts| facts.size)
}

impl Facts {
    pub(super) fn is_huge(self) -> bool {
        self.page > page_size()
    }

    /// What cannot be mapped, in words.
    pub(super) fn refusal(self) -> Option<&'static str> {
        match self.kind {
            FileType::Directory => Some("a directory cannot be mapped"),
            FileType::Fifo => Some("a pipe cannot be mapped"),
            FileType::Socket => Some("a socket cannot be mapped"),
            // Reading a device is not reading what is mapped of it, and its size is not told: `/dev/zero` shows it.
            FileType::CharacterDevice | FileType::BlockDevice => {
                Some("a device is no file; anonymous memory needs none")
            }
            _ => None,
        }
    }
}
