//! The view that copies.

use super::SharedCursor;
use super::copy;
use super::plain::Plain;
use super::region::{Access, ReadOnly, ReadWrite, Region};
use crate::error::{Errno, Error, ErrorKind, Result};
use core::fmt;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ops::{Bound, RangeBounds};
use core::ptr::NonNull;
use core::sync::atomic::AtomicU8;
use std::os::fd::{AsFd, AsRawFd};

/// A view of bytes that other processes may change at any moment.
///
/// Cheap to copy, like a slice; [`slice`](Self::slice) and [`split_at`](Self::split_at) make smaller ones. Bytes go in and
/// out by copy, so a value read once stays as it was read. Every offset is checked: a range that leaves the view is an error
/// and not a panic, because offsets often come from the memory itself.
///
/// ```
/// use ipc_safe::sysv::Segment;
///
/// let attachment = Segment::private(100)?.attach()?;
/// let bytes = attachment.bytes();
/// bytes.store(4, &7_u32)?;
/// assert_eq!(bytes.load::<u32>(4)?, 7);
/// assert!(bytes.load::<u32>(97).is_err());
/// # Ok::<(), ipc_safe::Error>(())
/// ```
pub struct SharedBytes<'a, A: Access = ReadWrite> {
    start: NonNull<u8>,
    len: usize,
    region: PhantomData<(&'a [AtomicU8], A)>,
}

impl<A: Access> Clone for SharedBytes<'_, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A: Access> Copy for SharedBytes<'_, A> {}

#[expect(unsafe_code, reason = "a view is a shared slice of atomic bytes")]
// SAFETY: a view is used like a `&[AtomicU8]`, which is `Send`.
unsafe impl<A: Access> Send for SharedBytes<'_, A> {}
#[expect(unsafe_code, reason = "a view is a shared slice of atomic bytes")]
// SAFETY: a view is used like a `&[AtomicU8]`, which is `Sync`.
unsafe impl<A: Access> Sync for SharedBytes<'_, A> {}

impl<'a, A: Access> SharedBytes<'a, A> {
    /// The whole of a region.
    pub(super) fn of<R: Region<Access = A> + ?Sized>(region: &'a R) -> Self {
        Self { start: region.start(), len: region.len(), region: PhantomData }
    }

    /// The bytes of a region from `offset` on.
    pub(super) fn of_part<R: Region<Access = A>>(region: &'a R, offset: usize, len: usize) -> Self {
        let whole = Self::of(region);
        whole.within("SharedBytes", offset, len).map_or(
            Self { start: whole.start, len: 0, region: PhantomData },
            |start| Self { start, len, region: PhantomData },
        )
    }

    /// A view of raw memory.
    ///
    /// # Safety
    ///
    /// What [`Region`] promises holds for these bytes while `'a` lasts.
    #[expect(unsafe_code, reason = "only the caller knows the memory")]
    pub(crate) const unsafe fn from_raw(start: NonNull<u8>, len: usize) -> Self {
        Self { start, len, region: PhantomData }
    }

    /// The address of the first byte, which is never null.
    pub(crate) const fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// The length in bytes. Fixed: it never comes from the memory itself.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether the view has no bytes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The address of the first byte, for calls that take raw pointers. Reading or writing through it is up to you.
    #[must_use]
    pub const fn as_ptr(&self) -> *const u8 {
        self.start.as_ptr()
    }

    /// Copies `target.len()` bytes from `offset` into `target`.
    ///
    /// # Errors
    ///
    /// [`OutOfRange`](ErrorKind::OutOfRange) when the range leaves the view; nothing is copied.
    #[inline]
    #[expect(unsafe_code, reason = "copies out of shared memory")]
    pub fn read(&self, offset: usize, target: &mut [u8]) -> Result<()> {
        let start = self.within("SharedBytes::read", offset, target.len())?;
        // SAFETY: `within` checked that the range lies in the region, which is readable while `'a` lasts; `target` is ours.
        unsafe { copy::read(start.as_ptr(), target.as_mut_ptr(), target.len()) };
        Ok(())
    }

    /// Copies into memory that is not initialised yet, and lends it back initialised.
    ///
    /// # Errors
    ///
    /// [`OutOfRange`](ErrorKind::OutOfRange) when the range leaves the view; nothing is copied.
    #[expect(unsafe_code, reason = "copies out of shared memory into uninitialised memory")]
    pub fn read_uninit<'t>(&self, offset: usize, target: &'t mut [MaybeUninit<u8>]) -> Result<&'t mut [u8]> {
        let start = self.within("SharedBytes::read_uninit", offset, target.len())?;
        let target_start = target.as_mut_ptr().cast::<u8>();
        // SAFETY: `within` checked that the range lies in the region, which is readable while `'a` lasts; `target` is ours.
        unsafe { copy::read(start.as_ptr(), target_start, target.len()) };
        // SAFETY: every byte of `target` was just written.
        Ok(unsafe { core::slice::from_raw_parts_mut(target_start, target.len()) })
    }

    /// A copy of all bytes.
    #[must_use]
    #[expect(unsafe_code, reason = "copies out of shared memory into the vector's spare room")]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut vec = Vec::with_capacity(self.len);
        // SAFETY: the view is readable while `'a` lasts; the vector has room for `len` bytes.
        unsafe { copy::read(self.start.as_ptr(), vec.as_mut_ptr(), self.len) };
        // SAFETY: `len` bytes were just written, and the capacity is at least that.
        unsafe { vec.set_len(self.len) };
        vec
    }

    /// Copies `len` bytes from `offset` into a vector, in place of what it has. When there is no memory for them, that is an error
    /// and the vector as it was.
    #[inline]
    #[expect(unsafe_code, reason = "copies out of shared memory into the vector's room")]
    pub(crate) fn read_vec(&self, offset: usize, len: usize, target: &mut Vec<u8>) -> Result<()> {
        let start = self.within("SharedBytes::read", offset, len)?;
        if target.capacity() < len {
            *target = room(len, target.capacity())?;
        }
        target.clear();
        // SAFETY: `within` checked that the range lies in the region, which is readable while `'a` lasts; the vector has room for
        // `len` bytes.
        unsafe { copy::read(start.as_ptr(), target.as_mut_ptr(), len) };
        // SAFETY: `len` bytes were just written, and the capacity is at least that.
        unsafe { target.set_len(len) };
        Ok(())
    }

    /// A copy of the value whose bytes start at `offset`. Any alignment serves.
    ///
    /// # Errors
    ///
    /// [`OutOfRange`](ErrorKind::OutOfRange) when the value leaves the view.
    #[inline]
    #[expect(unsafe_code, reason = "copies a value out of shared memory")]
    pub fn load<P: Plain>(&self, offset: usize) -> Result<P> {
        let start = self.within("SharedBytes::load", offset, size_of::<P>())?;
        let mut value = MaybeUninit::<P>::uninit();
        // SAFETY: `within` checked that the range lies in the region, which is readable while `'a` lasts; `value` has the size.
        unsafe { copy::read(start.as_ptr(), value.as_mut_ptr().cast(), size_of::<P>()) };
        // SAFETY: all bytes are written, and for a `FromBytes` type any bytes are a value.
        Ok(unsafe { value.assume_init() })
    }

    /// The bytes of `range` as a view of their own.
    ///
    /// # Errors
    ///
    /// [`OutOfRange`](ErrorKind::OutOfRange) when the range leaves the view or ends before it starts.
    pub fn slice(&self, range: impl RangeBounds<usize>) -> Result<Self> {
        let (from, to) = bounds(&range, self.len);
        let len = to.checked_sub(from).ok_or_else(|| self.out_of_range("SharedBytes::slice", from, 0))?;
        let start = self.within("SharedBytes::slice", from, len)?;
        Ok(Self { start, len, region: PhantomData })
    }

    /// [`slice`](Self::slice) of `len` bytes from `offset`, without the generality.
    #[inline]
    pub(crate) fn part(&self, offset: usize, len: usize) -> Result<Self> {
        let start = self.within("SharedBytes::slice", offset, len)?;
        Ok(Self { start, len, region: PhantomData })
    }

    /// The bytes before `middle` and those from there on.
    ///
    /// # Errors
    ///
    /// [`OutOfRange`](ErrorKind::OutOfRange) when `middle` is past the end.
    pub fn split_at(&self, middle: usize) -> Result<(Self, Self)> {
        Ok((self.slice(..middle)?, self.slice(middle..)?))
    }

    /// Writes bytes of the view to a descriptor, straight from the shared memory, with one `write`. Returns how many.
    ///
    /// # Errors
    ///
    /// That of the call; an interrupted one is made again.
    ///
    /// [write(2)](https://man7.org/linux/man-pages/man2/write.2.html)
    #[doc(alias = "write")]
    #[expect(unsafe_code, reason = "the kernel reads shared memory")]
    pub fn write_to(&self, descriptor: impl AsFd) -> Result<usize> {
        let descriptor = descriptor.as_fd().as_raw_fd();
        transfer("write", || {
            // SAFETY: the kernel reads at most `len` bytes of the view, which is readable while `'a` lasts; the descriptor
            // is borrowed for the call.
            unsafe { libc::write(descriptor, self.start.as_ptr().cast(), self.len) }
        })
    }

    /// A reader (and, where the view may be written, writer) with a position, for `std::io`.
    #[must_use]
    pub const fn cursor(self) -> SharedCursor<'a, A> {
        SharedCursor::new(self)
    }

    /// The bytes as a slice.
    ///
    /// # Safety
    ///
    /// Nobody, in this or another process, writes any byte of the view while `'a` lasts.
    #[must_use]
    #[expect(unsafe_code, reason = "a door for those who know that nobody writes")]
    pub const unsafe fn as_slice(&self) -> &'a [u8] {
        // SAFETY: the range is readable while `'a` lasts, at most `isize::MAX` long (a region is), and nobody writes it, the
        // caller says.
        unsafe { core::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    /// The address of `offset` when `len` bytes from there are inside the view.
    #[inline]
    #[expect(unsafe_code, reason = "pointer arithmetic inside the view")]
    fn within(&self, call: &'static str, offset: usize, len: usize) -> Result<NonNull<u8>> {
        if offset > self.len || len > self.len - offset {
            return Err(self.out_of_range(call, offset, len));
        }
        // SAFETY: `offset <= len`, so the result is inside the region's allocation or one past its end.
        Ok(unsafe { self.start.add(offset) })
    }

    #[cold]
    fn out_of_range(&self, call: &'static str, offset: usize, len: usize) -> Error {
        Error::new(call, Errno::from_raw(0))
            .without_errno()
            .kind_of(ErrorKind::OutOfRange)
            .about(format!("{len} bytes at offset {offset}"))
            .because(format!("the view has {} bytes", self.len))
    }
}

impl<'a> SharedBytes<'a, ReadWrite> {
    /// Copies `source` to `offset`.
    ///
    /// # Errors
    ///
    /// [`OutOfRange`](ErrorKind::OutOfRange) when the range leaves the view; nothing is written.
    #[inline]
    #[expect(unsafe_code, reason = "copies into shared memory")]
    pub fn write(&self, offset: usize, source: &[u8]) -> Result<()> {
        let start = self.within("SharedBytes::write", offset, source.len())?;
        // SAFETY: `within` checked that the range lies in the region, which is writable while `'a` lasts; `source` is borrowed.
        unsafe { copy::write(source.as_ptr(), start.as_ptr(), source.len()) };
        Ok(())
    }

    /// Copies the bytes of `value` to `offset`. Any alignment serves.
    ///
    /// # Errors
    ///
    /// [`OutOfRange`](ErrorKind::OutOfRange) when the value leaves the view; nothing is written.
    #[inline]
    pub fn store<P: Plain>(&self, offset: usize, value: &P) -> Result<()> {
        self.write(offset, value.as_bytes())
    }

    /// Sets every byte of the view to `value`.
    #[expect(unsafe_code, reason = "writes shared memory")]
    pub fn fill(&self, value: u8) {
        // SAFETY: the view is writable while `'a` lasts.
        unsafe { copy::fill(self.start.as_ptr(), value, self.len) };
    }

    /// Copies all bytes of `source`, another view of the same length, here. Where the two overlap, the bytes arrive as if
    /// they had been copied out first.
    ///
    /// # Errors
    ///
    /// [`OutOfRange`](ErrorKind::OutOfRange) when the lengths differ; nothing is written.
    pub fn copy_from(&self, source: SharedBytes<'_, impl Access>) -> Result<()> {
        const CHUNK: usize = 4096;
        if source.len != self.len {
            return Err(self.out_of_range("SharedBytes::copy_from", 0, source.len));
        }
        let mut buffer = [MaybeUninit::uninit(); CHUNK];
        let chunks = self.len.div_ceil(CHUNK);
        // Like `memmove`: from the end backwards when the target starts inside the source.
        let backwards = self.as_ptr() > source.as_ptr();
        for step in 0..chunks {
            let offset = CHUNK * if backwards { chunks - 1 - step } else { step };
            let len = CHUNK.min(self.len - offset);
            self.write(offset, source.read_uninit(offset, &mut buffer[..len])?)?;
        }
        Ok(())
    }

    /// Reads bytes from a descriptor, straight into the shared memory, with one `read`. Returns how many, 0 at the end.
    ///
    /// # Errors
    ///
    /// That of the call; an interrupted one is made again.
    ///
    /// [read(2)](https://man7.org/linux/man-pages/man2/read.2.html)
    #[doc(alias = "read")]
    #[expect(unsafe_code, reason = "the kernel writes shared memory")]
    pub fn read_from(&self, descriptor: impl AsFd) -> Result<usize> {
        let descriptor = descriptor.as_fd().as_raw_fd();
        transfer("read", || {
            // SAFETY: the kernel writes at most `len` bytes of the view, which is writable while `'a` lasts; the descriptor
            // is borrowed for the call.
            unsafe { libc::read(descriptor, self.start.as_ptr().cast(), self.len) }
        })
    }

    /// The same bytes, for reading only.
    #[must_use]
    pub const fn read_only(&self) -> SharedBytes<'a, ReadOnly> {
        SharedBytes { start: self.start, len: self.len, region: PhantomData }
    }

    /// The address of the first byte, for calls that take raw pointers. Reading or writing through it is up to you.
    #[must_use]
    pub const fn as_mut_ptr(&self) -> *mut u8 {
        self.start.as_ptr()
    }

    /// The bytes as a slice that may be written.
    ///
    /// # Safety
    ///
    /// Nobody else, in this or another process, accesses any byte of the view while `'a` lasts; other copies of this view
    /// count as somebody else.
    #[must_use]
    #[expect(unsafe_code, reason = "a door for those who know that nobody else is there")]
    pub const unsafe fn as_mut_slice(&self) -> &'a mut [u8] {
        // SAFETY: the range is writable while `'a` lasts, at most `isize::MAX` long, and nobody else accesses it, the caller
        // says.
        unsafe { core::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

/// A slice of atomic bytes is such a view as it stands: a field of a [`Shared`](super::Shared) record, say.
impl<'a> From<&'a [AtomicU8]> for SharedBytes<'a> {
    fn from(bytes: &'a [AtomicU8]) -> Self {
        Self { start: NonNull::from(bytes).cast(), len: bytes.len(), region: PhantomData }
    }
}

impl<'a, const N: usize> From<&'a [AtomicU8; N]> for SharedBytes<'a> {
    fn from(bytes: &'a [AtomicU8; N]) -> Self {
        bytes.as_slice().into()
    }
}

/// Shows the address and the length, not the bytes: they may change while they are printed.
impl<A: Access> fmt::Debug for SharedBytes<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedBytes").field("start", &self.start).field("len", &self.len).finish_non_exhaustive()
    }
}

/// An empty vector with room for `len` bytes, and for twice as many as before.
#[cold]
fn room(len: usize, before: usize) -> Result<Vec<u8>> {
    let mut room = Vec::new();
    match room.try_reserve(len.max(before.saturating_mul(2))).or_else(|_| room.try_reserve_exact(len)) {
        Ok(()) => Ok(room),
        Err(_) => Err(Error::new("malloc", Errno::NOMEM).about(format!("{len} bytes"))),
    }
}

/// First and past-the-end offset of a range in a view of `len` bytes; not checked.
pub(crate) fn bounds(range: &impl RangeBounds<usize>, len: usize) -> (usize, usize) {
    let from = match range.start_bound() {
        Bound::Included(&from) => from,
        Bound::Excluded(&before) => before.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let to = match range.end_bound() {
        Bound::Included(&last) => last.saturating_add(1),
        Bound::Excluded(&to) => to,
        Bound::Unbounded => len,
    };
    (from, to)
}

/// One `read` or `write`, made again when a signal handler interrupts it.
fn transfer(call: &'static str, mut make: impl FnMut() -> isize) -> Result<usize> {
    loop {
        let moved = make();
        if let Ok(moved) = usize::try_from(moved) {
            return Ok(moved);
        }
        match Errno::last() {
            Errno::INTR => {}
            errno => return Err(Error::new(call, errno)),
        }
    }
}
