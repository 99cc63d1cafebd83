//! `sys/sem.h`: semaphore sets.
//!
//! Manual pages: semget(2), semop(2), semctl(2).

use core::ffi::{c_int, c_ushort};
use core::fmt;

pub use crate::bindings::sem::*;
pub use crate::types::{key_t, pid_t, size_t, time_t, timespec};

/// The fourth argument of [`semctl`]. The headers leave it to the program to define.
#[repr(C)]
#[derive(Clone, Copy)]
pub union semun {
    /// For `SETVAL`.
    pub val: c_int,
    /// For `IPC_STAT`, `IPC_SET`, `SEM_STAT` and `SEM_STAT_ANY`.
    pub buf: *mut semid_ds,
    /// For `GETALL` and `SETALL`: one value a semaphore.
    pub array: *mut c_ushort,
    /// For `IPC_INFO` and `SEM_INFO`.
    pub __buf: *mut seminfo,
}

impl fmt::Debug for semun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("semun").finish_non_exhaustive()
    }
}
