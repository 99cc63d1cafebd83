//! How memory is mapped.

use super::backing::{File, Fixed, Frozen, Private, Wiped, duplicate};
use super::lock;
use super::mapping::{FileMapping, FrozenMemory, Mapping, PrivateMemory, SharedMemory, WipedMemory};
use super::memfd::{FixedMemfd, FrozenMemfd};
use super::object::{self, Facts};
use super::protection::{CopyOnWrite, ReadExecute, Rights};
use super::raw::{Mapped, Request};
use crate::error::{Errno, Error, ErrorKind, Result};
use crate::shared::{Access, ReadOnly, ReadWrite};
use core::ffi::c_int;
use ipc_sys::mman;
use rustix::param::page_size;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Why there are no huge pages.
const NO_HUGE_PAGES: &str = "there are not enough huge pages (vm.nr_hugepages)";

/// Why there are no addresses.
pub(super) const NO_ROOM: &str = "no room in the address space (RLIMIT_AS), or too many mappings (vm.max_map_count)";

/// How memory is mapped: where, how much of an object, with which extras. The last call says what.
///
/// ```
/// use ipc_safe::memory::MapOptions;
///
/// let mut stack = MapOptions::new().stack(true).guard_pages(true).private(64 * 1024)?;
/// stack[0] = 1;
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [mmap(2)](https://man7.org/linux/man-pages/man2/mmap.2.html)
#[doc(alias = "mmap")]
#[derive(Clone, Copy, Debug, Default)]
#[must_use]
pub struct MapOptions {
    offset: u64,
    len: Option<usize>,
    address: Option<usize>,
    replace: bool,
    populate: bool,
    no_reserve: bool,
    stack: bool,
    lock: bool,
    guard_pages: bool,
    beyond_end: bool,
    sync: bool,
    huge_pages: Option<usize>,
}

impl MapOptions {
    /// All of the object, anywhere, no extras.
    pub const fn new() -> Self {
        Self {
            offset: 0,
            len: None,
            address: None,
            replace: false,
            populate: false,
            no_reserve: false,
            stack: false,
            lock: false,
            guard_pages: false,
            beyond_end: false,
            sync: false,
            huge_pages: None,
        }
    }

    /// From this byte of the object on. Any number: the mapping starts with this byte.
    pub const fn offset(mut self, offset: u64) -> Self {
        self.offset = offset;
        self
    }

    /// So many bytes of the object; unless changed, all to its end.
    pub const fn len(mut self, len: usize) -> Self {
        self.len = Some(len);
        self
    }

    /// [Files](Self::file) only: the length may pass the end of the file, which may grow later. An access there is
    /// [`Truncated`](ErrorKind::Truncated).
    pub const fn beyond_end(mut self, beyond_end: bool) -> Self {
        self.beyond_end = beyond_end;
        self
    }

    /// At this address, a multiple of the page size, where nothing is mapped.
    ///
    /// The stack of the main thread grows downwards as it is used: where a mapping is in its way, it is full.
    #[doc(alias = "MAP_FIXED_NOREPLACE")]
    pub const fn address(mut self, address: usize) -> Self {
        self.address = Some(address);
        self
    }

    /// At this address, a multiple of the page size, in place of whatever is mapped there.
    ///
    /// # Safety
    ///
    /// Whenever a mapping is made with these options, or a copy of them, nothing uses the memory in the pages that it will
    /// cover, and nothing else unmaps them later.
    #[doc(alias = "MAP_FIXED")]
    #[expect(unsafe_code, reason = "replaces mappings")]
    pub const unsafe fn replacing(mut self, address: usize) -> Self {
        self.address = Some(address);
        self.replace = true;
        self
    }

    /// Brings all pages in at once.
    #[doc(alias = "MAP_POPULATE")]
    pub const fn populate(mut self, populate: bool) -> Self {
        self.populate = populate;
        self
    }

    /// Private memory only: reserves no swap space.
    #[doc(alias = "MAP_NORESERVE")]
    pub const fn no_reserve(mut self, no_reserve: bool) -> Self {
        self.no_reserve = no_reserve;
        self
    }

    /// Private memory only: for the stack of a thread.
    #[doc(alias = "MAP_STACK")]
    pub const fn stack(mut self, stack: bool) -> Self {
        self.stack = stack;
        self
    }

    /// Locks the pages into memory for as long as they are mapped. [`Mapping::lock`] locks for a while.
    #[doc(alias = "MAP_LOCKED")]
    pub const fn lock(mut self, lock: bool) -> Self {
        self.lock = lock;
        self
    }

    /// A page without access stands on either side: running off the end is a fault and not somebody else's memory.
    pub const fn guard_pages(mut self, guard_pages: bool) -> Self {
        self.guard_pages = guard_pages;
        self
    }

    /// [Files](Self::file) on persistent memory only, for reading and writing: what is written is durable once the processor's caches are flushed
    /// (`MAP_SHARED_VALIDATE | MAP_SYNC`).
    #[doc(alias = "MAP_SYNC")]
    #[doc(alias = "MAP_SHARED_VALIDATE")]
    pub const fn sync(mut self, sync: bool) -> Self {
        self.sync = sync;
        self
    }

    /// Private memory only: of huge pages with this many bytes, a power of two that the system has. All of them are taken at
    /// once, so that none runs out later.
    #[doc(alias = "MAP_HUGETLB")]
    pub const fn huge_pages(mut self, bytes: usize) -> Self {
        self.huge_pages = Some(bytes);
        self
    }

    /// `len` bytes of anonymous memory of this process alone, all zero.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for length 0, an address that does not do, or options that do not go
    /// together; [`AlreadyExists`](ErrorKind::AlreadyExists) when something is mapped at the address;
    /// [`OutOfMemory`](ErrorKind::OutOfMemory).
    #[doc(alias = "MAP_ANONYMOUS")]
    pub fn private(self, len: usize) -> Result<PrivateMemory> {
        let anonymous = self.anonymous(len, mman::MAP_PRIVATE)?;
        Ok(Mapping::of(anonymous, Private::new()))
    }

    /// Addresses without access, to be used later by [`protect`](Mapping::protect).
    ///
    /// # Errors
    ///
    /// As [`private`](Self::private).
    #[doc(alias = "PROT_NONE")]
    pub fn reserve(self, len: usize) -> Result<PrivateMemory<super::NoAccess>> {
        Ok(self.no_reserve(true).private(len)?.protect::<super::NoAccess>()?)
    }

    /// `len` bytes of anonymous memory that forked children share, all zero.
    ///
    /// # Errors
    ///
    /// As [`private`](Self::private); huge pages and `no_reserve` are refused: such pages can run out.
    pub fn shared(self, len: usize) -> Result<SharedMemory> {
        self.check_private_only(self.stack || self.no_reserve || self.huge_pages.is_some())?;
        let anonymous = self.anonymous(len, mman::MAP_SHARED)?;
        let whole = len.checked_next_multiple_of(page_size()).unwrap_or(len);
        Ok(Mapping::of(anonymous, Fixed::anonymous(whole as u64)))
    }

    /// `len` bytes of anonymous memory that a forked child finds zeroed.
    ///
    /// # Errors
    ///
    /// As [`private`](Self::private); huge pages are refused: the kernel does not do it for them.
    #[doc(alias = "MADV_WIPEONFORK")]
    #[expect(unsafe_code, reason = "the advice belongs to the type")]
    pub fn wiped_on_fork(self, len: usize) -> Result<WipedMemory> {
        self.check_private_only(self.huge_pages.is_some())?;
        let anonymous = self.anonymous(len, mman::MAP_PRIVATE)?;
        // SAFETY: nothing refers to the new memory, and its type says that its bytes change.
        unsafe { anonymous.advise(&(0..len), mman::MADV_WIPEONFORK) }.map_err(|errno| Error::new("madvise", errno))?;
        Ok(Mapping::of(anonymous, Wiped::new()))
    }

    /// A memfd that cannot shrink, for reading and writing.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for length 0, past the end of the object, or as for
    /// [`private`](Self::private); [`PermissionDenied`](ErrorKind::PermissionDenied) when the descriptor or a seal forbids
    /// writing; [`Unsupported`](ErrorKind::Unsupported) under `vm.overcommit_memory` 2, where a page that another process
    /// gave back need not come again.
    pub fn fixed(self, memfd: &FixedMemfd) -> Result<SharedMemory> {
        self.map_fixed::<ReadWrite>(memfd)
    }

    /// A memfd that cannot shrink, for reading. Others may write it.
    ///
    /// # Errors
    ///
    /// As [`fixed`](Self::fixed).
    pub fn fixed_read_only(self, memfd: &FixedMemfd) -> Result<SharedMemory<ReadOnly>> {
        self.map_fixed::<ReadOnly>(memfd)
    }

    /// A memfd that nobody can write or shrink.
    ///
    /// # Errors
    ///
    /// As [`fixed`](Self::fixed).
    pub fn frozen(self, memfd: &FrozenMemfd) -> Result<FrozenMemory> {
        self.check_files_only()?;
        never_overcommits()?;
        let (mapped, descriptor) = self.object(memfd.as_fd(), mman::MAP_PRIVATE, ReadOnly::PROTECTION)?;
        Ok(Mapping::of(mapped, Frozen::new(descriptor, self.offset)))
    }

    /// A file, or any other object that may shrink, for reading and writing.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for an empty file, length 0, a length past the end of the file unless
    /// [`beyond_end`](Self::beyond_end), and as for [`private`](Self::private);
    /// [`PermissionDenied`](ErrorKind::PermissionDenied) when the file is not open for reading and writing;
    /// [`Unsupported`](ErrorKind::Unsupported) for what cannot be mapped: directories, pipes, sockets.
    pub fn file(self, file: impl AsFd) -> Result<FileMapping> {
        let sharing = if self.sync { mman::MAP_SHARED_VALIDATE | mman::MAP_SYNC } else { mman::MAP_SHARED };
        self.map_file::<ReadWrite>(file.as_fd(), sharing)
    }

    /// A file for reading. Others may write it.
    ///
    /// # Errors
    ///
    /// As [`file`](Self::file), without the need to write.
    pub fn file_read_only(self, file: impl AsFd) -> Result<FileMapping<ReadOnly>> {
        self.map_file::<ReadOnly>(file.as_fd(), mman::MAP_SHARED)
    }

    /// A file for reading and executing.
    ///
    /// # Errors
    ///
    /// As [`file`](Self::file), without the need to write; [`PermissionDenied`](ErrorKind::PermissionDenied) on a file
    /// system mounted `noexec`.
    pub fn file_executable(self, file: impl AsFd) -> Result<FileMapping<ReadExecute>> {
        self.map_file::<ReadExecute>(file.as_fd(), mman::MAP_SHARED)
    }

    /// A file for reading, with what is written staying in this process.
    ///
    /// # Errors
    ///
    /// As [`file`](Self::file), without the need to write.
    #[doc(alias = "MAP_PRIVATE")]
    pub fn file_copy_on_write(self, file: impl AsFd) -> Result<FileMapping<CopyOnWrite>> {
        self.map_file::<CopyOnWrite>(file.as_fd(), mman::MAP_PRIVATE)
    }

    fn map_fixed<A: Access + Rights>(self, memfd: &FixedMemfd) -> Result<SharedMemory<A>> {
        self.check_files_only()?;
        never_overcommits()?;
        let (mapped, descriptor) = self.object(memfd.as_fd(), mman::MAP_SHARED, A::PROTECTION)?;
        Ok(Mapping::of(mapped, Fixed::new(descriptor, self.offset)))
    }

    fn map_file<P: Rights>(self, file: BorrowedFd<'_>, sharing: c_int) -> Result<FileMapping<P>> {
        if self.sync && sharing & mman::MAP_SYNC == 0 {
            return Err(Error::invalid("mmap", "sync is for a file that is mapped for reading and writing"));
        }
        let (mapped, descriptor) = self.object(file, sharing, P::PROTECTION)?;
        Ok(Mapping::of(mapped, File::new(descriptor, self.offset)))
    }

    /// Maps a part of an object that has it, and keeps a descriptor of the object.
    fn object(self, object: BorrowedFd<'_>, sharing: c_int, protection: c_int) -> Result<(Mapped, OwnedFd)> {
        self.check_private_only(self.stack || self.no_reserve || self.huge_pages.is_some())?;
        let facts = object::facts(object)?;
        if let Some(reason) = facts.refusal() {
            return Err(Error::new("mmap", Errno::from_raw(libc::ENODEV))
                .kind_of(ErrorKind::Unsupported)
                .because(reason));
        }
        if facts.is_huge() && self.guard_pages {
            return Err(Error::invalid("mmap", "huge pages have no guard pages"));
        }
        let len = self.checked_len(facts)?;
        let descriptor = duplicate(object)?;
        let request = Request { object: Some(object), page: facts.page, ..self.request(len, protection, sharing) };
        Ok((self.map(&request)?, descriptor))
    }

    /// How many bytes of an object to map.
    fn checked_len(self, facts: Facts) -> Result<usize> {
        let available = facts.size.saturating_sub(self.offset);
        let refuse = |reason: String| {
            let len = self.len.map_or_else(|| "all".to_owned(), |len| len.to_string());
            Err(Error::invalid("mmap", reason).about(format!("{len} bytes at offset {}", self.offset)))
        };
        match self.len {
            Some(0) => refuse("a mapping has at least one byte".into()),
            Some(len) if len as u64 <= available || self.beyond_end => Ok(len),
            None if available > 0 => {
                usize::try_from(available).or_else(|_| refuse("more than the address space".into()))
            }
            None if facts.size == 0 => refuse("the object is empty: give it a size first".into()),
            _ => refuse(format!("the object has {} bytes", facts.size)),
        }
    }

    fn anonymous(self, len: usize, sharing: c_int) -> Result<Mapped> {
        if len == 0 {
            return Err(Error::invalid("mmap", "a mapping has at least one byte").about("0 bytes"));
        }
        if self.offset != 0 || self.len.is_some() || self.beyond_end || self.sync {
            return Err(Error::invalid("mmap", "offset, len, beyond_end and sync are about objects"));
        }
        let extras =
            if self.no_reserve { mman::MAP_NORESERVE } else { 0 } | if self.stack { mman::MAP_STACK } else { 0 };
        let protection = mman::PROT_READ | mman::PROT_WRITE;
        let request = self.request(len, protection, sharing | mman::MAP_ANONYMOUS | extras);
        match self.huge_pages {
            Some(bytes) => self.huge(bytes, request),
            None => self.map(&request),
        }
    }

    /// Private huge pages, all of them at once: one that runs out later would be a signal.
    #[expect(unsafe_code, reason = "advice that keeps the contents")]
    fn huge(self, bytes: usize, request: Request<'_>) -> Result<Mapped> {
        let refuse =
            |reason: &'static str| Err(Error::invalid("mmap", reason).about(format!("huge pages of {bytes} bytes")));
        if !bytes.is_power_of_two() || bytes <= page_size() {
            return refuse("the size of a huge page is a power of two above the usual size");
        }
        if request.guarded {
            return refuse("huge pages have no guard pages");
        }
        if self.no_reserve {
            return refuse("huge pages are all taken at once: no_reserve is for others");
        }
        let size = bytes.ilog2().cast_signed() << mman::MAP_HUGE_SHIFT;
        let flags = request.flags | mman::MAP_HUGETLB | size;
        let mapped = self.map(&Request { flags, page: bytes, ..request })?;
        // SAFETY: populating keeps contents and access.
        unsafe { mapped.advise(&(0..request.len), mman::MADV_POPULATE_WRITE) }.map_err(|errno| match errno {
            Errno::INVAL => Error::new("madvise", errno)
                .kind_of(ErrorKind::Unsupported)
                .because("taking all pages at once needs Linux 5.14"),
            _ => Error::new("madvise", errno).kind_of(ErrorKind::OutOfMemory).because(NO_HUGE_PAGES),
        })?;
        Ok(mapped)
    }

    fn request(self, len: usize, protection: c_int, flags: c_int) -> Request<'static> {
        Request {
            len,
            protection,
            flags: flags | if self.populate { mman::MAP_POPULATE } else { 0 },
            object: None,
            offset: self.offset,
            address: self.address,
            guarded: self.guard_pages,
            page: page_size(),
        }
    }

    /// Maps, and locks where that is asked for.
    #[expect(unsafe_code, reason = "replaces mappings when the caller promised")]
    fn map(self, request: &Request<'_>) -> Result<Mapped> {
        let fault = |errno| self.fault(errno, request);
        self.check_address(request)?;
        let mapped = match self.address {
            // SAFETY: `replacing` is unsafe, and its caller promised that nothing uses the memory.
            Some(address) if self.replace => unsafe { Mapped::replacing(address, request) },
            _ => Mapped::new(request),
        };
        let mut mapped = mapped.map_err(fault)?;
        if self.lock {
            mapped.lock_for_good().map_err(|errno| lock::fault("mlock2", errno))?;
        }
        Ok(mapped)
    }

    fn check_address(self, request: &Request<'_>) -> Result<()> {
        let Some(address) = self.address else { return Ok(()) };
        let refuse = |reason: String| Err(Error::invalid("mmap", reason).about(format!("address {address:#x}")));
        match address {
            0 => refuse("nothing can be mapped at address 0".into()),
            _ if !address.is_multiple_of(request.page) => {
                refuse(format!("the address is not a multiple of {}", request.page))
            }
            _ if !self.offset.is_multiple_of(request.page as u64) => {
                refuse(format!("at an address, the offset is a multiple of {}", request.page))
            }
            _ if self.replace && self.guard_pages => refuse("what replaces has no guard pages".into()),
            _ if self.guard_pages && address == page_size() => refuse("there is no page below for a guard".into()),
            _ => Ok(()),
        }
    }

    /// Past its end, even an object that cannot shrink has no memory.
    fn check_files_only(self) -> Result<()> {
        if self.beyond_end || self.sync {
            let reason = "beyond_end and sync are for files: the whole of other memory is there from the start";
            return Err(Error::invalid("mmap", reason));
        }
        Ok(())
    }

    fn check_private_only(self, used: bool) -> Result<()> {
        if used {
            let reason = "stack, no_reserve and huge_pages are for private memory: elsewhere such pages can run out";
            return Err(Error::invalid("mmap", reason));
        }
        Ok(())
    }

    #[cold]
    fn fault(self, errno: Errno, request: &Request<'_>) -> Error {
        let error = Error::new("mmap", errno).about(format!("{} bytes", request.len));
        match errno {
            Errno::EXIST => error.because("something is mapped there"),
            Errno::ACCES => {
                error.because("the file is not open for this (a mapping needs reading, shared writing both)")
            }
            Errno::PERM => error.because("a seal, a lock limit or a noexec file system forbids it"),
            Errno::NOMEM if self.huge_pages.is_some() || request.page > page_size() => error.because(NO_HUGE_PAGES),
            Errno::INVAL if self.huge_pages.is_some() => error.because("the system has no huge pages of this size"),
            Errno::NOMEM => error.because(NO_ROOM),
            Errno::AGAIN => {
                error.kind_of(ErrorKind::OutOfMemory).because("more than may be locked (RLIMIT_MEMLOCK, mlockall)")
            }
            _ if errno.as_raw() == libc::EOPNOTSUPP => error.because("the file is not on persistent memory"),
            _ if errno.as_raw() == libc::EOVERFLOW => {
                error.kind_of(ErrorKind::OutOfRange).because("offset and length pass the end of the largest file")
            }
            _ if errno.as_raw() == libc::ENODEV => error.kind_of(ErrorKind::Unsupported).because("it cannot be mapped"),
            _ => error,
        }
    }
}

/// Pages of a memfd are not reserved for good: another process can give them back by punching a hole. Under strict
/// accounting the next access may then find no memory, which would be a signal. Asked once: who switches later is root.
fn never_overcommits() -> Result<()> {
    use std::sync::atomic::{AtomicU8, Ordering};
    const UNKNOWN: u8 = 0;
    const FREE: u8 = 1;
    static MODE: AtomicU8 = AtomicU8::new(UNKNOWN);
    if MODE.load(Ordering::Relaxed) == UNKNOWN {
        let strict = std::fs::read_to_string("/proc/sys/vm/overcommit_memory").is_ok_and(|mode| mode.trim() == "2");
        if strict {
            return Err(Error::new("mmap", Errno::from_raw(libc::EOPNOTSUPP))
                .because("under vm.overcommit_memory = 2 a page of a memfd may be gone for good; map it as a file"));
        }
        MODE.store(FREE, Ordering::Relaxed);
    }
    Ok(())
}
