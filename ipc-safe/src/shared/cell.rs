//! A plain value by copy.

use super::copy;
use super::plain::Plain;
use super::shm_safe::{ShmSafe, layout_of_field};
use core::cell::UnsafeCell;
use core::fmt;
use core::mem::MaybeUninit;

/// A plain value in shared memory that is read and replaced by copy: what a lock guards.
///
/// Nothing keeps a reader from meeting a writer: the copy may then hold bytes of both values. It is garbage, never undefined
/// (every bit pattern of a [`Plain`] value is one). Put the cell into a [`Mutex`](crate::sync::Mutex), or use
/// [`Sequenced`](super::Sequenced), whose readers see whole values without a lock. All-zero memory holds the value whose bytes
/// are zero.
///
/// ```
/// use ipc_safe::shared::{Shared, SharedCell};
/// use ipc_safe::sysv::Segment;
///
/// let attachment = Segment::private(4096)?.attach()?;
/// let point = Shared::<SharedCell<[i32; 2]>, _>::bare(attachment)?;
/// point.set(&[3, 4]);
/// point.update(|[x, y]| [x + 1, y]);
/// assert_eq!(point.get(), [4, 4]);
/// # Ok::<(), ipc_safe::Error>(())
/// ```
#[repr(transparent)]
pub struct SharedCell<P: Plain>(UnsafeCell<MaybeUninit<P>>);

#[expect(unsafe_code, reason = "the value is accessed as atomic bytes only")]
// SAFETY: the value is only accessed by `copy`, as relaxed atomic bytes, from any number of threads; `P` is nothing but
// bytes.
unsafe impl<P: Plain> Sync for SharedCell<P> {}
#[expect(unsafe_code, reason = "the value is accessed as atomic bytes only")]
// SAFETY: `P` is nothing but bytes.
unsafe impl<P: Plain> Send for SharedCell<P> {}

#[expect(unsafe_code, reason = "the record's promise")]
// SAFETY: transparent over a value of bytes without padding, pointers or `Drop` (checked by `LAYOUT`), with an alignment of
// at most 64; every bit pattern is valid; every access is by `copy`, as relaxed atomic bytes, and through `&SharedCell` the
// compiler may assume nothing about the bytes, because they are in an `UnsafeCell`.
unsafe impl<P: Plain + 'static> ShmSafe for SharedCell<P> {
    const LAYOUT: u64 = {
        assert!(align_of::<P>() <= 64, "a value in shared memory is aligned to at most 64");
        assert!(!core::mem::needs_drop::<P>(), "a value in shared memory has no Drop");
        layout_of_field(layout_of_field(3, "SharedCell", size_of::<P>() as u64), "align", align_of::<P>() as u64)
    };
}

impl<P: Plain + Default> Default for SharedCell<P> {
    fn default() -> Self {
        Self::new(P::default())
    }
}

impl<P: Plain> SharedCell<P> {
    /// A cell that holds `value`, in private memory.
    #[must_use]
    pub const fn new(value: P) -> Self {
        Self(UnsafeCell::new(MaybeUninit::new(value)))
    }

    /// A copy of the value.
    #[inline]
    #[must_use]
    #[expect(unsafe_code, reason = "copies the value out")]
    pub fn get(&self) -> P {
        let mut value = MaybeUninit::<P>::uninit();
        // SAFETY: the cell is readable as atomic bytes; `value` has its size.
        unsafe { copy::read(self.0.get().cast(), value.as_mut_ptr().cast(), size_of::<P>()) };
        // SAFETY: all bytes are written, and for a `FromBytes` type any bytes are a value.
        unsafe { value.assume_init() }
    }

    /// Replaces the value.
    #[inline]
    #[expect(unsafe_code, reason = "copies the value in")]
    pub fn set(&self, value: &P) {
        // SAFETY: the cell is writable as atomic bytes; `value` is borrowed and has its size.
        unsafe { copy::write(value.as_bytes().as_ptr(), self.0.get().cast(), size_of::<P>()) };
    }

    /// Replaces the value by what `change` makes of it. What others write in between is lost: that is what the lock is for.
    #[inline]
    pub fn update(&self, change: impl FnOnce(P) -> P) {
        self.set(&change(self.get()));
    }

    /// Replaces the value and returns the one before.
    #[inline]
    pub fn replace(&self, value: &P) -> P {
        let before = self.get();
        self.set(value);
        before
    }
}

/// Shows a copy of the value.
impl<P: Plain + fmt::Debug> fmt::Debug for SharedCell<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SharedCell").field(&self.get()).finish()
    }
}
