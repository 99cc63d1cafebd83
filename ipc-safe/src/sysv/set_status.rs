//! What the kernel knows about semaphore sets.

use super::permissions::Permissions;
use super::time::from_seconds;
use ipc_sys::sem::{semid_ds, seminfo};
use std::time::SystemTime;

/// The state of a [`SemaphoreSet`](super::SemaphoreSet).
#[doc(alias = "semid_ds")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SetStatus {
    /// The id of the set.
    pub id: i32,
    /// Key, owner, creator, mode.
    pub permissions: Permissions,
    /// How many semaphores it has.
    pub len: usize,
    /// When somebody operated on it last; never, for a set that is not initialised.
    pub last_operation: Option<SystemTime>,
    /// When the set was made, or its settings or values were set.
    pub changed: Option<SystemTime>,
}

impl SetStatus {
    pub(super) fn of(id: i32, raw: &semid_ds) -> Self {
        Self {
            id,
            permissions: Permissions::of(&raw.sem_perm),
            len: usize::try_from(raw.sem_nsems).unwrap_or(0),
            last_operation: from_seconds(raw.sem_otime),
            changed: from_seconds(raw.sem_ctime),
        }
    }
}

/// What the system allows for semaphore sets.
#[doc(alias = "seminfo")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SetLimits {
    /// Sets in the IPC namespace; fourth number of `kernel.sem`.
    pub sets: u32,
    /// Semaphores in all sets; second number of `kernel.sem`.
    pub semaphores: u32,
    /// Semaphores in a set; first number of `kernel.sem`.
    pub set_semaphores: u32,
    /// Operations in one call; third number of `kernel.sem`.
    pub operations: u32,
    /// The highest value of a semaphore.
    pub value: u32,
}

impl SetLimits {
    pub(super) fn of(raw: &seminfo) -> Self {
        Self {
            sets: raw.semmni.cast_unsigned(),
            semaphores: raw.semmns.cast_unsigned(),
            set_semaphores: raw.semmsl.cast_unsigned(),
            operations: raw.semopm.cast_unsigned(),
            value: raw.semvmx.cast_unsigned(),
        }
    }
}

/// What is in use of semaphore sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SetUsage {
    /// Sets.
    pub sets: u32,
    /// Semaphores in all sets.
    pub semaphores: u32,
}

impl SetUsage {
    pub(super) fn of(raw: &seminfo) -> Self {
        Self { sets: raw.semusz.cast_unsigned(), semaphores: raw.semaem.cast_unsigned() }
    }
}
