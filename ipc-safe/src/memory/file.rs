//! Copies in and out of a mapping that can lose its ground.

use super::mapping::{FileMapping, SharedMemory};
use super::options::MapOptions;
use super::protection::{CopyOnWrite, Readable, Rights, Writable};
use super::raw;
use crate::error::{Errno, Error, ErrorKind, Result};
use crate::shared::{Access, Plain, ReadOnly, SharedBytes};
use core::ops::Range;
use core::ptr::NonNull;
use std::os::fd::AsFd;

impl FileMapping {
    /// The whole of a file that is open for reading and writing. [`MapOptions`] has more.
    ///
    /// # Errors
    ///
    /// As [`MapOptions::file`].
    #[doc(alias = "MAP_SHARED")]
    pub fn new(file: impl AsFd) -> Result<Self> {
        MapOptions::new().file(file)
    }
}

impl FileMapping<ReadOnly> {
    /// The whole of a file that is open for reading.
    ///
    /// # Errors
    ///
    /// As [`MapOptions::file_read_only`].
    pub fn read_only(file: impl AsFd) -> Result<Self> {
        MapOptions::new().file_read_only(file)
    }
}

impl FileMapping<CopyOnWrite> {
    /// The whole of a file that is open for reading; what is written stays in this process.
    ///
    /// # Errors
    ///
    /// As [`MapOptions::file_copy_on_write`].
    #[doc(alias = "MAP_PRIVATE")]
    pub fn copy_on_write(file: impl AsFd) -> Result<Self> {
        MapOptions::new().file_copy_on_write(file)
    }
}

impl<P: Rights> FileMapping<P> {
    /// How many bytes of the mapping the file has now. It may be less at the next look.
    ///
    /// # Errors
    ///
    /// That of `fstat`.
    pub fn available(&self) -> Result<usize> {
        let bytes = self.backing().bytes()?;
        Ok(usize::try_from(bytes).unwrap_or(usize::MAX).min(self.len()))
    }

    /// The address of `len` bytes at `offset`.
    fn place(&self, call: &'static str, offset: usize, len: usize) -> Result<NonNull<u8>> {
        self.mapped().at(offset, len).ok_or_else(|| {
            Error::new(call, Errno::INVAL)
                .without_errno()
                .kind_of(ErrorKind::OutOfRange)
                .about(format!("{len} bytes at offset {offset}"))
                .because(format!("the mapping has {} bytes", self.len()))
        })
    }

    /// How many bytes of `range` are before the end of the file. What is behind it, up to the end of the page, is not part
    /// of the file; what is written there comes to light on some file systems when the file grows.
    fn inside(&self, range: &Range<usize>) -> Result<usize> {
        Ok(self.available()?.saturating_sub(range.start).min(range.len()))
    }

    /// The result of copying `range`: all, or why not.
    fn check_moved(&self, call: &'static str, by: &'static str, range: &Range<usize>, moved: Moved) -> Result<()> {
        match moved.stopped {
            None => Ok(()),
            Some(Errno::FAULT) => Err(self.cut_short(call, range, moved.bytes)),
            Some(errno @ (Errno::PERM | Errno::NOSYS)) => Err(Error::new(by, errno)
                .kind_of(ErrorKind::Unsupported)
                .because("a sandbox forbids the call, which is how a mapping that can lose its ground is accessed")),
            Some(errno) => Err(Error::new(by, errno)),
        }
    }

    /// The error of a copy that moved only `moved` of the bytes of `range`: the file ends, or a page cannot be had.
    #[cold]
    fn cut_short(&self, call: &'static str, range: &Range<usize>, moved: usize) -> Error {
        let about = format!("{} bytes at offset {}", range.len(), range.start);
        match self.available() {
            Ok(available) if available >= range.end => Error::new(call, Errno::NOMEM)
                .about(about)
                .because(format!("a page of the object cannot be had, after {moved} bytes")),
            Ok(available) => truncated(call, about, available, moved),
            Err(error) => error,
        }
    }

    /// Fails when the file ends before `range` does: what was written there is lost.
    fn check_end(&self, call: &'static str, range: &Range<usize>) -> Result<()> {
        let available = self.available()?;
        if available >= range.end || range.is_empty() {
            return Ok(());
        }
        let kept = available.saturating_sub(range.start);
        Err(truncated(call, format!("{} bytes at offset {}", range.len(), range.start), available, kept))
    }
}

/// How far a copy came, and what stopped it: `EFAULT` where the ground ends.
struct Moved {
    bytes: usize,
    stopped: Option<Errno>,
}

/// Copies `len` bytes by calls that copy some, from so many on: the kernel moves at most 2 GiB in one.
fn whole(len: usize, mut more: impl FnMut(usize) -> raw::Raw<usize>) -> Moved {
    let mut bytes = 0;
    while bytes < len {
        match more(bytes) {
            Ok(0) => return Moved { bytes, stopped: Some(Errno::FAULT) },
            Ok(copied) => bytes += copied,
            Err(Errno::INTR) => {}
            Err(errno) => return Moved { bytes, stopped: Some(errno) },
        }
    }
    Moved { bytes, stopped: None }
}

#[cold]
fn truncated(call: &'static str, about: String, available: usize, moved: usize) -> Error {
    Error::new(call, Errno::FAULT)
        .without_errno()
        .kind_of(ErrorKind::Truncated)
        .about(about)
        .because(format!("the file ends after {available} bytes of the mapping; {moved} bytes were moved"))
}

impl<P: Readable> FileMapping<P> {
    /// Copies `target.len()` bytes from `offset` into `target`.
    ///
    /// # Errors
    ///
    /// [`Truncated`](ErrorKind::Truncated) when the file ends before that, with the bytes up to there in `target`;
    /// [`OutOfRange`](ErrorKind::OutOfRange) when the range leaves the mapping.
    #[inline]
    pub fn read(&self, offset: usize, target: &mut [u8]) -> Result<()> {
        let call = "FileMapping::read";
        let start = self.place(call, offset, target.len())?;
        let range = offset..offset + target.len();
        if P::COPIES {
            return self.read_copies(start, &range, target);
        }
        let moved = whole(range.len(), |moved| self.read_at(offset + moved, &mut target[moved..]));
        self.check_moved(call, "pread", &range, moved)
    }

    /// Reads the file, which is the same memory as a shared mapping of it.
    #[inline]
    fn read_at(&self, offset: usize, target: &mut [u8]) -> raw::Raw<usize> {
        let Some((file, position)) = self.backing().place() else { return Ok(0) };
        raw::read_at(file.as_fd(), target, position.saturating_add(offset as u64))
    }

    /// Reads the memory, of which this process has copies.
    fn read_copies(&self, start: NonNull<u8>, range: &Range<usize>, target: &mut [u8]) -> Result<()> {
        let call = "FileMapping::read";
        let moved = whole(range.len(), |moved| raw::copy_out(start, moved, target));
        self.check_moved(call, "process_vm_readv", range, moved)?;
        self.check_end(call, range)
    }

    /// A copy of the value whose bytes start at `offset`.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn load<V: Plain>(&self, offset: usize) -> Result<V> {
        let mut value = V::new_zeroed();
        let bytes = zerocopy::IntoBytes::as_mut_bytes(&mut value);
        self.read(offset, bytes)?;
        Ok(value)
    }

    /// Writes `len` bytes from `offset` to a descriptor, straight from the mapping, with one `write`. Returns how many.
    ///
    /// # Errors
    ///
    /// That of the call; [`Truncated`](ErrorKind::Truncated) when the file ends at or before `offset`.
    pub fn write_to(&self, offset: usize, len: usize, descriptor: impl AsFd) -> Result<usize> {
        let call = "FileMapping::write_to";
        let start = self.place(call, offset, len)?;
        let range = offset..offset + len;
        let inside = self.inside(&range)?;
        if inside == 0 && len > 0 {
            return Err(self.cut_short(call, &range, 0));
        }
        self.transfer("write", range, || raw::write_from(descriptor.as_fd(), start, inside))
    }

    fn transfer(
        &self,
        call: &'static str,
        range: Range<usize>,
        mut make: impl FnMut() -> raw::Raw<usize>,
    ) -> Result<usize> {
        loop {
            match make() {
                Ok(moved) => return Ok(moved),
                Err(Errno::INTR) => {}
                Err(Errno::FAULT) => return Err(self.cut_short(call, &range, 0)),
                Err(errno) => return Err(Error::new(call, errno)),
            }
        }
    }
}

impl<P: Writable> FileMapping<P> {
    /// Copies `source` to `offset`. The file does not grow.
    ///
    /// # Errors
    ///
    /// [`Truncated`](ErrorKind::Truncated) when the file ends before the last byte: those before the end are written;
    /// [`OutOfRange`](ErrorKind::OutOfRange) when the range leaves the mapping, and nothing is written;
    /// [`Unsupported`](ErrorKind::Unsupported) where a sandbox forbids `process_vm_writev`; that of `fstat`, by which the end of the
    /// file is looked up before the bytes are copied and once more afterwards, when they may be written already.
    pub fn write(&self, offset: usize, source: &[u8]) -> Result<()> {
        let call = "FileMapping::write";
        let start = self.place(call, offset, source.len())?;
        let range = offset..offset + source.len();
        let inside = &source[..self.inside(&range)?];
        let moved = whole(inside.len(), |moved| raw::copy_in(inside, start, moved));
        self.check_moved(call, "process_vm_writev", &(offset..offset + inside.len()), moved)?;
        self.check_end(call, &range)
    }

    /// Copies the bytes of `value` to `offset`.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub fn store<V: Plain>(&self, offset: usize, value: &V) -> Result<()> {
        self.write(offset, value.as_bytes())
    }

    /// Reads up to `len` bytes from a descriptor, straight into the mapping, with one `read`. Returns how many, 0 at the end.
    ///
    /// # Errors
    ///
    /// That of the call; [`Truncated`](ErrorKind::Truncated) when the mapped file ends at or before `offset`; that of `fstat`, as for
    /// [`write`](Self::write).
    pub fn read_from(&self, offset: usize, len: usize, descriptor: impl AsFd) -> Result<usize> {
        let call = "FileMapping::read_from";
        let start = self.place(call, offset, len)?;
        let range = offset..offset + len;
        let inside = self.inside(&range)?;
        if inside == 0 && len > 0 {
            return Err(self.cut_short(call, &range, 0));
        }
        let moved = self.transfer("read", range, || raw::read_into(descriptor.as_fd(), start, inside))?;
        self.check_end(call, &(offset..offset + moved))?;
        Ok(moved)
    }
}

impl<A: Access + Rights> FileMapping<A> {
    /// The bytes, without a safety net.
    ///
    /// # Safety
    ///
    /// While the view is used, nobody makes the file smaller than the mapping needs, punches holes into it that cannot be
    /// filled again, or lets its file system fail: an access to what is gone is a signal.
    #[expect(unsafe_code, reason = "only the caller knows what others do to the file")]
    pub unsafe fn bytes_unchecked(&self) -> SharedBytes<'_, A> {
        // SAFETY: the caller says that the bytes stay where they are and can be accessed while the view is used; it borrows
        // the mapping, whose length is at most `isize::MAX`.
        unsafe { SharedBytes::from_raw(self.mapped().start(), self.len()) }
    }

    /// This mapping as one of an object that cannot shrink.
    ///
    /// # Safety
    ///
    /// As [`bytes_unchecked`](Self::bytes_unchecked), for as long as the value lives.
    #[expect(unsafe_code, reason = "only the caller knows what others do to the file")]
    pub unsafe fn assume_fixed(self) -> SharedMemory<A> {
        self.with_backing(super::backing::File::into_fixed)
    }
}
