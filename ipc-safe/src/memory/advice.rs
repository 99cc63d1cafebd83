//! How memory will be used.

use core::ffi::c_int;
use ipc_sys::mman;

/// Advice that keeps the contents and the access as they are.
///
/// [madvise(2)](https://man7.org/linux/man-pages/man2/madvise.2.html)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Advice {
    /// Nothing special.
    Normal,
    /// In no order: reading ahead is of no use.
    Random,
    /// From the start to the end.
    Sequential,
    /// Soon: read it in.
    WillNeed,
    /// Not soon: these pages may go first.
    Cold,
    /// Not soon: write these pages out now.
    PageOut,
    /// Bring all pages in, for reading. Reports what cannot be had.
    PopulateRead,
    /// Bring all pages in, for writing. Reports what cannot be had.
    PopulateWrite,
    /// Use huge pages where it can be.
    HugePage,
    /// Use no huge pages.
    NoHugePage,
    /// Make huge pages of what is there, now.
    Collapse,
    /// Equal pages may become one.
    Mergeable,
    /// Equal pages do not become one.
    Unmergeable,
    /// Leave it out of a core dump.
    DontDump,
    /// Put it into a core dump again.
    DoDump,
    /// Children inherit it again.
    DoFork,
}

impl Advice {
    pub(super) const fn as_raw(self) -> c_int {
        match self {
            Self::Normal => mman::MADV_NORMAL,
            Self::Random => mman::MADV_RANDOM,
            Self::Sequential => mman::MADV_SEQUENTIAL,
            Self::WillNeed => mman::MADV_WILLNEED,
            Self::Cold => mman::MADV_COLD,
            Self::PageOut => mman::MADV_PAGEOUT,
            Self::PopulateRead => mman::MADV_POPULATE_READ,
            Self::PopulateWrite => mman::MADV_POPULATE_WRITE,
            Self::HugePage => mman::MADV_HUGEPAGE,
            Self::NoHugePage => mman::MADV_NOHUGEPAGE,
            Self::Collapse => mman::MADV_COLLAPSE,
            Self::Mergeable => mman::MADV_MERGEABLE,
            Self::Unmergeable => mman::MADV_UNMERGEABLE,
            Self::DontDump => mman::MADV_DONTDUMP,
            Self::DoDump => mman::MADV_DODUMP,
            Self::DoFork => mman::MADV_DOFORK,
        }
    }
}

/// Advice that changes contents or access. For [`Mapping::advise_unchecked`](super::Mapping::advise_unchecked).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Hazard {
    /// The contents may be dropped: private memory is zero afterwards, a copy-on-write mapping as the file is.
    DontNeed,
    /// As [`DontNeed`](Self::DontNeed), for locked pages too.
    DontNeedLocked,
    /// The kernel may drop the contents at any time until the next write.
    Free,
    /// Punches a hole into the object: its bytes are zero, for everybody.
    Remove,
    /// A forked child does not have the memory at all; its copy of the mapping must not be dropped.
    DontFork,
    /// A forked child finds zeros.
    WipeOnFork,
    /// A forked child finds a copy again.
    KeepOnFork,
    /// Acts as if the pages were broken hardware.
    HwPoison,
    /// Takes the pages out of use, keeping their contents.
    SoftOffline,
    /// Every access is a fault, until it is removed (Linux 6.13).
    GuardInstall,
    /// Undoes [`GuardInstall`](Self::GuardInstall); the contents are zero.
    GuardRemove,
}

impl Hazard {
    pub(super) const fn as_raw(self) -> c_int {
        match self {
            Self::DontNeed => mman::MADV_DONTNEED,
            Self::DontNeedLocked => mman::MADV_DONTNEED_LOCKED,
            Self::Free => mman::MADV_FREE,
            Self::Remove => mman::MADV_REMOVE,
            Self::DontFork => mman::MADV_DONTFORK,
            Self::WipeOnFork => mman::MADV_WIPEONFORK,
            Self::KeepOnFork => mman::MADV_KEEPONFORK,
            Self::HwPoison => mman::MADV_HWPOISON,
            Self::SoftOffline => mman::MADV_SOFT_OFFLINE,
            Self::GuardInstall => mman::MADV_GUARD_INSTALL,
            Self::GuardRemove => mman::MADV_GUARD_REMOVE,
        }
    }
}
