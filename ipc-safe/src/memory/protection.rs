//! What may be done with mapped memory, as types.

use crate::shared::{ReadOnly, ReadWrite};
use core::ffi::c_int;
use core::fmt;
use ipc_sys::mman::{PROT_EXEC, PROT_NONE, PROT_READ, PROT_WRITE};

/// Nothing: the addresses are taken, and every access is a fault.
#[doc(alias = "PROT_NONE")]
#[derive(Clone, Copy, Debug)]
pub struct NoAccess;

/// Reading and executing.
#[doc(alias = "PROT_EXEC")]
#[derive(Clone, Copy, Debug)]
pub struct ReadExecute;

/// Reading what is in the file, and writing to a copy that this process alone sees.
#[doc(alias = "MAP_PRIVATE")]
#[derive(Clone, Copy, Debug)]
pub struct CopyOnWrite;

/// The rights of a mapping: [`NoAccess`], [`ReadOnly`], [`ReadWrite`], [`ReadExecute`] or [`CopyOnWrite`]. Sealed.
pub trait Rights: sealed::Sealed + Copy + fmt::Debug + Send + Sync + 'static {
    /// The `PROT_` flags.
    #[doc(hidden)]
    const PROTECTION: c_int;
    /// Whether the mapping of a file is private.
    #[doc(hidden)]
    const COPIES: bool = false;
}

/// Rights that memory can be changed to and from: all but [`CopyOnWrite`], which stays what it is.
pub trait Protection: Rights {}

/// Rights with which memory can be read.
pub trait Readable: Rights {}

/// Rights with which memory can be written.
pub trait Writable: Readable {}

mod sealed {
    pub trait Sealed {}
}

/// Implements the traits for a marker.
macro_rules! rights {
    ($($marker:ty: $protection:expr, $copies:literal, [$($trait:ident),*];)+) => {$(
        impl sealed::Sealed for $marker {}
        impl Rights for $marker {
            const PROTECTION: c_int = $protection;
            const COPIES: bool = $copies;
        }
        $( impl $trait for $marker {} )*
    )+};
}

rights! {
    NoAccess: PROT_NONE, false, [Protection];
    ReadOnly: PROT_READ, false, [Protection, Readable];
    ReadWrite: PROT_READ | PROT_WRITE, false, [Protection, Readable, Writable];
    ReadExecute: PROT_READ | PROT_EXEC, false, [Protection, Readable];
    CopyOnWrite: PROT_READ | PROT_WRITE, true, [Readable, Writable];
}
