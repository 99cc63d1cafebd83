//! What the kernel knows about segments.

use super::permissions::Permissions;
use super::procfs;
use super::time::from_seconds;
use crate::process::{Pid, from_status, is_alive};
use ipc_sys::shm::{SHM_DEST, SHM_LOCKED, shm_info, shmid_ds, shminfo};
use std::time::SystemTime;

/// The state of a [`Segment`](super::Segment).
#[doc(alias = "shmid_ds")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SegmentStatus {
    /// The id of the segment.
    pub id: i32,
    /// Key, owner, creator, mode.
    pub permissions: Permissions,
    /// The size in bytes, as it was asked for; the memory is rounded up to pages.
    pub size: usize,
    /// How often it is attached, in all processes together.
    #[doc(alias = "shm_nattch")]
    pub attachments: u64,
    /// Whether it goes with its last attachment, because it was removed.
    #[doc(alias = "SHM_DEST")]
    pub removed: bool,
    /// Whether its pages stay in memory.
    #[doc(alias = "SHM_LOCKED")]
    pub locked: bool,
    /// Who made it; none from outside the pid namespace.
    pub creator: Option<Pid>,
    /// Who attached or detached last.
    pub last_user: Option<Pid>,
    /// When it was attached last, to the second.
    pub last_attach: Option<SystemTime>,
    /// When it was detached last.
    pub last_detach: Option<SystemTime>,
    /// When the segment was made or its settings changed.
    pub changed: Option<SystemTime>,
}

impl SegmentStatus {
    pub(super) fn of(id: i32, raw: &shmid_ds) -> Self {
        let mode = raw.shm_perm.mode.cast_signed();
        Self {
            id,
            permissions: Permissions::of(&raw.shm_perm),
            size: raw.shm_segsz,
            attachments: raw.shm_nattch,
            removed: mode & SHM_DEST != 0,
            locked: mode & SHM_LOCKED != 0,
            creator: from_status(raw.shm_cpid),
            last_user: from_status(raw.shm_lpid),
            last_attach: from_seconds(raw.shm_atime),
            last_detach: from_seconds(raw.shm_dtime),
            changed: from_seconds(raw.shm_ctime),
        }
    }

    /// Whether the segment seems left over: nobody has it attached, and its creator and its last user are dead. Not when the
    /// creator is from outside the pid namespace.
    #[must_use]
    pub fn is_orphaned(&self) -> bool {
        self.attachments == 0 && self.creator.is_some_and(|pid| !is_alive(pid)) && !self.last_user.is_some_and(is_alive)
    }
}

/// What the system allows for segments.
#[doc(alias = "shminfo")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SegmentLimits {
    /// `kernel.shmmni`: segments in the IPC namespace.
    pub segments: u64,
    /// `kernel.shmmax`: bytes in a segment.
    pub segment_bytes: u64,
    /// The least bytes in a segment: 1.
    pub min_segment_bytes: u64,
    /// `kernel.shmall`: pages in all segments.
    pub pages: u64,
    /// `kernel.shm_rmid_forced`: a segment goes with its last attachment, removed or not. None when it cannot be read.
    pub removed_when_detached: Option<bool>,
}

impl SegmentLimits {
    pub(super) fn of(raw: &shminfo) -> Self {
        Self {
            segments: raw.shmmni,
            segment_bytes: raw.shmmax,
            min_segment_bytes: raw.shmmin,
            pages: raw.shmall,
            removed_when_detached: procfs::sysctl("shm_rmid_forced").map(|value| value != "0"),
        }
    }
}

/// What is in use of segments.
#[doc(alias = "shm_info")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SegmentUsage {
    /// Segments.
    pub segments: u32,
    /// Pages in all segments.
    pub pages: u64,
    /// Those that are in memory.
    pub resident_pages: u64,
    /// Those that are swapped out.
    pub swapped_pages: u64,
}

impl SegmentUsage {
    pub(super) fn of(raw: &shm_info) -> Self {
        Self {
            segments: raw.used_ids.cast_unsigned(),
            pages: raw.shm_tot,
            resident_pages: raw.shm_rss,
            swapped_pages: raw.shm_swp,
        }
    }
}
