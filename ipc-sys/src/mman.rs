//! `sys/mman.h`: mappings, their protection, advice and locking, and objects to map.
//!
//! Manual pages: mmap(2), mremap(2), mprotect(2), msync(2), madvise(2), process_madvise(2), mlock(2), mincore(2),
//! memfd_create(2), shm_open(3), pkeys(7).

use core::ffi::{c_int, c_uint, c_void};
use core::ptr;

pub use crate::bindings::mman::*;
pub use crate::types::{iovec, mode_t, off_t, pid_t, size_t, ssize_t};

/// What `mmap` and `mremap` return when they fail.
pub const MAP_FAILED: *mut c_void = ptr::without_provenance_mut(usize::MAX);

// Names that newer kernels have and the headers of `HEADERS` lack. The number is the kernel that brought them.

/// Linux 6.11: memory that the kernel may drop, and then reads as zeros.
pub const MAP_DROPPABLE: c_int = 0x08;
/// Linux 6.13: makes every access to the range a SIGSEGV, without a mapping of its own.
pub const MADV_GUARD_INSTALL: c_int = 102;
/// Linux 6.13: undoes [`MADV_GUARD_INSTALL`].
pub const MADV_GUARD_REMOVE: c_int = 103;
/// Linux 6.3: the file is not executable, and the seal `F_SEAL_EXEC` keeps it so.
pub const MFD_NOEXEC_SEAL: c_uint = 0x0008;
/// Linux 6.3: the file is executable.
pub const MFD_EXEC: c_uint = 0x0010;
/// Linux 6.15: a protection key without restrictions.
pub const PKEY_UNRESTRICTED: c_uint = 0;
