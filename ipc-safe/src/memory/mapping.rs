//! Mapped memory.

use super::advice::{Advice, Hazard};
use super::backing::{Backing, File, Fixed, Frozen, Private, Wiped};
use super::lock::LockedPages;
use super::options::{MapOptions, NO_ROOM};
use super::protection::{Protection, Readable, Rights};
use super::raw::Mapped;
use crate::error::{Errno, Error, ErrorKind, Rejected, Result};
use crate::shared::{Access, ReadOnly, ReadWrite, Region, SharedBytes};
use core::fmt;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut, RangeBounds};
use core::ptr::NonNull;
use core::sync::atomic::AtomicU32;
use ipc_sys::mman;
use rustix::param::page_size;

/// Mapped memory, unmapped when this value is dropped: what is under it, and what may be done with it.
///
/// | type | what is under it | how it is used |
/// |---|---|---|
/// | [`PrivateMemory`] | anonymous memory of this process | `&[u8]`, `&mut [u8]` |
/// | [`SharedMemory`] | anonymous shared memory, a memfd that cannot shrink | [`SharedBytes`], [`Shared`](crate::shared::Shared) |
/// | [`WipedMemory`] | memory that a forked child finds zeroed | as above |
/// | [`FrozenMemory`] | a memfd that nobody can write or shrink | `&[u8]` |
/// | [`FileMapping`] | a file, a POSIX object | copies that fail where the file ends |
///
/// A forked child has a mapping of its own, which its copy of this value unmaps.
///
/// [mmap(2)](https://man7.org/linux/man-pages/man2/mmap.2.html)
#[doc(alias = "mmap")]
#[must_use = "the memory is unmapped when this value is dropped"]
pub struct Mapping<B: Backing, P: Rights> {
    mapped: Mapped,
    backing: B,
    rights: PhantomData<P>,
    /// How many guards lock the pages.
    locks: AtomicU32,
}

/// Anonymous memory of this process alone: zero at first, `&[u8]` and, with [`ReadWrite`], `&mut [u8]`.
///
/// ```
/// use ipc_safe::memory::{PrivateMemory, ReadOnly};
///
/// let mut memory = PrivateMemory::new(10_000)?;
/// memory[..5].copy_from_slice(b"hello");
/// let memory = memory.protect::<ReadOnly>()?; // to the hardware too
/// assert_eq!(&memory[..6], b"hello\0");
/// # Ok::<(), ipc_safe::Error>(())
/// ```
pub type PrivateMemory<P = ReadWrite> = Mapping<Private, P>;

/// Memory that other processes may write, and that cannot go away: a [`Region`].
///
/// ```
/// use ipc_safe::memory::SharedMemory;
///
/// let memory = SharedMemory::new(4096)?; // forked children share it
/// memory.bytes().write(0, b"hello")?;
/// # Ok::<(), ipc_safe::Error>(())
/// ```
pub type SharedMemory<P = ReadWrite> = Mapping<Fixed, P>;

/// Memory of this process that a forked child finds zeroed: for what must not be inherited, such as the state of a random
/// number generator. See [`MapOptions::wiped_on_fork`].
///
/// A [`Region`] and no slice: the bytes change under the child.
pub type WipedMemory<P = ReadWrite> = Mapping<Wiped, P>;

/// The bytes of a [`FrozenMemfd`](super::FrozenMemfd): nobody can change them, so they are a `&[u8]`.
pub type FrozenMemory = Mapping<Frozen, ReadOnly>;

/// A file, or another object that can shrink, in memory.
///
/// Where the file ends, an access is a signal: to a reader who holds a slice, any process that may write the file can send
/// it. So bytes go in and out by calls that report it as an error, [`Truncated`](ErrorKind::Truncated).
///
/// It keeps a descriptor of its own. When that is closed, the process loses its record locks (`fcntl`) on the file, as after
/// any `close` of it; locks of the open file description stay.
///
/// With [`CopyOnWrite`](super::CopyOnWrite), what is written stays in this process; what is not written yet still shows
/// later changes of the file.
///
/// ```
/// use ipc_safe::memory::FileMapping;
/// # let path = std::env::temp_dir().join(format!("ipc-safe-doc-{}", std::process::id()));
/// std::fs::write(&path, "hello")?;
/// let file = std::fs::File::options().read(true).write(true).open(&path)?;
/// # std::fs::remove_file(&path)?;
///
/// let mapping = FileMapping::new(&file)?;
/// mapping.write(0, b"J")?;
/// let mut text = [0; 5];
/// mapping.read(0, &mut text)?;
/// assert_eq!(&text, b"Jello");
///
/// file.set_len(2)?;
/// let error = mapping.read(0, &mut text).unwrap_err();
/// assert_eq!(error.kind(), ipc_safe::error::ErrorKind::Truncated);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type FileMapping<P = ReadWrite> = Mapping<File, P>;

impl<B: Backing, P: Rights> Mapping<B, P> {
    pub(super) const fn of(mapped: Mapped, backing: B) -> Self {
        // Pages that are locked for good have one guard more than can be dropped.
        let locks = AtomicU32::new(mapped.is_locked() as u32);
        Self { mapped, backing, rights: PhantomData, locks }
    }

    pub(super) const fn mapped(&self) -> &Mapped {
        &self.mapped
    }

    pub(super) const fn backing(&self) -> &B {
        &self.backing
    }

    /// The length in bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.mapped.len()
    }

    /// Never: a mapping has at least one byte.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The address of the first byte, for calls that take raw pointers.
    #[must_use]
    pub fn as_ptr(&self) -> *const u8 {
        self.mapped.start().as_ptr()
    }

    /// The size of the pages in bytes; larger than the system's for huge pages.
    #[must_use]
    pub const fn page_size(&self) -> usize {
        self.mapped.page()
    }

    /// The address and the length, without unmapping: `munmap` is up to you, guard pages too.
    #[must_use]
    pub fn into_raw(self) -> (NonNull<u8>, usize) {
        self.mapped.into_raw()
    }

    /// Cuts the mapping in two. `at` is the first byte of a page. Dropping one half unmaps it; each may have another
    /// protection.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) when `at` is not inside, or not at the start of a page;
    /// [`LimitReached`](ErrorKind::LimitReached) when the process has too many descriptors: each part of an object has its own.
    /// The mapping comes back.
    pub fn split_at(self, at: usize) -> Result<(Self, Self), Rejected<Self>> {
        let behind = match self.backing.behind(at) {
            Ok(behind) => behind,
            Err(error) => return Err(Rejected::new(self, error)),
        };
        let Self { mapped, backing, locks, .. } = self;
        match mapped.split(at) {
            Ok((low, high)) => Ok((Self::of(low, backing), Self::of(high, behind))),
            Err(mapped) => {
                let reason = format!("a mapping of {} bytes is cut at the start of a page inside", mapped.len());
                let error = Error::invalid("Mapping::split_at", reason).without_errno().about(format!("offset {at}"));
                Err(Rejected::new(Self { mapped, backing, rights: PhantomData, locks }, error))
            }
        }
    }

    /// Changes the length; the memory may move. New bytes are zero, or what the object has there.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for length 0, past the end of the object, and for mappings with guard pages
    /// or huge pages; [`OutOfMemory`](ErrorKind::OutOfMemory); the mapping comes back as it was.
    ///
    /// [mremap(2)](https://man7.org/linux/man-pages/man2/mremap.2.html)
    #[doc(alias = "mremap")]
    #[expect(unsafe_code, reason = "moves the memory")]
    pub fn resize(mut self, len: usize) -> Result<Self, Rejected<Self>> {
        if let Err(error) = self.check_resize(len) {
            return Err(Rejected::new(self, error));
        }
        // SAFETY: `self` is consumed, so no reference into the memory is left; the object has as many bytes, and as it is
        // `Fixed` or `Frozen` keeps them, or else is only accessed by calls that survive its end.
        match unsafe { self.mapped.resize(len) } {
            Ok(()) => Ok(self),
            Err(errno) => {
                let error = Error::new("mremap", errno).about(format!("{len} bytes"));
                let error = match errno {
                    Errno::AGAIN => {
                        error.kind_of(ErrorKind::OutOfMemory).because("more than may be locked (RLIMIT_MEMLOCK)")
                    }
                    Errno::NOMEM | Errno::INVAL => error.kind_of(ErrorKind::OutOfMemory).because(NO_ROOM),
                    Errno::FAULT => error.because("advice for a part of it made several mappings of it, to the kernel"),
                    _ => error,
                };
                Err(Rejected::new(self, error))
            }
        }
    }

    fn check_resize(&self, len: usize) -> Result<()> {
        let refuse = |reason: String| Err(Error::invalid("mremap", reason).about(format!("{len} bytes")));
        if len == 0 {
            return refuse("a mapping has at least one byte".into());
        }
        if self.mapped.is_guarded() || self.mapped.page() > page_size() {
            return refuse("a mapping with guard pages or huge pages keeps its length".into());
        }
        match self.backing.available()? {
            Some(available) if len > self.len() && len as u64 > available => {
                refuse(format!("the object has {available} bytes from the start of the mapping on"))
            }
            _ => Ok(()),
        }
    }

    /// Tells the kernel how the memory will be used.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for advice that this memory or this kernel does not take;
    /// [`Other`](ErrorKind::Other) with `EFAULT` when [`Advice::PopulateRead`] or `PopulateWrite` meet the end of the object.
    ///
    /// [madvise(2)](https://man7.org/linux/man-pages/man2/madvise.2.html)
    #[doc(alias = "madvise")]
    #[doc(alias = "posix_madvise")]
    pub fn advise(&self, advice: Advice) -> Result<()> {
        self.advise_range(.., advice)
    }

    /// [`advise`](Self::advise) for the pages that hold these bytes.
    ///
    /// # Errors
    ///
    /// As `advise`; [`OutOfRange`](ErrorKind::OutOfRange) for bytes that are not in the mapping.
    #[expect(unsafe_code, reason = "the kind of advice that is safe")]
    pub fn advise_range(&self, range: impl RangeBounds<usize>, advice: Advice) -> Result<()> {
        let range = self.range("madvise", &range)?;
        // SAFETY: advice of this type keeps contents and access as they are.
        unsafe { self.mapped.advise(&range, advice.as_raw()) }.map_err(|errno| self.advice_fault(errno, &advice))
    }

    /// [`advise_range`](Self::advise_range) with advice that changes contents or access.
    ///
    /// # Safety
    ///
    /// What the advice does, see [`Hazard`], breaks no promise that was made about the memory: to references into it, to
    /// the type of this mapping, to other processes.
    ///
    /// # Errors
    ///
    /// As `advise_range`.
    #[expect(unsafe_code, reason = "only the caller knows who relies on the memory")]
    pub unsafe fn advise_unchecked(&self, range: impl RangeBounds<usize>, hazard: Hazard) -> Result<()> {
        let range = self.range("madvise", &range)?;
        // SAFETY: as the caller says.
        unsafe { self.mapped.advise(&range, hazard.as_raw()) }.map_err(|errno| self.advice_fault(errno, &hazard))
    }

    /// Which pages are in memory, the first one first.
    ///
    /// # Errors
    ///
    /// [`OutOfMemory`](ErrorKind::OutOfMemory) and the like from the kernel.
    ///
    /// [mincore(2)](https://man7.org/linux/man-pages/man2/mincore.2.html)
    #[doc(alias = "mincore")]
    pub fn residency(&self) -> Result<Vec<bool>> {
        let pages = self.mapped.residency().map_err(|errno| Error::new("mincore", errno))?;
        Ok(pages.into_iter().map(|page| page & 1 == 1).collect())
    }

    /// Locks the pages into memory, all of them now, until the guard is dropped.
    ///
    /// # Errors
    ///
    /// [`OutOfMemory`](ErrorKind::OutOfMemory) above `RLIMIT_MEMLOCK`, or when a page cannot be had;
    /// [`PermissionDenied`](ErrorKind::PermissionDenied) when that limit is 0.
    ///
    /// [mlock(2)](https://man7.org/linux/man-pages/man2/mlock.2.html)
    #[doc(alias = "mlock")]
    pub fn lock(&self) -> Result<LockedPages<'_>> {
        LockedPages::new(&self.mapped, &self.locks, 0)
    }

    /// Locks each page into memory once it is used, until the guard is dropped.
    ///
    /// # Errors
    ///
    /// As [`lock`](Self::lock).
    #[doc(alias = "mlock2")]
    #[doc(alias = "MLOCK_ONFAULT")]
    pub fn lock_on_fault(&self) -> Result<LockedPages<'_>> {
        LockedPages::new(&self.mapped, &self.locks, mman::MLOCK_ONFAULT)
    }

    /// The same memory with something else known about what is under it.
    pub(super) fn with_backing<C: Backing>(self, change: impl FnOnce(B) -> C) -> Mapping<C, P> {
        let Self { mapped, backing, locks, .. } = self;
        Mapping { mapped, backing: change(backing), rights: PhantomData, locks }
    }

    /// A range of bytes, when it is in the mapping.
    pub(super) fn range(&self, call: &'static str, range: &impl RangeBounds<usize>) -> Result<core::ops::Range<usize>> {
        let (from, to) = crate::shared::bounds(range, self.len());
        if from > to || to > self.len() {
            return Err(Error::new(call, Errno::INVAL)
                .without_errno()
                .kind_of(ErrorKind::OutOfRange)
                .about(format!("bytes {from} to {to}"))
                .because(format!("the mapping has {} bytes", self.len())));
        }
        Ok(from..to)
    }

    #[cold]
    fn advice_fault(&self, errno: Errno, advice: &dyn fmt::Debug) -> Error {
        let error = Error::new("madvise", errno).about(format!("{advice:?}"));
        match errno {
            Errno::INVAL => error.because("this kernel, or memory of this kind, does not take the advice"),
            Errno::FAULT => error.because("the pages cannot be had: the object ends before, or memory ran out"),
            _ => error,
        }
    }
}

impl<B: Backing, P: Protection> Mapping<B, P> {
    /// Changes what may be done with the memory. [`split_at`](Self::split_at) first, for a part of it.
    ///
    /// # Errors
    ///
    /// [`PermissionDenied`](ErrorKind::PermissionDenied) when the object was not opened for that;
    /// [`OutOfMemory`](ErrorKind::OutOfMemory) with too many mappings; the mapping comes back as it was.
    ///
    /// [mprotect(2)](https://man7.org/linux/man-pages/man2/mprotect.2.html)
    #[doc(alias = "mprotect")]
    #[expect(unsafe_code, reason = "changes the access to the memory")]
    pub fn protect<Q: Protection>(self) -> Result<Mapping<B, Q>, Rejected<Self>> {
        // SAFETY: `self` is consumed, so no reference into the memory is left.
        if let Err(errno) = unsafe { self.mapped.protect(Q::PROTECTION) } {
            let error = Error::new("mprotect", errno);
            let error = match errno {
                Errno::ACCES => error.because("the object was not opened for this, or is sealed against it"),
                _ => error,
            };
            // SAFETY: as above. A range that changed in part gets back what it had; should that fail, accesses fault where
            // this type allows them, which no kernel does: the old protection needs no more mappings than the new one.
            let _ = unsafe { self.mapped.protect(P::PROTECTION) };
            return Err(Rejected::new(self, error));
        }
        let Self { mapped, backing, locks, .. } = self;
        Ok(Mapping { mapped, backing, rights: PhantomData, locks })
    }
}

impl PrivateMemory {
    /// `len` bytes of zeros. [`MapOptions`] has more.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for length 0, [`OutOfMemory`](ErrorKind::OutOfMemory).
    pub fn new(len: usize) -> Result<Self> {
        MapOptions::new().private(len)
    }
}

impl<P: Rights> PrivateMemory<P> {
    /// Drops the contents: the bytes are zero again, and their pages free.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for locked pages and for huge pages.
    #[doc(alias = "MADV_DONTNEED")]
    #[expect(unsafe_code, reason = "changes the contents")]
    pub fn discard(&mut self) -> Result<()> {
        if self.mapped.page() > page_size() {
            return Err(
                Error::invalid("madvise", "huge pages that are given back may not come again").about("DONTNEED")
            );
        }
        // SAFETY: `&mut self` says that nobody looks at the bytes; they become zero, which is a value.
        unsafe { self.mapped.advise(&(0..self.len()), mman::MADV_DONTNEED) }
            .map_err(|errno| self.advice_fault(errno, &"DONTNEED"))
    }
}

impl<P: Readable> Deref for PrivateMemory<P> {
    type Target = [u8];

    #[expect(unsafe_code, reason = "lends the memory")]
    fn deref(&self) -> &[u8] {
        // SAFETY: `len` bytes from `start` are mapped, readable (`P`) and initialised (the kernel's zeros) while `self` lives.
        // They are private: only this value reaches them, writes need `&mut self`, and what changes or moves them consumes
        // the value or borrows it mutably. Huge pages were there when the mapping was made and are never given back.
        unsafe { core::slice::from_raw_parts(self.mapped.start().as_ptr(), self.len()) }
    }
}

impl DerefMut for PrivateMemory<ReadWrite> {
    #[expect(unsafe_code, reason = "lends the memory")]
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as for `deref`; the memory is writable, and `&mut self` is the only way to it.
        unsafe { core::slice::from_raw_parts_mut(self.mapped.start().as_ptr(), self.len()) }
    }
}

impl<P: Readable> AsRef<[u8]> for PrivateMemory<P> {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl AsMut<[u8]> for PrivateMemory<ReadWrite> {
    fn as_mut(&mut self) -> &mut [u8] {
        self
    }
}

impl Deref for FrozenMemory {
    type Target = [u8];

    #[expect(unsafe_code, reason = "lends the memory")]
    fn deref(&self) -> &[u8] {
        // SAFETY: `len` bytes from `start` are mapped and readable while `self` lives, and inside the memfd, which cannot
        // shrink. Nobody can write them: the seal F_SEAL_WRITE stands, which no process can take away and which the kernel
        // gives only when no writable mapping is left.
        unsafe { core::slice::from_raw_parts(self.mapped.start().as_ptr(), self.len()) }
    }
}

impl AsRef<[u8]> for FrozenMemory {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl SharedMemory {
    /// `len` bytes of anonymous memory that forked children share. [`MapOptions`] has more.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for length 0, [`OutOfMemory`](ErrorKind::OutOfMemory).
    #[doc(alias = "MAP_ANONYMOUS")]
    pub fn new(len: usize) -> Result<Self> {
        MapOptions::new().shared(len)
    }
}

/// Implements what a mapping needs to be a region.
macro_rules! regions {
    ($($mapping:ident: $proof:literal),+ $(,)?) => {$(
        impl<A: Access + Rights> $mapping<A> {
            /// The bytes, for copying in and out.
            pub fn bytes(&self) -> SharedBytes<'_, A> {
                Region::bytes(self)
            }
        }

        #[expect(unsafe_code, reason = $proof)]
        // SAFETY: the mapping stays at its place, with its length, until the value is dropped or consumed. No access faults:
        // see the reason. `A` is both the access and the protection. Nobody else in the process knows the memory.
        unsafe impl<A: Access + Rights> Region for $mapping<A> {
            type Access = A;

            fn start(&self) -> NonNull<u8> {
                self.mapped.start()
            }

            fn len(&self) -> usize {
                self.mapped.len()
            }
        }
    )+};
}

regions! {
    SharedMemory: "the object cannot shrink, and its pages were promised when it was made",
    WipedMemory: "anonymous memory of ordinary pages, which the kernel replaces by zeros in a child",
}

impl<B: Backing, P: Rights> fmt::Debug for Mapping<B, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mapping")
            .field("start", &self.mapped.start())
            .field("len", &self.len())
            .field("rights", &core::any::type_name::<P>())
            .finish_non_exhaustive()
    }
}
