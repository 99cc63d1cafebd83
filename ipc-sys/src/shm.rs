//! `sys/shm.h`: shared memory segments.
//!
//! Manual pages: shmget(2), shmop(2), shmctl(2).

use core::ffi::c_int;

pub use crate::bindings::shm::*;
pub use crate::types::{key_t, pid_t, size_t, time_t};

/// The multiple that attach addresses are rounded to under [`SHM_RND`]: the size of a page.
#[must_use]
pub fn SHMLBA() -> c_int {
    // SAFETY: The function takes nothing, has no precondition and only returns a number.
    unsafe { __getpagesize() }
}
