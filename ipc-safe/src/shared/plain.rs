//! Values that are nothing but their bytes.

use zerocopy::{FromBytes, Immutable, IntoBytes};

/// A value that may travel by copy through shared memory and messages: every bit pattern is one, it has no padding, no
/// pointers and no interior mutability.
///
/// Implemented for everything that has zerocopy's [`FromBytes`], [`IntoBytes`] and [`Immutable`]:
///
/// ```
/// use ipc_safe::shared::{Plain, zerocopy};
/// use zerocopy::{FromBytes, Immutable, IntoBytes};
///
/// #[derive(FromBytes, IntoBytes, Immutable)]
/// #[repr(C)]
/// struct Person {
///     name: [u8; 64],
///     age: u32,
/// }
///
/// fn takes_plain<P: Plain>() {}
/// takes_plain::<Person>();
/// ```
pub trait Plain: FromBytes + IntoBytes + Immutable {}

impl<P: FromBytes + IntoBytes + Immutable> Plain for P {}
