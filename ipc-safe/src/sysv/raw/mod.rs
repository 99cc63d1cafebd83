//! The System V calls, one function a command, with checked arguments and the error number as the error.
//!
//! Each function is safe to call with any values of its parameter types, unless it is marked `unsafe`.
#![expect(unsafe_code, reason = "the calls into the C library")]

mod guarded;
pub(super) mod msg;
pub(super) mod sem;
pub(super) mod shm;

pub(super) use guarded::GuardedValues;

use crate::error::Errno;
use core::ffi::c_int;

/// The result of a call: what it returns, or the error number.
pub(super) type Raw<T> = Result<T, Errno>;

/// -1 is failure, anything else the result.
#[inline]
fn returned(result: c_int) -> Raw<c_int> {
    if result == -1 { Err(Errno::last()) } else { Ok(result) }
}

/// -1 is failure, anything else success.
#[inline]
fn done(result: c_int) -> Raw<()> {
    returned(result).map(drop)
}

/// The status that the kernel finds at a place of its table, for which it takes the id as well, when it is that of this id.
fn same_id<T>(id: c_int, (found, status): (c_int, T)) -> Raw<T> {
    if found == id { Ok(status) } else { Err(Errno::INVAL) }
}
