//! Mappings as the kernel has them.
//!
//! [`Mapped`] owns a range of addresses; everything that changes one goes through it, with ranges checked against it.
#![expect(unsafe_code, reason = "the calls that map, change and unmap memory")]

use crate::error::{Errno, keeping_errno};
use crate::shared::Tail;
use core::ffi::{c_int, c_uint, c_void};
use core::mem::MaybeUninit;
use core::ops::Range;
use core::ptr::NonNull;
use ipc_sys::mman;
use rustix::param::page_size;
use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// The result of a call: what it returns, or the error number.
pub(super) type Raw<T> = Result<T, Errno>;

/// 0 is success, -1 failure.
#[inline]
fn done(result: c_int) -> Raw<()> {
    if result == 0 { Ok(()) } else { Err(Errno::last()) }
}

/// What to map.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'f> {
    /// Bytes that are wanted, at least 1.
    pub(super) len: usize,
    pub(super) protection: c_int,
    /// `MAP_SHARED` or `MAP_PRIVATE` and what else, without the flags about the address.
    pub(super) flags: c_int,
    /// The object, or none for anonymous memory.
    pub(super) object: Option<BorrowedFd<'f>>,
    /// Where in the object; any number.
    pub(super) offset: u64,
    pub(super) address: Option<usize>,
    /// Whether a page without access stands on either side.
    pub(super) guarded: bool,
    /// The size of the object's pages.
    pub(super) page: usize,
}

impl Request<'_> {
    fn descriptor(&self) -> RawFd {
        self.object.map_or(-1, |object| object.as_raw_fd())
    }
}

/// A range of mapped addresses, unmapped when dropped: whole pages, among them the bytes that were asked for, with or without
/// guard pages around.
#[derive(Debug)]
pub(super) struct Mapped {
    /// The first page, a guard page if there is one before.
    base: NonNull<u8>,
    /// All pages, in bytes.
    total: usize,
    /// The first byte asked for, from `base`.
    offset: usize,
    /// Bytes asked for.
    len: usize,
    /// Guard bytes behind the pages with the bytes.
    after: usize,
    /// Guard bytes before them.
    before: usize,
    page: usize,
    /// Whether the pages are locked into memory for as long as they are mapped.
    locked: bool,
    /// From the last byte asked for to the end of its page.
    tail: Tail,
}

// SAFETY: a mapping belongs to the process and not to a thread; who uses its memory sees to the rules of that.
unsafe impl Send for Mapped {}
// SAFETY: as above; `&Mapped` changes nothing that is not the kernel's to order.
unsafe impl Sync for Mapped {}

impl Mapped {
    /// Maps where nothing is mapped.
    #[inline]
    pub(super) fn new(request: &Request<'_>) -> Raw<Self> {
        let slack = usize::try_from(request.offset % request.page as u64).map_err(|_| Errno::INVAL)?;
        let pages = request.len.checked_add(slack).and_then(|len| len.checked_next_multiple_of(request.page));
        let pages = pages.filter(|&pages| pages <= isize::MAX as usize / 2).ok_or(Errno::NOMEM)?;
        let guard = if request.guarded { request.page.max(page_size()) } else { 0 };
        let position =
            libc::off_t::try_from(request.offset - slack as u64).map_err(|_| Errno::from_raw(libc::EOVERFLOW))?;
        let base = match (guard, request.address) {
            (0, None) => map_anywhere(pages, request, position)?,
            (0, Some(address)) => map_at(address, pages, request, position)?,
            _ => map_guarded(guard, pages, request, position)?,
        };
        Ok(Self {
            base,
            total: pages + 2 * guard,
            offset: guard + slack,
            len: request.len,
            after: guard,
            before: guard,
            page: request.page,
            locked: false,
            tail: Tail::after(base.addr().get() + guard + slack + request.len),
        })
    }

    /// Maps at an address, in place of what is there.
    ///
    /// # Safety
    ///
    /// Nothing uses the memory in the pages that the mapping will cover.
    pub(super) unsafe fn replacing(address: usize, request: &Request<'_>) -> Raw<Self> {
        if !(request.offset.is_multiple_of(request.page as u64) && address.is_multiple_of(request.page)) {
            return Err(Errno::INVAL);
        }
        let pages = request.len.checked_next_multiple_of(request.page).ok_or(Errno::NOMEM)?;
        let position = libc::off_t::try_from(request.offset).map_err(|_| Errno::from_raw(libc::EOVERFLOW))?;
        let flags = request.flags | mman::MAP_FIXED;
        // SAFETY: as the caller says.
        let base = unsafe { map_raw(address, pages, request.protection, flags, request.descriptor(), position) }?;
        let (len, page) = (request.len, request.page);
        let tail = Tail::after(base.addr().get() + len);
        Ok(Self { base, total: pages, offset: 0, len, after: 0, before: 0, page, locked: false, tail })
    }

    /// The first byte asked for.
    pub(super) fn start(&self) -> NonNull<u8> {
        // SAFETY: `offset` is inside the mapping.
        unsafe { self.base.add(self.offset) }
    }

    /// Bytes asked for.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) const fn page(&self) -> usize {
        self.page
    }

    pub(super) const fn is_guarded(&self) -> bool {
        self.before + self.after > 0
    }

    /// Gives the pages up without unmapping them.
    pub(super) fn into_raw(mut self) -> (NonNull<u8>, usize) {
        self.tail.lift();
        let raw = (self.start(), self.len);
        core::mem::forget(self);
        raw
    }

    /// All pages but the guards, as offsets from `base`.
    #[inline]
    const fn pages(&self) -> Range<usize> {
        self.before..self.total - self.after
    }

    /// The pages that hold the bytes of `range` (checked: inside `len`), as address and length.
    #[inline]
    fn pages_of(&self, range: &Range<usize>) -> Raw<(*mut c_void, usize)> {
        if range.start > range.end || range.end > self.len {
            return Err(Errno::INVAL);
        }
        let from = (self.offset + range.start) / self.page * self.page;
        let to = if range.is_empty() { from } else { (self.offset + range.end).next_multiple_of(self.page) };
        debug_assert!(from >= self.before && to <= self.total - self.after);
        // SAFETY: `from` is inside the mapping.
        let start = unsafe { self.base.add(from) };
        Ok((start.as_ptr().cast(), to - from))
    }

    /// Changes the protection of all pages but the guards.
    ///
    /// # Safety
    ///
    /// No reference into the memory is left that the new protection takes the ground from.
    #[inline]
    pub(super) unsafe fn protect(&self, protection: c_int) -> Raw<()> {
        let Range { start, end } = self.pages();
        // SAFETY: `start` is inside the mapping.
        let first = unsafe { self.base.add(start) };
        // SAFETY: the pages are ours; what the caller says about references.
        done(unsafe { mman::mprotect(first.as_ptr().cast(), end - start, protection) })
    }

    /// Cuts the mapping in two at a byte that is the first of a page.
    pub(super) fn split(mut self, at: usize) -> Result<(Self, Self), Self> {
        let cut = self.offset + at;
        if at == 0 || at >= self.len || !cut.is_multiple_of(self.page) {
            return Err(self);
        }
        let (base, total, len, page) = (self.base, self.total, self.len, self.page);
        let (before, after, offset, locked) = (self.before, self.after, self.offset, self.locked);
        let tail = core::mem::replace(&mut self.tail, Tail::NONE);
        core::mem::forget(self);
        // SAFETY: `cut` is inside the mapping.
        let middle = unsafe { base.add(cut) };
        let low = Self { base, total: cut, offset, len: at, after: 0, before, page, locked, tail: Tail::NONE };
        let high =
            Self { base: middle, total: total - cut, offset: 0, len: len - at, after, before: 0, page, locked, tail };
        Ok((low, high))
    }

    /// Grows or shrinks the mapping, moving it if need be. Only without guards. When it fails, nothing has changed.
    ///
    /// # Safety
    ///
    /// No reference into the memory is left. The object has as many bytes.
    pub(super) unsafe fn resize(&mut self, len: usize) -> Raw<()> {
        let pages = len.checked_add(self.offset).and_then(|len| len.checked_next_multiple_of(self.page));
        let pages = pages.filter(|&pages| pages <= isize::MAX as usize).ok_or(Errno::NOMEM)?;
        if self.is_guarded() || len == 0 {
            return Err(Errno::INVAL);
        }
        self.tail.lift();
        // SAFETY: the range is this mapping, which the kernel may move: nothing refers to it, the caller says.
        let moved = unsafe { mman::mremap(self.base.as_ptr().cast(), self.total, pages, mman::MREMAP_MAYMOVE) };
        let moved = mapping(moved);
        if let Ok(base) = moved {
            (self.base, self.total, self.len) = (base, pages, len);
        }
        self.tail = Tail::after(self.start().addr().get() + self.len);
        moved.map(drop)
    }

    /// `madvise` for the pages that hold `range`.
    ///
    /// # Safety
    ///
    /// Whatever the advice does to the contents and the accessibility of those pages breaks no promise made about them.
    pub(super) unsafe fn advise(&self, range: &Range<usize>, advice: c_int) -> Raw<()> {
        let (start, len) = self.pages_of(range)?;
        // SAFETY: the pages are ours; what the caller says about the advice.
        done(unsafe { mman::madvise(start, len, advice) })
    }

    #[inline]
    pub(super) fn flush(&self, range: &Range<usize>, flags: c_int) -> Raw<()> {
        let (start, len) = self.pages_of(range)?;
        // SAFETY: `msync` writes pages to their file and changes no memory.
        done(unsafe { mman::msync(start, len, flags) })
    }

    /// Locks all pages into memory; only as they are touched with `MLOCK_ONFAULT`.
    pub(super) fn lock(&self, flags: u32) -> Raw<()> {
        let (start, len) = self.pages_of(&(0..self.len))?;
        // SAFETY: locking pages changes neither contents nor access.
        done(unsafe { mman::mlock2(start, len, flags) })
    }

    /// Locks all pages into memory for as long as they are mapped.
    pub(super) fn lock_for_good(&mut self) -> Raw<()> {
        self.lock(0)?;
        self.locked = true;
        Ok(())
    }

    /// Whether [`lock_for_good`](Self::lock_for_good) was called.
    pub(super) const fn is_locked(&self) -> bool {
        self.locked
    }

    pub(super) fn unlock(&self) -> Raw<()> {
        let (start, len) = self.pages_of(&(0..self.len))?;
        // SAFETY: unlocking pages changes neither contents nor access.
        done(unsafe { mman::munlock(start, len) })
    }

    /// One byte a page: whether it is in memory.
    pub(super) fn residency(&self) -> Raw<Vec<u8>> {
        let (start, len) = self.pages_of(&(0..self.len))?;
        let mut pages = vec![0; len / page_size()];
        // SAFETY: the kernel writes one byte for each page of the range, which `pages` has room for.
        done(unsafe { mman::mincore(start, len, pages.as_mut_ptr()) })?;
        Ok(pages)
    }

    /// The address of `offset`, when `len` bytes from there are inside.
    #[inline]
    pub(super) fn at(&self, offset: usize, len: usize) -> Option<NonNull<u8>> {
        let inside = offset.checked_add(len).is_some_and(|end| end <= self.len);
        // SAFETY: `offset <= len`, so the result is inside the mapping or one past the bytes asked for.
        inside.then(|| unsafe { self.start().add(offset) })
    }
}

impl Drop for Mapped {
    #[inline]
    fn drop(&mut self) {
        self.tail.lift();
        keeping_errno(|| {
            // SAFETY: the pages are this value's; its end is the end of their use. An error (too many mappings to cut one in
            // two) leaves them mapped, which harms nobody.
            unsafe { mman::munmap(self.base.as_ptr().cast(), self.total) }
        });
    }
}

#[inline]
fn map_anywhere(len: usize, request: &Request<'_>, position: libc::off_t) -> Raw<NonNull<u8>> {
    // SAFETY: without an address the kernel picks a free range.
    unsafe { map_raw(0, len, request.protection, request.flags, request.descriptor(), position) }
}

/// Maps at an address, where nothing is.
fn map_at(address: usize, len: usize, request: &Request<'_>, position: libc::off_t) -> Raw<NonNull<u8>> {
    let flags = request.flags | mman::MAP_FIXED_NOREPLACE;
    // SAFETY: with MAP_FIXED_NOREPLACE (Linux 4.17) the kernel refuses a range in which anything is mapped.
    let base = unsafe { map_raw(address, len, request.protection, flags, request.descriptor(), position) }?;
    if base.addr().get() == address {
        return Ok(base);
    }
    // SAFETY: an older kernel took the address for a hint; this mapping was just made and nothing uses it.
    unsafe { mman::munmap(base.as_ptr().cast(), len) };
    Err(Errno::EXIST)
}

/// Reserves room for the pages and the guards, and moves the pages into its middle.
///
/// The pages are mapped elsewhere first. Mapped into the middle at once, a refusal could come after the kernel has taken the
/// middle of the reservation away: another thread may own those addresses by the time the rest is given back.
fn map_guarded(guard: usize, len: usize, request: &Request<'_>, position: libc::off_t) -> Raw<NonNull<u8>> {
    let total = len + 2 * guard;
    let reserved = Request {
        protection: mman::PROT_NONE,
        flags: mman::MAP_PRIVATE | mman::MAP_ANONYMOUS | mman::MAP_NORESERVE,
        object: None,
        ..*request
    };
    let pages = map_anywhere(len, request, position)?;
    let reserved = match request.address {
        Some(address) => {
            address.checked_sub(guard).ok_or(Errno::INVAL).and_then(|low| map_at(low, total, &reserved, 0))
        }
        None => map_anywhere(total, &reserved, 0),
    };
    let moved = reserved.and_then(|base| {
        // SAFETY: the reservation has a guard on either side of the middle.
        let middle = unsafe { base.add(guard) };
        // SAFETY: the pages and the reservation were just made, and nothing uses them.
        unsafe { move_into(pages, len, middle) }.map(|()| base)
    });
    if moved.is_err() {
        // SAFETY: the pages were just made and nothing uses them; they are where they were.
        unsafe { mman::munmap(pages.as_ptr().cast(), len) };
    }
    moved
}

/// Moves whole mapped pages to `middle`, in place of what is there. Only a kernel out of memory refuses: then the
/// reservation around stays, for it is not known any more how much of it is ours.
///
/// # Safety
///
/// `len` bytes are mapped at either place, and nothing uses them.
unsafe fn move_into(pages: NonNull<u8>, len: usize, middle: NonNull<u8>) -> Raw<()> {
    let flags = mman::MREMAP_MAYMOVE | mman::MREMAP_FIXED;
    let target: *mut c_void = middle.as_ptr().cast();
    // SAFETY: as the caller says.
    mapping(unsafe { mman::mremap(pages.as_ptr().cast(), len, len, flags, target) }).map(drop)
}

/// `mmap`.
///
/// # Safety
///
/// With `MAP_FIXED`, nothing uses the memory in the range.
#[inline]
unsafe fn map_raw(
    address: usize,
    len: usize,
    protection: c_int,
    flags: c_int,
    descriptor: RawFd,
    position: libc::off_t,
) -> Raw<NonNull<u8>> {
    let address = core::ptr::without_provenance_mut(address);
    // SAFETY: a new mapping touches no memory in use: without MAP_FIXED the kernel picks a free range, with it the caller
    // vouches.
    mapping(unsafe { mman::mmap(address, len, protection, flags, descriptor, position) })
}

/// The result of `mmap` or `mremap`.
#[inline]
fn mapping(result: *mut c_void) -> Raw<NonNull<u8>> {
    if result == mman::MAP_FAILED { Err(Errno::last()) } else { NonNull::new(result.cast()).ok_or(Errno::INVAL) }
}

/// Copies the bytes of `source` from `from` on to `target + from`, memory of this process that a store to might be a signal:
/// here it is an error. Returns how many bytes arrived before that, which may be fewer than there are.
pub(super) fn copy_in(source: &[u8], target: NonNull<u8>, from: usize) -> Raw<usize> {
    let rest = &source[from..];
    let local = libc::iovec { iov_base: rest.as_ptr().cast_mut().cast(), iov_len: rest.len() };
    let remote = libc::iovec { iov_base: target.as_ptr().wrapping_add(from).cast(), iov_len: rest.len() };
    // SAFETY: the kernel reads `rest`, and writes mapped memory that the caller's mapping covers (`Mapped::at`), in no
    // stated order and at once visible, like another process would: nobody has a reference to it.
    let copied = unsafe { libc::process_vm_writev(own_pid(), &raw const local, 1, &raw const remote, 1, 0) };
    usize::try_from(copied).map_err(|_| Errno::last())
}

/// Copies from `source + from`, memory of this process that a load from might be a signal, to `target` from `from` on.
/// Returns how many bytes arrived, which may be fewer than there are.
pub(super) fn copy_out(source: NonNull<u8>, from: usize, target: &mut [u8]) -> Raw<usize> {
    let rest = &mut target[from..];
    let local = libc::iovec { iov_base: rest.as_mut_ptr().cast(), iov_len: rest.len() };
    let remote = libc::iovec { iov_base: source.as_ptr().wrapping_add(from).cast(), iov_len: rest.len() };
    // SAFETY: the kernel writes `rest`, which is ours, and reads mapped memory.
    let copied = unsafe { libc::process_vm_readv(own_pid(), &raw const local, 1, &raw const remote, 1, 0) };
    usize::try_from(copied).map_err(|_| Errno::last())
}

fn own_pid() -> libc::pid_t {
    std::process::id().cast_signed()
}

/// `pread` into `target`: how many bytes, 0 past the end.
#[inline]
pub(super) fn read_at(descriptor: BorrowedFd<'_>, target: &mut [u8], offset: u64) -> Raw<usize> {
    let offset = libc::off_t::try_from(offset).map_err(|_| Errno::INVAL)?;
    // SAFETY: the kernel writes at most `target.len()` bytes to `target`.
    let read = unsafe { libc::pread(descriptor.as_raw_fd(), target.as_mut_ptr().cast(), target.len(), offset) };
    usize::try_from(read).map_err(|_| Errno::last())
}

/// `read` straight into mapped memory; a store that would be a signal is `EFAULT`.
pub(super) fn read_into(descriptor: BorrowedFd<'_>, target: NonNull<u8>, len: usize) -> Raw<usize> {
    // SAFETY: the kernel writes at most `len` bytes of mapped memory that nobody has a reference to.
    let read = unsafe { libc::read(descriptor.as_raw_fd(), target.as_ptr().cast(), len) };
    usize::try_from(read).map_err(|_| Errno::last())
}

/// `write` straight from mapped memory; a load that would be a signal is `EFAULT`.
pub(super) fn write_from(descriptor: BorrowedFd<'_>, source: NonNull<u8>, len: usize) -> Raw<usize> {
    // SAFETY: the kernel reads at most `len` bytes of mapped memory.
    let written = unsafe { libc::write(descriptor.as_raw_fd(), source.as_ptr().cast(), len) };
    usize::try_from(written).map_err(|_| Errno::last())
}

pub(super) fn memfd_create(name: &CStr, flags: u32) -> Raw<OwnedFd> {
    // SAFETY: `name` ends with a zero byte.
    let descriptor = unsafe { mman::memfd_create(name.as_ptr(), flags) };
    owned(descriptor)
}

pub(super) fn shm_open(name: &CStr, flags: c_int, mode: u32) -> Raw<OwnedFd> {
    // SAFETY: `name` ends with a zero byte.
    owned(unsafe { mman::shm_open(name.as_ptr(), flags, mode) })
}

pub(super) fn shm_unlink(name: &CStr) -> Raw<()> {
    // SAFETY: `name` ends with a zero byte.
    done(unsafe { mman::shm_unlink(name.as_ptr()) })
}

fn owned(descriptor: RawFd) -> Raw<OwnedFd> {
    if descriptor < 0 {
        return Err(Errno::last());
    }
    // SAFETY: the call just returned it, so it is open and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// `mlockall`.
pub(super) fn lock_all(flags: c_int) -> Raw<()> {
    // SAFETY: locking pages changes neither contents nor access.
    done(unsafe { mman::mlockall(flags) })
}

/// `munlockall`.
pub(super) fn unlock_all() -> Raw<()> {
    // SAFETY: unlocking pages changes neither contents nor access.
    done(unsafe { mman::munlockall() })
}

/// `process_madvise` on ranges of another process. How many bytes were advised.
pub(super) fn advise_process(process: BorrowedFd<'_>, ranges: &[mman::iovec], advice: c_int) -> Raw<usize> {
    // SAFETY: the kernel reads `ranges`; the addresses are those of the other process, and the callers pass only advice that
    // keeps contents and access as they are.
    let advised = unsafe { mman::process_madvise(process.as_raw_fd(), ranges.as_ptr(), ranges.len(), advice, 0) };
    usize::try_from(advised).map_err(|_| Errno::last())
}

/// The type of the file system that an object is on.
pub(super) fn file_system(object: BorrowedFd<'_>) -> Raw<i64> {
    let mut status = MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: the kernel writes one `statfs`.
    done(unsafe { libc::fstatfs(object.as_raw_fd(), status.as_mut_ptr()) })?;
    // SAFETY: the call succeeded, so the structure is written.
    Ok(unsafe { status.assume_init() }.f_type)
}

// Protection keys.

/// `pkey_alloc`: a key, to whose memory this thread has no access.
pub(super) fn pkey_alloc() -> Raw<c_int> {
    // SAFETY: changes this thread's rights to memory with the new key, which no memory has.
    let key = unsafe { mman::pkey_alloc(0, mman::PKEY_DISABLE_ACCESS) };
    if key < 0 { Err(Errno::last()) } else { Ok(key) }
}

/// `pkey_free`.
///
/// # Safety
///
/// The key is the caller's, and memory that others use does not have it: the key can be given out again.
pub(super) unsafe fn pkey_free(key: c_int) -> Raw<()> {
    // SAFETY: as the caller says.
    done(unsafe { mman::pkey_free(key) })
}

/// `pkey_set`: what the calling thread may do with memory that has the key.
///
/// # Safety
///
/// The key is allocated, so the processor has such a register. No reference of this thread into such memory needs more.
pub(super) unsafe fn pkey_set(key: c_int, rights: c_uint) -> Raw<()> {
    // SAFETY: as the caller says.
    done(unsafe { mman::pkey_set(key, rights) })
}

/// `pkey_get`: what the calling thread may do with memory that has the key.
///
/// # Safety
///
/// The key is allocated, so the processor has such a register.
pub(super) unsafe fn pkey_get(key: c_int) -> Raw<c_uint> {
    // SAFETY: as the caller says; reading the register changes nothing.
    let rights = unsafe { mman::pkey_get(key) };
    c_uint::try_from(rights).map_err(|_| Errno::last())
}

impl Mapped {
    /// Gives all pages but the guards a protection and a protection key.
    ///
    /// # Safety
    ///
    /// No reference into the memory is left that the protection or the key takes the ground from.
    pub(super) unsafe fn protect_with_key(&self, protection: c_int, key: c_int) -> Raw<()> {
        let Range { start, end } = self.pages();
        // SAFETY: `start` is inside the mapping.
        let first = unsafe { self.base.add(start) };
        // SAFETY: the pages are ours; what the caller says about references.
        done(unsafe { mman::pkey_mprotect(first.as_ptr().cast(), end - start, protection, key) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn private(len: usize, guarded: bool) -> Request<'static> {
        Request {
            len,
            protection: mman::PROT_READ | mman::PROT_WRITE,
            flags: mman::MAP_PRIVATE | mman::MAP_ANONYMOUS,
            object: None,
            offset: 0,
            address: None,
            guarded,
            page: page_size(),
        }
    }

    #[test]
    fn guards_stay_outside_and_a_split_shares_them_out() {
        let page = page_size();
        let mapped = Mapped::new(&private(3 * page, true)).unwrap();
        assert_eq!(mapped.total, 5 * page);
        let (low, high) = mapped.split(page).unwrap();
        assert_eq!((low.total, low.before, low.after), (2 * page, page, 0));
        assert_eq!((high.total, high.before, high.after), (3 * page, 0, page));
        assert_eq!(low.start().addr().get() + page, high.start().addr().get());
    }

    #[test]
    fn a_range_past_the_mapping_is_refused() {
        let mapped = Mapped::new(&private(100, false)).unwrap();
        assert!(mapped.pages_of(&(0..100)).is_ok());
        assert!(mapped.pages_of(&(0..101)).is_err());
        #[expect(clippy::reversed_empty_ranges, reason = "what is refused")]
        let reversed = 5..4;
        assert!(mapped.pages_of(&reversed).is_err());
        assert!(mapped.at(100, 0).is_some());
        assert!(mapped.at(usize::MAX, 2).is_none());
    }
}
