//! The memory under every view.

use super::bytes::SharedBytes;
use core::fmt;
use core::ptr::NonNull;

/// What a region allows: [`ReadOnly`] or [`ReadWrite`]. Sealed.
pub trait Access: sealed::Sealed + Copy + fmt::Debug + Send + Sync + 'static {}

/// The memory may be read and written.
#[derive(Clone, Copy, Debug)]
pub struct ReadWrite;

/// The memory may be read. Others may write it.
#[derive(Clone, Copy, Debug)]
pub struct ReadOnly;

impl Access for ReadWrite {}
impl Access for ReadOnly {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::ReadWrite {}
    impl Sealed for super::ReadOnly {}
}

/// Memory that several processes may write, at a fixed place for as long as the value lives.
///
/// Lends [`SharedBytes`]; is consumed by [`Shared`](super::Shared) and [`OwnedBytes`](super::OwnedBytes). Not implemented
/// for references or `Arc`: a region is one value, so that it has one layout at a time.
///
/// # Safety
///
/// For as long as the value lives, and wherever it is moved:
///
/// - `start` returns the same address and `len` the same length, and the `len` bytes from there are one allocation of this
///   process, at most `isize::MAX` long;
/// - reading any of these bytes, in any thread, succeeds (no signal, whatever other processes do to the object), and so does
///   writing when `Access` is [`ReadWrite`];
/// - nothing in this process accesses the bytes except through atomic accesses of one byte, by way of this value, and no
///   other value of this trait covers any of them; other processes may write them at any time.
///
/// # Examples
///
/// Your own memory as a region:
///
/// ```
/// use ipc_safe::shared::{ReadWrite, Region};
/// use std::cell::UnsafeCell;
/// use std::ptr::NonNull;
///
/// struct Page(Box<UnsafeCell<[u8; 4096]>>);
///
/// // SAFETY: the box owns its memory, does not move it, and `Page` lends it to nobody else.
/// unsafe impl Region for Page {
///     type Access = ReadWrite;
///     fn start(&self) -> NonNull<u8> {
///         NonNull::new(self.0.get()).unwrap().cast()
///     }
///     fn len(&self) -> usize {
///         4096
///     }
/// }
///
/// let page = Page(Box::new(UnsafeCell::new([0; 4096])));
/// page.bytes().write(10, b"mine")?;
/// # Ok::<(), ipc_safe::Error>(())
/// ```
#[expect(unsafe_code, reason = "the promise that every proof of this area rests on")]
pub unsafe trait Region {
    /// [`ReadOnly`] or [`ReadWrite`].
    type Access: Access;

    /// The first byte. Good for writing only when `Access` is [`ReadWrite`].
    fn start(&self) -> NonNull<u8>;

    /// The length in bytes.
    fn len(&self) -> usize;

    /// Whether the region has no bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes, for copying in and out.
    fn bytes(&self) -> SharedBytes<'_, Self::Access> {
        SharedBytes::of(self)
    }
}
