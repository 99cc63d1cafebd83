//! Shared memory segments.

use super::attachment::{AttachOptions, Attachment, ReadOnlyAttachment};
use super::fault;
use super::key::Key;
use super::owned::{Handle, Owned, sealed};
use super::permissions::{Creation, mode_bits};
use super::raw::shm;
use super::segment_status::{SegmentLimits, SegmentStatus, SegmentUsage};
use crate::error::{Errno, Error, Object, Result};
use core::ffi::c_int;
use ipc_sys::shm::{SHM_HUGE_SHIFT, SHM_HUGETLB, SHM_NORESERVE, shmid_ds};

/// A System V shared memory segment: memory that processes attach.
///
/// A handle: copying it does not copy the segment, dropping it does not remove it (see [`Handle`], [`Owned`]). The memory is
/// used through an [`Attachment`].
///
/// ```
/// use ipc_safe::sysv::Segment;
///
/// let segment = Segment::private(4096)?;
/// let ours = segment.attach()?;
/// let theirs = segment.attach_read_only()?; // in another process, say
/// ours.bytes().write(0, b"hello")?;
/// assert_eq!(theirs.bytes().slice(..5)?.to_vec(), b"hello");
/// assert_eq!(segment.status()?.attachments, 2);
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// # Removal
///
/// [`remove`](Self::remove) takes the key away at once; the memory goes with the last attachment. Until then Linux attaches
/// it by id, for whoever has the right. A new segment is all zero bytes.
///
/// [shmget(2)](https://man7.org/linux/man-pages/man2/shmget.2.html),
/// [shmop(2)](https://man7.org/linux/man-pages/man2/shmop.2.html),
/// [shmctl(2)](https://man7.org/linux/man-pages/man2/shmctl.2.html)
#[doc(alias = "shmid")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Segment {
    id: c_int,
}

impl Segment {
    /// How to find or make a segment: mode, create or not, huge pages, no reserve.
    pub const fn options() -> SegmentOptions {
        SegmentOptions { creation: Creation::DEFAULT, huge_pages: None, no_reserve: false }
    }

    /// A new segment of `size` bytes without a key, removed with the returned value.
    ///
    /// # Errors
    ///
    /// As [`SegmentOptions::open`].
    #[doc(alias = "IPC_PRIVATE")]
    pub fn private(size: usize) -> Result<Owned<Self>> {
        Self::options().create_new(true).open(Key::PRIVATE, size).map(Owned::new)
    }

    /// The segment of this key, of whatever size.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::error::ErrorKind::NotFound) when there is none. Missing rights show only when the segment is used.
    #[doc(alias = "shmget")]
    pub fn open(key: Key) -> Result<Self> {
        Self::options().open(key, 0)
    }

    /// The segment of this id, which another process passed on. Nothing is asked of the kernel.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::error::ErrorKind::InvalidInput) for a negative number.
    pub fn from_id(id: i32) -> Result<Self> {
        fault::check_id("Segment::from_id", id).map(|id| Self { id })
    }

    /// The id.
    #[must_use]
    pub const fn id(&self) -> i32 {
        self.id
    }

    /// This segment as an owned one: from now on it is removed with the returned value.
    pub fn into_owned(self) -> Owned<Self> {
        Owned::new(self)
    }

    /// Attaches for reading and writing, at an address of the kernel's choice. [`AttachOptions`] has more.
    ///
    /// # Errors
    ///
    /// As [`AttachOptions::attach`].
    #[doc(alias = "shmat")]
    pub fn attach(&self) -> Result<Attachment> {
        AttachOptions::new().attach(*self)
    }

    /// Attaches for reading, at an address of the kernel's choice.
    ///
    /// # Errors
    ///
    /// As [`AttachOptions::attach`], without the need for the right to write.
    #[doc(alias = "shmat")]
    #[doc(alias = "SHM_RDONLY")]
    pub fn attach_read_only(&self) -> Result<ReadOnlyAttachment> {
        AttachOptions::new().attach_read_only(*self)
    }

    /// Owner, size, attachments, last users and times.
    ///
    /// # Errors
    ///
    /// [`Removed`](crate::error::ErrorKind::Removed), [`PermissionDenied`](crate::error::ErrorKind::PermissionDenied) without the right to read.
    #[doc(alias = "shmctl")]
    #[doc(alias = "IPC_STAT")]
    pub fn status(&self) -> Result<SegmentStatus> {
        Ok(SegmentStatus::of(self.id, &self.raw_status()?))
    }

    /// Gives the segment to another user and group.
    ///
    /// # Errors
    ///
    /// [`PermissionDenied`](crate::error::ErrorKind::PermissionDenied) for others than owner, creator and `CAP_SYS_ADMIN`,
    /// [`Removed`](crate::error::ErrorKind::Removed).
    #[doc(alias = "IPC_SET")]
    pub fn set_owner(&self, uid: u32, gid: u32) -> Result<()> {
        self.change(|status| (status.shm_perm.uid, status.shm_perm.gid) = (uid, gid))
    }

    /// Changes the nine permission bits. Attachments that exist keep their rights.
    ///
    /// # Errors
    ///
    /// As [`set_owner`](Self::set_owner); [`InvalidInput`](crate::error::ErrorKind::InvalidInput) for more than nine bits.
    #[doc(alias = "IPC_SET")]
    pub fn set_mode(&self, mode: u32) -> Result<()> {
        let bits = mode_bits("shmctl", mode)?;
        self.change(|status| status.shm_perm.mode = bits.cast_unsigned())
    }

    /// Keeps the pages in memory from when they are first used, not swapped out, until [`unlock`](Self::unlock). A setting
    /// of the segment: it does not count, and outlives the process.
    ///
    /// # Errors
    ///
    /// [`PermissionDenied`](crate::error::ErrorKind::PermissionDenied) for others than owner, creator and `CAP_IPC_LOCK`, or when
    /// `RLIMIT_MEMLOCK` is 0; [`OutOfMemory`](crate::error::ErrorKind::OutOfMemory) above that limit; [`Removed`](crate::error::ErrorKind::Removed).
    #[doc(alias = "SHM_LOCK")]
    pub fn lock(&self) -> Result<()> {
        shm::lock(self.id).map_err(|errno| self.lock_fault(errno))
    }

    /// Lets the pages be swapped out again.
    ///
    /// # Errors
    ///
    /// As [`lock`](Self::lock).
    #[doc(alias = "SHM_UNLOCK")]
    pub fn unlock(&self) -> Result<()> {
        shm::unlock(self.id).map_err(|errno| self.lock_fault(errno))
    }

    /// Removes the segment: the key now, the memory with the last attachment. Doing it again before that is no error.
    ///
    /// # Errors
    ///
    /// As [`Handle::remove`].
    #[doc(alias = "IPC_RMID")]
    pub fn remove(&self) -> Result<()> {
        shm::remove(self.id).map_err(|errno| self.fault("shmctl", errno))
    }

    /// All segments of the IPC namespace, also those that the caller may not read.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](crate::error::ErrorKind::Unsupported) without System V IPC.
    #[doc(alias = "SHM_STAT_ANY")]
    pub fn list() -> Result<Vec<SegmentStatus>> {
        let (highest, _) = shm::usage().map_err(|errno| Error::new("shmctl", errno))?;
        let indices = 0..=highest;
        Ok(indices
            .filter_map(|index| shm::status_at(index).ok())
            .map(|(id, raw)| SegmentStatus::of(id, &raw))
            .collect())
    }

    /// What the system allows.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](crate::error::ErrorKind::Unsupported) without System V IPC.
    #[doc(alias = "IPC_INFO")]
    #[doc(alias = "shminfo")]
    pub fn limits() -> Result<SegmentLimits> {
        shm::limits().map(|info| SegmentLimits::of(&info)).map_err(|errno| Error::new("shmctl", errno))
    }

    /// What is in use in the IPC namespace.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](crate::error::ErrorKind::Unsupported) without System V IPC.
    #[doc(alias = "SHM_INFO")]
    #[doc(alias = "shm_info")]
    pub fn usage() -> Result<SegmentUsage> {
        shm::usage().map(|(_, info)| SegmentUsage::of(&info)).map_err(|errno| Error::new("shmctl", errno))
    }

    #[inline]
    pub(super) fn raw_status(&self) -> Result<shmid_ds> {
        shm::status(self.id).map_err(|errno| self.fault("shmctl", errno))
    }

    /// Reads the status, edits it, and writes back what `IPC_SET` takes. Two that do it at once may undo each other.
    fn change(&self, edit: impl FnOnce(&mut shmid_ds)) -> Result<()> {
        let mut status = shm::status_to_change(self.id).map_err(|errno| self.fault("shmctl", errno))?;
        edit(&mut status);
        shm::set(self.id, status).map_err(|errno| self.fault("shmctl", errno))
    }

    pub(super) fn fault(&self, call: &'static str, errno: Errno) -> Error {
        fault::on_handle(call, errno, Object::Segment(self.id), || shm::status(self.id).map(drop))
    }

    #[cold]
    fn lock_fault(&self, errno: Errno) -> Error {
        let error = self.fault("shmctl", errno);
        match errno {
            Errno::NOMEM => error.because("the segment is larger than what may be locked (RLIMIT_MEMLOCK)"),
            Errno::PERM => error.because("only owner and creator may lock it, within RLIMIT_MEMLOCK, and CAP_IPC_LOCK"),
            _ => error,
        }
    }
}

impl sealed::Sealed for Segment {}

impl Handle for Segment {
    fn id(self) -> i32 {
        self.id
    }

    fn remove(self) -> Result<()> {
        Self::remove(&self)
    }
}

/// How to find or make a [`Segment`].
///
/// ```
/// use ipc_safe::sysv::{Key, Segment};
///
/// let key = Key::random()?;
/// let segment = Segment::options().mode(0o660).create_new(true).open(key, 100)?.into_owned();
/// assert_eq!(Segment::open(key)?.status()?.size, 100);
/// # Ok::<(), ipc_safe::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct SegmentOptions {
    creation: Creation,
    huge_pages: Option<HugePages>,
    no_reserve: bool,
}

/// The size of huge pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HugePages {
    /// The system's usual size.
    Default,
    /// So many bytes a page, a power of two that the system has.
    Size(usize),
}

impl HugePages {
    fn flags(self) -> Result<c_int> {
        match self {
            Self::Default => Ok(SHM_HUGETLB),
            Self::Size(size) if size.is_power_of_two() && size > 1 => {
                Ok(SHM_HUGETLB | (size.ilog2().cast_signed() << SHM_HUGE_SHIFT))
            }
            Self::Size(size) => Err(Error::invalid("shmget", "the size of a huge page is a power of two")
                .about(format!("huge pages of {size} bytes"))),
        }
    }
}

impl SegmentOptions {
    /// The permission bits of a new segment, 0600 unless changed. With [`create`](Self::create), also what an existing
    /// segment must allow.
    pub const fn mode(mut self, mode: u32) -> Self {
        self.creation.mode = mode;
        self
    }

    /// Makes the segment when there is none.
    #[doc(alias = "IPC_CREAT")]
    pub const fn create(mut self, create: bool) -> Self {
        self.creation.create = create;
        self
    }

    /// Makes a new segment, or fails when there is one.
    #[doc(alias = "IPC_EXCL")]
    pub const fn create_new(mut self, create_new: bool) -> Self {
        self.creation.create_new = create_new;
        self
    }

    /// Makes a new segment of huge pages, for who may (`CAP_IPC_LOCK`, or the group in `vm.hugetlb_shm_group`). Only
    /// [`AttachOptions::attach_unchecked`] attaches it.
    #[doc(alias = "SHM_HUGETLB")]
    pub const fn huge_pages(mut self, huge_pages: Option<HugePages>) -> Self {
        self.huge_pages = huge_pages;
        self
    }

    /// Reserves no swap space for a new segment, and no huge pages.
    ///
    /// Of ordinary pages such a segment is safe to attach: under `vm.overcommit_memory` 0 and 1 an access fails only when the
    /// whole machine is out of memory, and under 2 the kernel ignores this option.
    #[doc(alias = "SHM_NORESERVE")]
    pub const fn no_reserve(mut self, no_reserve: bool) -> Self {
        self.no_reserve = no_reserve;
        self
    }

    /// Finds or makes the segment. `size` is in bytes: at least 1 for a new segment, at most its size for an existing one.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::error::ErrorKind::NotFound) unless one is to be created, [`AlreadyExists`](crate::error::ErrorKind::AlreadyExists) with
    /// `create_new`, [`InvalidInput`](crate::error::ErrorKind::InvalidInput) for a size that does not do or more than nine mode bits,
    /// [`LimitReached`](crate::error::ErrorKind::LimitReached) when `kernel.shmmni` segments or `kernel.shmall` pages are in use,
    /// [`OutOfMemory`](crate::error::ErrorKind::OutOfMemory), [`PermissionDenied`](crate::error::ErrorKind::PermissionDenied).
    #[doc(alias = "shmget")]
    pub fn open(self, key: Key, size: usize) -> Result<Segment> {
        self.creation.check_key("shmget", key, "segment")?;
        let flags = self.flags()?;
        shm::get(key.as_raw(), size, flags).map(|id| Segment { id }).map_err(|errno| self.fault(errno, key, size))
    }

    fn flags(self) -> Result<c_int> {
        let flags = self.creation.flags("shmget")?;
        let huge_pages = self.huge_pages.map_or(Ok(0), HugePages::flags)?;
        Ok(flags | huge_pages | if self.no_reserve { SHM_NORESERVE } else { 0 })
    }

    #[cold]
    fn fault(self, errno: Errno, key: Key, size: usize) -> Error {
        let error = fault::on_get("shmget", errno, key.as_raw(), "segment").about(format!("{size} bytes"));
        match errno {
            Errno::INVAL => error.because(self.size_fault(key, size)),
            Errno::NOSPC => error.because(space_fault()),
            Errno::NOMEM if self.huge_pages.is_some() => {
                error.because("there are not enough huge pages (vm.nr_hugepages)")
            }
            Errno::PERM => error.because("huge pages need CAP_IPC_LOCK or the group in vm.hugetlb_shm_group"),
            _ => error,
        }
    }

    /// Why a size is `EINVAL`.
    fn size_fault(self, key: Key, size: usize) -> String {
        let existing = if key.is_private() { Err(Errno::NOENT) } else { shm::get(key.as_raw(), 0, 0) };
        if let Ok(id) = existing {
            return match shm::status(id) {
                Ok(status) => format!("the segment has {} bytes", status.shm_segsz),
                Err(_) => "the segment is smaller".into(),
            };
        }
        let limit = shm::limits().map_or(0, |limits| limits.shmmax);
        match size {
            0 => "a new segment has at least 1 byte".into(),
            _ => format!("a segment has at most {limit} bytes (kernel.shmmax), in pages of a size that the system has"),
        }
    }
}

/// Why `ENOSPC`: too many segments, or too many pages.
fn space_fault() -> String {
    let (Ok(limits), Ok((_, usage))) = (shm::limits(), shm::usage()) else { return String::new() };
    if u64::try_from(usage.used_ids).unwrap_or(0) >= limits.shmmni {
        return fault::all_in_use(limits.shmmni, "segments", "shmmni");
    }
    format!(
        "{} of the {} pages that all segments may have are in use (kernel.shmall); \"ipc list\" shows them",
        usage.shm_tot, limits.shmall
    )
}
