//! Files that live in memory and have no name.

use super::mapping::{FileMapping, FrozenMemory, SharedMemory};
use super::object;
use super::options::MapOptions;
use super::raw;
use super::seals::Seals;
use crate::error::{Errno, Error, ErrorKind, Rejected, Result};
use crate::shared::ReadOnly;
use ipc_sys::mman;
use rustix::fs::{FallocateFlags, SealFlags, fallocate, fcntl_add_seals, fcntl_get_seals, ftruncate};
use rustix::io::retry_on_intr;
use rustix::param::page_size;
use rustix::system::sysinfo;
use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// A file in memory, without a name, found by its descriptor only. It may still shrink: mapped, it is a [`FileMapping`].
///
/// [`fix`](Self::fix) seals it against that: then it maps as memory that cannot fault.
///
/// ```
/// use ipc_safe::memory::Memfd;
///
/// let memfd = Memfd::options().name("frame").create(4096)?.fix()?;
/// let memory = memfd.map()?;
/// memory.bytes().write(0, b"pixels")?;
/// // the descriptor goes to another process, which makes a `FixedMemfd` of it and maps it too
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [memfd_create(2)](https://man7.org/linux/man-pages/man2/memfd_create.2.html)
#[doc(alias = "memfd_create")]
#[derive(Debug)]
pub struct Memfd(OwnedFd);

/// A memfd that cannot shrink, by its seal.
#[doc(alias = "F_SEAL_SHRINK")]
#[derive(Debug)]
pub struct FixedMemfd(OwnedFd);

/// A memfd that nobody can write or shrink, by its seals.
#[doc(alias = "F_SEAL_WRITE")]
#[derive(Debug)]
pub struct FrozenMemfd(OwnedFd);

impl Memfd {
    /// How to make one: name, huge pages, executable.
    pub const fn options() -> MemfdOptions {
        MemfdOptions { name: None, huge_pages: None, executable: false }
    }

    /// The size in bytes.
    ///
    /// # Errors
    ///
    /// That of `fstat`.
    pub fn size(&self) -> Result<u64> {
        object::size(self.as_fd())
    }

    /// Makes it larger or smaller, with room in memory for all of it.
    ///
    /// # Errors
    ///
    /// [`PermissionDenied`](ErrorKind::PermissionDenied) when a seal forbids it, [`LimitReached`](ErrorKind::LimitReached)
    /// or [`OutOfMemory`](ErrorKind::OutOfMemory) without room.
    #[doc(alias = "ftruncate")]
    pub fn set_size(&self, size: u64) -> Result<()> {
        set_size(self.as_fd(), size)
    }

    /// The seals it has.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) when it cannot be sealed.
    pub fn seals(&self) -> Result<Seals> {
        seals(self.as_fd())
    }

    /// Adds seals, for ever.
    ///
    /// # Errors
    ///
    /// [`PermissionDenied`](ErrorKind::PermissionDenied) when it is sealed against more seals; `EBUSY` for
    /// [`Seals::WRITE`] while a writable mapping exists.
    pub fn add_seals(&self, more: Seals) -> Result<()> {
        add_seals(self.as_fd(), more)
    }

    /// Seals it against shrinking.
    ///
    /// # Errors
    ///
    /// As [`add_seals`](Self::add_seals); [`Unsupported`](ErrorKind::Unsupported) for huge pages, which can run out; the
    /// memfd comes back.
    pub fn fix(self) -> Result<FixedMemfd, Rejected<Self>> {
        match fix(self.as_fd()) {
            Ok(()) => Ok(FixedMemfd(self.0)),
            Err(error) => Err(Rejected::new(self, error)),
        }
    }

    /// The whole of it in memory, for reading and writing.
    ///
    /// # Errors
    ///
    /// As [`MapOptions::file`].
    pub fn map(&self) -> Result<FileMapping> {
        MapOptions::new().file(self)
    }
}

impl FixedMemfd {
    /// The size in bytes. Never less at the next look.
    ///
    /// # Errors
    ///
    /// That of `fstat`.
    pub fn size(&self) -> Result<u64> {
        object::size(self.as_fd())
    }

    /// Makes it larger, with room in memory for all of it.
    ///
    /// # Errors
    ///
    /// As [`Memfd::set_size`].
    pub fn grow(&self, size: u64) -> Result<()> {
        set_size(self.as_fd(), size)
    }

    /// The seals it has.
    ///
    /// # Errors
    ///
    /// That of the call.
    pub fn seals(&self) -> Result<Seals> {
        seals(self.as_fd())
    }

    /// Adds seals, for ever.
    ///
    /// # Errors
    ///
    /// As [`Memfd::add_seals`].
    pub fn add_seals(&self, more: Seals) -> Result<()> {
        add_seals(self.as_fd(), more)
    }

    /// Seals it against everything: from now on its bytes stay as they are.
    ///
    /// # Errors
    ///
    /// `EBUSY` while somebody has it mapped for writing; [`PermissionDenied`](ErrorKind::PermissionDenied) when it is sealed
    /// against more seals; the memfd comes back.
    pub fn freeze(self) -> Result<FrozenMemfd, Rejected<Self>> {
        match add_seals(self.as_fd(), Seals::WRITE | Seals::SHRINK | Seals::GROW | Seals::SEAL) {
            Ok(()) => Ok(FrozenMemfd(self.0)),
            Err(error) => Err(Rejected::new(self, error)),
        }
    }

    /// The whole of it in memory, for reading and writing.
    ///
    /// # Errors
    ///
    /// As [`MapOptions::fixed`].
    pub fn map(&self) -> Result<SharedMemory> {
        MapOptions::new().fixed(self)
    }

    /// The whole of it in memory, for reading.
    ///
    /// # Errors
    ///
    /// As [`MapOptions::fixed_read_only`].
    pub fn map_read_only(&self) -> Result<SharedMemory<ReadOnly>> {
        MapOptions::new().fixed_read_only(self)
    }
}

impl FrozenMemfd {
    /// The size in bytes, which stays.
    ///
    /// # Errors
    ///
    /// That of `fstat`.
    pub fn size(&self) -> Result<u64> {
        object::size(self.as_fd())
    }

    /// The whole of it in memory.
    ///
    /// # Errors
    ///
    /// As [`MapOptions::frozen`].
    pub fn map(&self) -> Result<FrozenMemory> {
        MapOptions::new().frozen(self)
    }
}

/// A descriptor that came from elsewhere, when it is one of a memfd that cannot shrink.
impl TryFrom<OwnedFd> for FixedMemfd {
    type Error = Rejected<OwnedFd>;

    fn try_from(descriptor: OwnedFd) -> Result<Self, Rejected<OwnedFd>> {
        match check(descriptor.as_fd(), Seals::SHRINK) {
            Ok(()) => Ok(Self(descriptor)),
            Err(error) => Err(Rejected::new(descriptor, error)),
        }
    }
}

/// A descriptor that came from elsewhere, when it is one of a memfd that nobody can write or shrink.
impl TryFrom<OwnedFd> for FrozenMemfd {
    type Error = Rejected<OwnedFd>;

    fn try_from(descriptor: OwnedFd) -> Result<Self, Rejected<OwnedFd>> {
        match check(descriptor.as_fd(), Seals::SHRINK | Seals::WRITE) {
            Ok(()) => Ok(Self(descriptor)),
            Err(error) => Err(Rejected::new(descriptor, error)),
        }
    }
}

/// A descriptor that came from elsewhere, when it is one of a memfd at all.
impl TryFrom<OwnedFd> for Memfd {
    type Error = Rejected<OwnedFd>;

    fn try_from(descriptor: OwnedFd) -> Result<Self, Rejected<OwnedFd>> {
        match seals(descriptor.as_fd()).and_then(|_| refuse_named(descriptor.as_fd())) {
            Ok(()) => Ok(Self(descriptor)),
            Err(error) => Err(Rejected::new(descriptor, error)),
        }
    }
}

/// Implements what a type with a descriptor has.
macro_rules! descriptors {
    ($($memfd:ident),+) => {$(
        impl AsFd for $memfd {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.0.as_fd()
            }
        }

        impl AsRawFd for $memfd {
            fn as_raw_fd(&self) -> RawFd {
                self.0.as_raw_fd()
            }
        }

        impl From<$memfd> for OwnedFd {
            fn from(memfd: $memfd) -> Self {
                memfd.0
            }
        }
    )+};
}

descriptors!(Memfd, FixedMemfd, FrozenMemfd);

/// A fixed memfd is one that may be used as any other, too.
impl From<FixedMemfd> for Memfd {
    fn from(memfd: FixedMemfd) -> Self {
        Self(memfd.0)
    }
}

/// How to make a [`Memfd`].
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct MemfdOptions {
    name: Option<String>,
    huge_pages: Option<usize>,
    executable: bool,
}

impl MemfdOptions {
    /// A name to show in `/proc`; it need not be unique. At most 249 bytes.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Of huge pages with this many bytes, a power of two that the system has. Such a memfd cannot be fixed.
    #[doc(alias = "MFD_HUGETLB")]
    pub const fn huge_pages(mut self, bytes: usize) -> Self {
        self.huge_pages = Some(bytes);
        self
    }

    /// It may be executed. Otherwise, on Linux 6.3 and newer, it never may.
    #[doc(alias = "MFD_EXEC")]
    #[doc(alias = "MFD_NOEXEC_SEAL")]
    pub const fn executable(mut self, executable: bool) -> Self {
        self.executable = executable;
        self
    }

    /// Makes it with this size, all zero, with room in memory for all of it; close-on-exec, and open to seals.
    ///
    /// # Errors
    ///
    /// [`LimitReached`](ErrorKind::LimitReached) for descriptors or room, [`OutOfMemory`](ErrorKind::OutOfMemory),
    /// [`InvalidInput`](ErrorKind::InvalidInput) for a name with a zero byte or too long, or a size of huge pages that the
    /// system has not.
    pub fn create(self, size: u64) -> Result<Memfd> {
        let name = self.name.as_deref().unwrap_or("ipc-safe");
        let name = CString::new(name).map_err(|_| Error::invalid("memfd_create", "the name has a zero byte"))?;
        let memfd = Memfd(self.open(&name)?);
        memfd.set_size(size)?;
        Ok(memfd)
    }

    fn open(&self, name: &std::ffi::CStr) -> Result<OwnedFd> {
        let flags = mman::MFD_CLOEXEC | mman::MFD_ALLOW_SEALING | self.huge_flags()?;
        let executable = if self.executable { mman::MFD_EXEC } else { mman::MFD_NOEXEC_SEAL };
        let made = match raw::memfd_create(name, flags | executable) {
            // Before Linux 6.3 there are no such flags.
            Err(Errno::INVAL) => raw::memfd_create(name, flags),
            other => other,
        };
        made.map_err(|errno| {
            let error = Error::new("memfd_create", errno);
            match errno {
                Errno::INVAL => {
                    error.because("the name is longer than 249 bytes, or the system has no such huge pages")
                }
                _ => error,
            }
        })
    }

    fn huge_flags(&self) -> Result<u32> {
        match self.huge_pages {
            None => Ok(0),
            Some(bytes) if bytes.is_power_of_two() && bytes > 1 => {
                Ok(mman::MFD_HUGETLB | (bytes.ilog2() << mman::MFD_HUGE_SHIFT))
            }
            Some(bytes) => Err(Error::invalid("memfd_create", "the size of a huge page is a power of two")
                .about(format!("huge pages of {bytes} bytes"))),
        }
    }
}

/// An error number of rustix as one of ours.
fn errno(errno: rustix::io::Errno) -> Errno {
    Errno::from_raw(errno.raw_os_error())
}

/// Sets the size and makes room for all of it, so that a full memory shows here and not later as a signal.
pub(super) fn set_size(object: BorrowedFd<'_>, size: u64) -> Result<()> {
    let fault = |call, number: rustix::io::Errno| {
        let error = Error::new(call, errno(number)).about(format!("{size} bytes"));
        match errno(number) {
            Errno::PERM => error.because("a seal keeps its size"),
            Errno::NOSPC => error.because("there is no room for so much"),
            Errno::NOMEM => error.because("there is not so much memory"),
            Errno::INVAL => error.because("it is not open for writing, or the size is above the largest of a file"),
            _ => error,
        }
    };
    let facts = object::facts(object)?;
    let before = facts.size;
    if !size.is_multiple_of(facts.page as u64) && facts.is_huge() {
        let reason = format!("a size in huge pages is a multiple of {}", facts.page);
        return Err(Error::invalid("ftruncate", reason).about(format!("{size} bytes")));
    }
    if size.saturating_sub(before) > memory() {
        return Err(fault("fallocate", rustix::io::Errno::NOMEM));
    }
    // First the room, behind the end, then the size: one that cannot shrink must not grow when there is no room.
    let grown = reserve(object, before, size).map_err(|number| fault("fallocate", number));
    let sized =
        grown.and_then(|()| retry_on_intr(|| ftruncate(object, size)).map_err(|number| fault("ftruncate", number)));
    if sized.is_err() && size > before {
        // As it was: the size has not changed, and this gives back what lies behind it.
        let _ = retry_on_intr(|| ftruncate(object, before));
    }
    sized
}

/// Bytes of memory and swap that the machine has. Without a limit of the file system, the kernel would try to find more than
/// that, and kill processes before it gives up.
fn memory() -> u64 {
    let info = sysinfo();
    (info.totalram as u64 + info.totalswap as u64).saturating_mul(u64::from(info.mem_unit))
}

/// Makes room for the bytes between the two sizes. In parts where need be: a call that a signal handler interrupts gives back
/// all that it had, so that one for everything might never come to its end.
fn reserve(object: BorrowedFd<'_>, before: u64, after: u64) -> rustix::io::Result<()> {
    let least = page_size() as u64;
    let (mut offset, mut part) = (before, after.saturating_sub(before));
    while offset < after {
        let len = part.min(after - offset);
        match fallocate(object, FallocateFlags::KEEP_SIZE, offset, len) {
            Ok(()) => offset += len,
            Err(rustix::io::Errno::INTR) => part = (part / 2).max(least),
            // What `ftruncate` says of an object that is open for reading.
            Err(rustix::io::Errno::BADF) => return Err(rustix::io::Errno::INVAL),
            Err(other) => return Err(other),
        }
    }
    Ok(())
}

fn seals(object: BorrowedFd<'_>) -> Result<Seals> {
    let seals = fcntl_get_seals(object)
        .map_err(|number| Error::new("fcntl", errno(number)).about("F_GET_SEALS").because("this is not a memfd"))?;
    Ok(Seals::from_bits_retain(seals.bits()))
}

fn add_seals(object: BorrowedFd<'_>, more: Seals) -> Result<()> {
    fcntl_add_seals(object, SealFlags::from_bits_retain(more.bits())).map_err(|number| {
        let error = Error::new("fcntl", errno(number)).about(format!("{more:?}"));
        match number {
            rustix::io::Errno::BUSY => error.because("somebody has it mapped for writing: unmap that first"),
            rustix::io::Errno::PERM => error.because("it is sealed against more seals, or not open for writing"),
            _ => error,
        }
    })
}

fn fix(object: BorrowedFd<'_>) -> Result<()> {
    refuse_huge(object)?;
    if seals(object)?.contains(Seals::SHRINK) { Ok(()) } else { add_seals(object, Seals::SHRINK) }
}

/// Whether a descriptor is one of a memfd with these seals, whose pages do not run out.
fn check(object: BorrowedFd<'_>, wanted: Seals) -> Result<()> {
    let seals = seals(object)?;
    if !seals.contains(wanted) {
        let missing = wanted - seals;
        return Err(Error::new("fcntl", Errno::PERM)
            .kind_of(ErrorKind::InvalidInput)
            .about("F_GET_SEALS")
            .because(format!("the seals {missing:?} are missing: who sent it can still change it")));
    }
    refuse_huge(object)
}

/// The other files on tmpfs have seals too (one: against seals), and names.
fn refuse_named(object: BorrowedFd<'_>) -> Result<()> {
    if object::facts(object)?.names > 0 {
        return Err(Error::invalid("fcntl", "this is a file with a name, and not a memfd").without_errno());
    }
    Ok(())
}

fn refuse_huge(object: BorrowedFd<'_>) -> Result<()> {
    if object::facts(object)?.is_huge() {
        return Err(Error::new("memfd", Errno::from_raw(libc::EOPNOTSUPP))
            .because("it is of huge pages: when they run out, an access is a signal; map it as a file"));
    }
    Ok(())
}
