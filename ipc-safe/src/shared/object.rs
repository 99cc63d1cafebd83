//! A record at the start of a region.

use super::bytes::SharedBytes;
use super::cell::SharedCell;
use super::plain::Plain;
use super::region::{ReadWrite, Region};
use super::sequenced::{Busy, Sequenced};
use super::shm_safe::ShmSafe;
use crate::error::{Errno, Error, ErrorKind, Rejected, Result};
use crate::wait::poll;
use core::fmt;
use core::marker::PhantomData;
use core::ops::Deref;
use core::sync::atomic::{AtomicU64, Ordering, fence};
use std::time::Duration;

/// A record of type `T` in a region, used through `&T`.
///
/// Two ways to place it:
///
/// - With a header of 64 bytes before it: [`create`](Self::create) initialises the record and then publishes it,
///   [`open`](Self::open) waits for that and checks that both sides mean the same layout.
/// - [`bare`](Self::bare), at offset 0, where a C program or another convention expects it. Any bytes are a valid record, so
///   the header is not needed for soundness, only against misunderstanding.
///
/// The bytes behind the record, from the next multiple of 64 on, are the [`tail`](Self::tail).
///
/// ```
/// use ipc_safe::shared::Shared;
/// use ipc_safe::sysv::Segment;
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use std::time::Duration;
///
/// let segment = Segment::private(4096)?;
/// let ours = Shared::<[AtomicU32; 4], _>::create(segment.attach()?, |numbers| numbers[2].store(7, Ordering::Relaxed))?;
/// // ... and in another process:
/// let theirs = Shared::<[AtomicU32; 4], _>::open(segment.attach()?, Duration::from_secs(1))?;
/// assert_eq!(theirs[2].load(Ordering::Relaxed), 7);
/// # Ok::<(), ipc_safe::Error>(())
/// ```
pub struct Shared<T: ShmSafe, R: Region> {
    region: R,
    offset: usize,
    record: PhantomData<fn() -> T>,
}

/// What stands before a record made by [`Shared::create`].
#[repr(C, align(64))]
struct Header {
    /// [`MAGIC`] when the record is ready.
    magic: AtomicU64,
    layout: AtomicU64,
    size: AtomicU64,
    reserved: [AtomicU64; 5],
}

/// `ipc-safe`, little endian.
const MAGIC: u64 = u64::from_le_bytes(*b"ipc-safe");
const HEADER: usize = size_of::<Header>();
/// Where the ranges of a region are cut.
const CUT: usize = 64;

impl<T: ShmSafe, R: Region> Shared<T, R> {
    /// The bytes that a region needs for a record with a header.
    pub const SIZE: usize = HEADER + size_of::<T>();

    /// The record at offset 0, as whoever was there first left it.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) when the region is too small or not aligned for `T`.
    pub fn bare(region: R) -> Result<Self, Rejected<R>> {
        Self::at("Shared::bare", region, 0)
    }

    /// The record behind a header, once its creator has published it.
    ///
    /// # Errors
    ///
    /// [`NotInitialised`](ErrorKind::NotInitialised) when that does not happen within `timeout`;
    /// [`InvalidInput`](ErrorKind::InvalidInput) when it is a record of another layout, or the region is too small or not
    /// aligned.
    pub fn open(region: R, timeout: Duration) -> Result<Self, Rejected<R>> {
        let shared = Self::at("Shared::open", region, HEADER)?;
        match shared.published(timeout) {
            Ok(()) => Ok(shared),
            Err(error) => Err(Rejected::new(shared.region, error)),
        }
    }

    /// The bytes behind the record, from the next multiple of 64 on.
    #[must_use]
    pub fn tail(&self) -> SharedBytes<'_, R::Access> {
        let start = (self.offset + size_of::<T>()).next_multiple_of(CUT).min(self.region.len());
        SharedBytes::of_part(&self.region, start, self.region.len() - start)
    }

    /// The region, to use it otherwise.
    #[must_use]
    pub fn into_region(self) -> R {
        self.region
    }

    /// A record at `offset`, when it fits.
    fn at(call: &'static str, region: R, offset: usize) -> Result<Self, Rejected<R>> {
        match check(call, region.start().addr().get(), region.len(), offset, size_of::<T>(), align_of::<T>()) {
            Ok(()) => Ok(Self { region, offset, record: PhantomData }),
            Err(error) => Err(Rejected::new(region, error)),
        }
    }

    /// Waits for the header and compares it.
    fn published(&self, timeout: Duration) -> Result<()> {
        let header = self.header();
        let magic = poll(timeout, || Ok(Some(header.magic.load(Ordering::Relaxed)).filter(|&magic| magic != 0)))?;
        fence(Ordering::Acquire);
        let refuse = |reason: String| Err(Error::invalid("Shared::open", reason).without_errno());
        match magic {
            Some(MAGIC) => {}
            Some(other) => return refuse(format!("the memory holds something else: it starts with {other:#018x}")),
            None => {
                return Err(Error::new("Shared::open", Errno::TIMEDOUT)
                    .kind_of(ErrorKind::NotInitialised)
                    .because("no creator published a record in time; it may have died half way"));
            }
        }
        let size = header.size.load(Ordering::Relaxed);
        if size != size_of::<T>() as u64 {
            return refuse(format!("the record there has {size} bytes, this one {}", size_of::<T>()));
        }
        if header.layout.load(Ordering::Relaxed) != T::LAYOUT {
            return refuse("the record there has other fields than this one".into());
        }
        Ok(())
    }

    /// The header. Only for records that have one, and for loads where the region is read-only.
    #[expect(unsafe_code, reason = "lends the header")]
    fn header(&self) -> &Header {
        debug_assert_eq!(self.offset, HEADER);
        let header = self.region.start().as_ptr().cast::<Header>();
        // SAFETY: `at` checked that HEADER bytes are inside the region, which is readable and stays as long as `self`; and
        // that its start is aligned to 64. All fields are atomics, valid for any bytes; on read-only memory the callers
        // only load, and relaxed: such loads of 8 bytes work on read-only memory, std says of the targets of this crate. The
        // range belongs to this value alone (one layout a region).
        unsafe { &*header }
    }

    /// The record. On read-only memory only for loads.
    #[expect(unsafe_code, reason = "lends the record")]
    pub(crate) fn record(&self) -> &T {
        let start = self.region.start().as_ptr().wrapping_add(self.offset).cast::<T>();
        // SAFETY: `at` checked that the record's bytes are inside the region and aligned; the region is readable (and
        // writable, unless the callers only make relaxed loads) and stays as long as `self`. `T` is `ShmSafe`: any bytes are a value, and
        // every byte is atomic, so that writes of others race with nothing. The range belongs to this value alone.
        unsafe { &*start }
    }
}

impl<T: ShmSafe, R: Region<Access = ReadWrite>> Shared<T, R> {
    /// Zeroes the record, runs `initialise` on it, and publishes it.
    ///
    /// Only one process creates; agree on which by making the object that holds the region with `create_new`.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) when the region is too small or not aligned for the header and `T`.
    pub fn create(region: R, initialise: impl FnOnce(&T)) -> Result<Self, Rejected<R>> {
        let shared = Self::at("Shared::create", region, HEADER)?;
        shared.header().magic.store(0, Ordering::Release);
        shared.clear();
        initialise(shared.record());
        shared.publish();
        Ok(shared)
    }

    fn publish(&self) {
        let header = self.header();
        header.size.store(size_of::<T>() as u64, Ordering::Relaxed);
        header.layout.store(T::LAYOUT, Ordering::Relaxed);
        header.magic.store(MAGIC, Ordering::Release);
    }

    /// Sets every byte of the record to zero.
    fn clear(&self) {
        SharedBytes::of_part(&self.region, self.offset, size_of::<T>()).fill(0);
    }
}

/// The record itself, where it may be written.
impl<T: ShmSafe, R: Region<Access = ReadWrite>> Deref for Shared<T, R> {
    type Target = T;

    fn deref(&self) -> &T {
        self.record()
    }
}

/// Also where the region is read-only and no reference to the record can be had.
impl<P: Plain + 'static, R: Region> Shared<Sequenced<P>, R> {
    /// A copy of the value.
    ///
    /// # Errors
    ///
    /// [`Busy`] when writers replaced it during each of the looks.
    pub fn read(&self) -> Result<P, Busy> {
        self.record().read()
    }

    /// How often the value was replaced.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.record().version()
    }
}

/// Also where the region is read-only and no reference to the record can be had.
impl<P: Plain + 'static, R: Region> Shared<SharedCell<P>, R> {
    /// A copy of the value; while others write, perhaps of parts of two.
    #[must_use]
    pub fn get(&self) -> P {
        self.record().get()
    }
}

impl<T: ShmSafe, R: Region> fmt::Debug for Shared<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("record", &core::any::type_name::<T>())
            .field("offset", &self.offset)
            .field("region_len", &self.region.len())
            .finish_non_exhaustive()
    }
}

/// Whether a record of this size and alignment fits at `offset` of a region.
fn check(call: &'static str, base: usize, len: usize, offset: usize, size: usize, align: usize) -> Result<()> {
    let needed = offset.checked_add(size).filter(|&end| end <= len);
    if needed.is_none() {
        let reason = format!("the region has {len} bytes, the record needs {size} at offset {offset}");
        return Err(Error::invalid(call, reason).without_errno());
    }
    let wanted = if offset == 0 { align } else { align_of::<Header>() };
    if !base.is_multiple_of(wanted) {
        let reason = format!("the region starts at {base:#x}, which is not aligned to {wanted} bytes");
        return Err(Error::invalid(call, reason).without_errno());
    }
    Ok(())
}
