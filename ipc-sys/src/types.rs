//! Types of other headers that the functions and structures of this crate use.
//!
//! They have the layout of the types of the same name in the crate libc.

pub use crate::bindings::types::*;

/// The size of an object.
pub type size_t = usize;
/// A size, or -1.
pub type ssize_t = isize;
