//! Shared memory segments.

use super::{Errno, Raw, done, returned, same_id};
use crate::error::keeping_errno;
use core::ffi::c_int;
use core::ptr::NonNull;
use ipc_sys::ipc::{IPC_INFO, IPC_RMID, IPC_SET, IPC_STAT};
use ipc_sys::shm;
use rustix::param::page_size;

pub(in crate::sysv) fn get(key: c_int, size: usize, flags: c_int) -> Raw<c_int> {
    // SAFETY: `shmget` takes three integers and touches no memory of ours.
    returned(unsafe { shm::shmget(key, size, flags) })
}

/// A segment at its place in memory, until this value is dropped.
///
/// The attachment pins the segment, and with it the meaning of its id: a size that the kernel tells for the id from now on is
/// that of this memory.
#[derive(Debug)]
pub(in crate::sysv) struct Attached {
    start: NonNull<u8>,
}

impl Attached {
    /// Attaches where nothing is mapped: at `address`, or where the kernel likes for 0. Never replaces a mapping.
    pub(in crate::sysv) fn new(id: c_int, address: usize, flags: c_int) -> Raw<Self> {
        // SAFETY: without SHM_REMAP the kernel refuses a range in which anything is mapped, so no memory in use changes.
        unsafe { Self::replacing(id, address, flags & !shm::SHM_REMAP) }
    }

    /// Attaches at `address`, with `SHM_REMAP` in place of whatever is mapped there.
    ///
    /// # Safety
    ///
    /// With `SHM_REMAP`, nothing uses the memory in the range that the segment will cover.
    pub(in crate::sysv) unsafe fn replacing(id: c_int, address: usize, flags: c_int) -> Raw<Self> {
        let address = core::ptr::without_provenance(address);
        // SAFETY: as the caller says.
        let start = unsafe { shm::shmat(id, address, flags) };
        if start.addr() == usize::MAX {
            return Err(Errno::last());
        }
        NonNull::new(start.cast()).map(|start| Self { start }).ok_or(Errno::INVAL)
    }

    /// Takes over an attachment.
    ///
    /// # Safety
    ///
    /// A segment is attached at `start`, and nothing else will detach it or use its memory.
    pub(in crate::sysv) const unsafe fn from_raw(start: NonNull<u8>) -> Self {
        Self { start }
    }

    /// The first byte.
    pub(in crate::sysv) const fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// Gives the attachment up without detaching.
    pub(in crate::sysv) fn into_raw(self) -> NonNull<u8> {
        let start = self.start;
        core::mem::forget(self);
        start
    }

    /// Detaches, and tells how that went.
    pub(in crate::sysv) fn detach(self) -> Raw<()> {
        let start = self.into_raw();
        // SAFETY: `start` is where `shmat` put the segment; this value, the only way to its memory, ends here.
        done(unsafe { shm::shmdt(start.as_ptr().cast()) })
    }

    /// Whether these may be huge pages. Those are aligned to their size, so that other addresses need no question to the
    /// kernel.
    pub(in crate::sysv) fn may_be_huge(&self) -> bool {
        const SMALLEST_HUGE_PAGE: usize = if cfg!(target_arch = "x86_64") { 2 << 20 } else { 64 << 10 };
        if !self.start.as_ptr().addr().is_multiple_of(SMALLEST_HUGE_PAGE) {
            return false;
        }
        // SAFETY: MADV_COLD changes no contents, only how soon the pages may be swapped out; the page is one of the
        // attachment. The kernel takes it for any memory but huge pages, locked and special pages (Linux 5.4).
        unsafe { libc::madvise(self.start.as_ptr().cast(), page_size(), libc::MADV_COLD) != 0 }
    }
}

impl Drop for Attached {
    #[inline]
    fn drop(&mut self) {
        keeping_errno(|| {
            // SAFETY: `start` is where `shmat` put the segment; this value, the only way to its memory, ends here. An error
            // means that somebody unmapped it already, which leaves nothing to do.
            unsafe { shm::shmdt(self.start.as_ptr().cast()) }
        });
    }
}

// SAFETY: an attachment belongs to the process and not to a thread; all access to its memory goes through atomic bytes.
unsafe impl Send for Attached {}
// SAFETY: as above; `&Attached` gives an address and changes nothing.
unsafe impl Sync for Attached {}

pub(in crate::sysv) fn status(id: c_int) -> Raw<shm::shmid_ds> {
    stat(id, IPC_STAT).map(|(_, status)| status)
}

/// The segment at a place of the kernel's table: its id and status.
pub(in crate::sysv) fn status_at(index: c_int) -> Raw<(c_int, shm::shmid_ds)> {
    stat(index, shm::SHM_STAT_ANY)
}

fn stat(id: c_int, command: c_int) -> Raw<(c_int, shm::shmid_ds)> {
    let mut status = shm::shmid_ds::default();
    // SAFETY: IPC_STAT and SHM_STAT_ANY write one `shmid_ds`.
    let result = returned(unsafe { shm::shmctl(id, command, &raw mut status) })?;
    Ok((result, status))
}

/// The status for changing it, which is the right of an owner who may not read it.
pub(in crate::sysv) fn status_to_change(id: c_int) -> Raw<shm::shmid_ds> {
    match status(id) {
        Err(Errno::ACCES) => status_at(id).and_then(|found| same_id(id, found)),
        other => other,
    }
}

pub(in crate::sysv) fn set(id: c_int, mut status: shm::shmid_ds) -> Raw<()> {
    // SAFETY: IPC_SET reads one `shmid_ds`.
    done(unsafe { shm::shmctl(id, IPC_SET, &raw mut status) })
}

pub(in crate::sysv) fn remove(id: c_int) -> Raw<()> {
    without_argument(id, IPC_RMID)
}

pub(in crate::sysv) fn lock(id: c_int) -> Raw<()> {
    without_argument(id, shm::SHM_LOCK)
}

pub(in crate::sysv) fn unlock(id: c_int) -> Raw<()> {
    without_argument(id, shm::SHM_UNLOCK)
}

fn without_argument(id: c_int, command: c_int) -> Raw<()> {
    // SAFETY: IPC_RMID, SHM_LOCK and SHM_UNLOCK do not use the pointer.
    done(unsafe { shm::shmctl(id, command, core::ptr::null_mut()) })
}

/// The limits.
pub(in crate::sysv) fn limits() -> Raw<shm::shminfo> {
    let mut info = shm::shminfo::default();
    // SAFETY: IPC_INFO writes one `shminfo`, whatever type the prototype gives the pointer.
    returned(unsafe { shm::shmctl(0, IPC_INFO, (&raw mut info).cast()) })?;
    Ok(info)
}

/// What is in use; the result is the highest index in use.
pub(in crate::sysv) fn usage() -> Raw<(c_int, shm::shm_info)> {
    let mut info = shm::shm_info::default();
    // SAFETY: SHM_INFO writes one `shm_info`, whatever type the prototype gives the pointer.
    let result = returned(unsafe { shm::shmctl(0, shm::SHM_INFO, (&raw mut info).cast()) })?;
    Ok((result, info))
}
