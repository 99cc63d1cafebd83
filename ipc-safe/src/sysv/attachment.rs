//! Segments in memory.

use super::raw::shm::Attached;
use super::segment::Segment;
use crate::error::{Errno, Error, ErrorKind, Object, Result};
use crate::shared::{Access, ReadOnly, ReadWrite, Region, SharedBytes, Tail};
use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;
use ipc_sys::shm::{SHM_EXEC, SHM_RDONLY, SHM_REMAP, SHM_RND, SHMLBA};

/// A [`Segment`] in the memory of this process until the value is dropped: for reading and writing, or, as
/// [`ReadOnlyAttachment`], for reading.
///
/// A [`Region`]: use it as [`bytes`](Self::bytes), or consume it into [`Shared<T>`](crate::shared::Shared) or
/// [`OwnedBytes`](crate::shared::OwnedBytes). Its length is what the kernel says of the attached segment, exactly: not what
/// was asked for, and not rounded to pages.
///
/// A forked child has an attachment of its own, which its copy of this value detaches. `exec` and the end of the process
/// detach too.
///
/// [shmop(2)](https://man7.org/linux/man-pages/man2/shmop.2.html)
#[doc(alias = "shmat")]
#[must_use = "the segment is detached when this value is dropped"]
pub struct Attachment<A: Access = ReadWrite> {
    // Before the attachment: the mark is taken back first.
    tail: Tail,
    attached: Attached,
    len: usize,
    segment: Segment,
    access: PhantomData<A>,
}

/// A [`Segment`] in the memory of this process, for reading, until the value is dropped. Others may write it.
///
/// There is no method that writes; to the hardware, writing would be a fault.
///
/// ```compile_fail
/// # use ipc_safe::sysv::Segment;
/// let attachment = Segment::private(100)?.attach_read_only()?;
/// attachment.bytes().write(0, b"no")?;
/// # Ok::<(), ipc_safe::Error>(())
/// ```
#[doc(alias = "SHM_RDONLY")]
pub type ReadOnlyAttachment = Attachment<ReadOnly>;

impl<A: Access> Attachment<A> {
    /// The attachment with its size. The id cannot change its meaning any more: what is attached stays in the kernel's table.
    #[inline]
    fn of(segment: Segment, attached: Attached) -> Result<Self> {
        let len = segment.raw_status()?.shm_segsz;
        let tail = Tail::after(attached.start().addr().get() + len);
        Ok(Self { tail, attached, len, segment, access: PhantomData })
    }

    /// The handle of the segment. As long as this attachment lives, its id cannot come to mean another one.
    #[must_use]
    pub const fn segment(&self) -> Segment {
        self.segment
    }

    /// The bytes, for copying in and out.
    pub fn bytes(&self) -> SharedBytes<'_, A> {
        Region::bytes(self)
    }

    /// The size of the segment in bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Never: a segment has at least one byte.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Detaches now.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) when somebody unmapped the memory behind the back of this value.
    #[doc(alias = "shmdt")]
    pub fn detach(self) -> Result<()> {
        let object = Object::Segment(self.segment.id());
        let Self { mut tail, attached, .. } = self;
        tail.lift();
        attached.detach().map_err(|errno| Error::new("shmdt", errno).on(object))
    }

    /// The address and the length, without detaching: [`from_raw`](Self::from_raw) or `shmdt` are up to you.
    #[must_use]
    pub fn into_raw(self) -> (NonNull<u8>, usize) {
        (self.attached.into_raw(), self.len)
    }

    /// Takes over an attachment that C's `shmat` or [`into_raw`](Self::into_raw) gave.
    ///
    /// # Safety
    ///
    /// `segment` is attached at `start`, with at least the access that this type has; its size is `len`; nothing else
    /// detaches it or accesses its memory in this process; and no access to it can fault, as would be with huge pages that
    /// ran out.
    #[expect(unsafe_code, reason = "only the caller knows what is there")]
    pub const unsafe fn from_raw(segment: Segment, start: NonNull<u8>, len: usize) -> Self {
        // SAFETY: as the caller says.
        let attached = unsafe { Attached::from_raw(start) };
        Self { tail: Tail::NONE, attached, len, segment, access: PhantomData }
    }
}

#[expect(unsafe_code, reason = "an attachment is what a region asks for")]
// SAFETY: a segment stays attached at its place, with its size (read after attaching), until `Attached` is dropped; it cannot
// shrink. Its pages are reserved when it is made, and huge pages, which can run out, are refused (or the caller of an `unsafe`
// constructor promised): access does not fault. Write access is there where `A` says: each constructor picks the flags and the
// type together. Nobody else in the process knows the memory: the kernel chose a free range, or the caller of an `unsafe`
// constructor promised; a second attachment of the segment is at another address.
unsafe impl<A: Access> Region for Attachment<A> {
    type Access = A;

    fn start(&self) -> NonNull<u8> {
        self.attached.start()
    }

    fn len(&self) -> usize {
        self.len
    }
}

impl<A: Access> fmt::Debug for Attachment<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attachment")
            .field("segment", &self.segment)
            .field("start", &self.attached.start())
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

/// How to attach a [`Segment`]: where, and with which rights.
///
/// ```
/// use ipc_safe::sysv::{AttachOptions, Segment};
///
/// let segment = Segment::private(100)?;
/// let somewhere = segment.attach()?.into_raw().0; // attached until the process ends
/// let error = AttachOptions::new().address(somewhere.as_ptr().addr()).attach(*segment).unwrap_err();
/// assert_eq!(error.errno().unwrap().name(), Some("EINVAL")); // something is mapped there
/// # Ok::<(), ipc_safe::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[must_use]
pub struct AttachOptions {
    address: Option<usize>,
    round: bool,
    executable: bool,
}

impl AttachOptions {
    /// At an address of the kernel's choice, not executable.
    pub const fn new() -> Self {
        Self { address: None, round: false, executable: false }
    }

    /// At this address, which must be a multiple of the page size and have nothing mapped where the segment goes.
    ///
    /// The stack of the main thread grows downwards as it is used: where an attachment is in its way, it is full.
    pub const fn address(mut self, address: usize) -> Self {
        self.address = Some(address);
        self
    }

    /// The address is rounded down to what the kernel can do.
    #[doc(alias = "SHM_RND")]
    pub const fn round(mut self, round: bool) -> Self {
        self.round = round;
        self
    }

    /// What is in the segment may be executed; needs the right to execute in its mode.
    #[doc(alias = "SHM_EXEC")]
    pub const fn executable(mut self, executable: bool) -> Self {
        self.executable = executable;
        self
    }

    /// Attaches for reading and writing.
    ///
    /// # Errors
    ///
    /// [`Removed`](ErrorKind::Removed); [`PermissionDenied`](ErrorKind::PermissionDenied) without the rights to read and
    /// write; [`InvalidInput`](ErrorKind::InvalidInput) for an address that does not do;
    /// [`OutOfMemory`](ErrorKind::OutOfMemory) without room in the address space; [`Unsupported`](ErrorKind::Unsupported)
    /// for a segment of huge pages, see [`attach_unchecked`](Self::attach_unchecked).
    #[doc(alias = "shmat")]
    pub fn attach(self, segment: Segment) -> Result<Attachment> {
        self.attach_safely(segment, 0)
    }

    /// Attaches for reading.
    ///
    /// # Errors
    ///
    /// As [`attach`](Self::attach), without the need for the right to write.
    #[doc(alias = "SHM_RDONLY")]
    pub fn attach_read_only(self, segment: Segment) -> Result<ReadOnlyAttachment> {
        self.attach_safely(segment, SHM_RDONLY)
    }

    /// Attaches for reading and writing, huge pages too.
    ///
    /// # Safety
    ///
    /// No access to the attached memory faults. Pages of a huge-page segment do when the pool is empty: with `no_reserve`
    /// from the start, otherwise after another process punched a hole into the segment, or at the limit of a control group.
    ///
    /// # Errors
    ///
    /// As [`attach`](Self::attach), but for `Unsupported`.
    #[expect(unsafe_code, reason = "only the caller knows that no page runs out")]
    pub unsafe fn attach_unchecked(self, segment: Segment) -> Result<Attachment> {
        let attached = self.attached(segment, 0)?;
        Attachment::of(segment, attached)
    }

    /// Attaches for reading and writing at the [`address`](Self::address), in place of whatever is mapped there. Huge pages
    /// are not refused.
    ///
    /// # Safety
    ///
    /// Nothing uses the memory that the segment will cover, which ends at the next multiple of the page size after its size
    /// now; and no access to the attached memory faults, as for [`attach_unchecked`](Self::attach_unchecked).
    ///
    /// # Errors
    ///
    /// As [`attach`](Self::attach), but for `Unsupported`; [`InvalidInput`](ErrorKind::InvalidInput) without an address.
    #[doc(alias = "SHM_REMAP")]
    #[expect(unsafe_code, reason = "replaces mappings")]
    pub unsafe fn attach_replacing(self, segment: Segment) -> Result<Attachment> {
        let address = self.checked_address()?;
        // SAFETY: as the caller says.
        let attached = unsafe { Attached::replacing(segment.id(), address, self.flags() | SHM_REMAP) };
        Attachment::of(segment, attached.map_err(|errno| self.fault(segment, errno))?)
    }

    /// Attaches what can be attached safely; `flags` and the access of the result belong together.
    #[inline]
    fn attach_safely<A: Access>(self, segment: Segment, flags: i32) -> Result<Attachment<A>> {
        let attached = self.attached(segment, flags)?;
        if attached.may_be_huge() && in_huge_pages(attached.start()) {
            return Err(Error::new("shmat", Errno::from_raw(libc::EOPNOTSUPP)).on(Object::Segment(segment.id())).because(
                "the segment is of huge pages: when they run out, an access is SIGBUS; AttachOptions::attach_unchecked attaches it",
            ));
        }
        Attachment::of(segment, attached)
    }

    #[inline]
    fn attached(self, segment: Segment, flags: i32) -> Result<Attached> {
        let address = self.checked_address()?;
        Attached::new(segment.id(), address, self.flags() | flags).map_err(|errno| self.fault(segment, errno))
    }

    fn flags(self) -> i32 {
        (if self.round { SHM_RND } else { 0 }) | (if self.executable { SHM_EXEC } else { 0 })
    }

    /// The address as the kernel takes it, where 0 is "anywhere".
    ///
    /// Not one that is rounded down to 0: for who may map there (`CAP_SYS_RAWIO`), the kernel puts the segment at 0 without
    /// a look at what it covers.
    fn checked_address(self) -> Result<usize> {
        let Some(address) = self.address else { return Ok(0) };
        let rounded = if self.round { address / rounding() * rounding() } else { address };
        if rounded == 0 {
            let error = Error::invalid("shmat", "nothing can be attached at address 0");
            return Err(error.about(format!("address {address:#x}")));
        }
        Ok(address)
    }

    #[cold]
    fn fault(self, segment: Segment, errno: Errno) -> Error {
        let error = segment.fault("shmat", errno);
        let error = match self.address {
            Some(address) => error.about(format!("address {address:#x}")),
            None => error,
        };
        let page = rustix::param::page_size();
        match (errno, error.kind(), self.address) {
            (Errno::INVAL, ErrorKind::InvalidInput, Some(address)) if !self.round && !address.is_multiple_of(page) => {
                error.because(format!("the address is not a multiple of {page}"))
            }
            (Errno::INVAL, ErrorKind::InvalidInput, Some(_)) => {
                error.because("something is mapped there, or the range leaves the address space")
            }
            (Errno::ACCES, ..) => {
                error.because("its permission bits allow no such access; attach_read_only needs less")
            }
            (Errno::NOMEM, ..) => error.because("there is no room in the address space (RLIMIT_AS) or no memory"),
            _ => error,
        }
    }
}

/// What `SHM_RND` rounds down to a multiple of.
fn rounding() -> usize {
    usize::try_from(SHMLBA()).unwrap_or(1)
}

/// Whether the mapping that starts at `start` has huge pages, as the kernel shows it; when it does not show it, yes.
#[cold]
fn in_huge_pages(start: NonNull<u8>) -> bool {
    let Ok(maps) = std::fs::read_to_string("/proc/self/smaps") else { return true };
    let head = format!("{:x}-", start.as_ptr().addr());
    let mut lines = maps.lines().skip_while(|line| !line.starts_with(&head));
    let flags = lines.find_map(|line| line.strip_prefix("VmFlags:"));
    flags.is_none_or(|flags| flags.split_whitespace().any(|flag| flag == "ht"))
}
