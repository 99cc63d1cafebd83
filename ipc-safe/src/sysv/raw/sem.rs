//! Semaphore sets.

use super::{Errno, GuardedValues, Raw, done, returned, same_id};
use crate::wait::timespec;
use core::ffi::c_int;
use ipc_sys::ipc::{IPC_INFO, IPC_RMID, IPC_SET, IPC_STAT};
use ipc_sys::sem;
use std::time::Duration;

pub(in crate::sysv) fn get(key: c_int, len: c_int, flags: c_int) -> Raw<c_int> {
    // SAFETY: `semget` takes three integers and touches no memory of ours.
    returned(unsafe { sem::semget(key, len, flags) })
}

/// Applies the operations as one; waits for ever.
#[inline]
pub(in crate::sysv) fn operate(id: c_int, operations: &[sem::sembuf]) -> Raw<()> {
    // SAFETY: the kernel reads `operations.len()` structures, although the prototype's pointer is not const.
    done(unsafe { sem::semop(id, operations.as_ptr().cast_mut(), operations.len()) })
}

/// Applies the operations as one; waits at most so long.
pub(in crate::sysv) fn operate_for(id: c_int, operations: &[sem::sembuf], time: Duration) -> Raw<()> {
    let timeout = timespec(time);
    let (first, len) = (operations.as_ptr().cast_mut(), operations.len());
    // SAFETY: the kernel reads `len` structures, although the prototype's pointer is not const, and one `timespec`, which
    // has the layout of libc's.
    done(unsafe { sem::semtimedop(id, first, len, (&raw const timeout).cast()) })
}

/// `GETVAL`, `GETPID`, `GETNCNT`, `GETZCNT`: one number of one semaphore.
fn number(id: c_int, index: u16, command: c_int) -> Raw<c_int> {
    // SAFETY: these commands take no fourth argument.
    returned(unsafe { sem::semctl(id, c_int::from(index), command) })
}

pub(in crate::sysv) fn value(id: c_int, index: u16) -> Raw<c_int> {
    number(id, index, sem::GETVAL)
}

pub(in crate::sysv) fn last_pid(id: c_int, index: u16) -> Raw<c_int> {
    number(id, index, sem::GETPID)
}

pub(in crate::sysv) fn waiters(id: c_int, index: u16) -> Raw<c_int> {
    number(id, index, sem::GETNCNT)
}

pub(in crate::sysv) fn zero_waiters(id: c_int, index: u16) -> Raw<c_int> {
    number(id, index, sem::GETZCNT)
}

pub(in crate::sysv) fn set_value(id: c_int, index: u16, value: c_int) -> Raw<()> {
    // SAFETY: SETVAL takes a `union semun` by value, here its `int`.
    done(unsafe { sem::semctl(id, c_int::from(index), sem::SETVAL, sem::semun { val: value }) })
}

/// Reads all values. The kernel does not know how many are wanted: a set that is larger than `values` ends in `EFAULT` at
/// its guard page.
pub(in crate::sysv) fn values(id: c_int, values: &mut GuardedValues) -> Raw<()> {
    let array = values.as_mut_ptr();
    // SAFETY: GETALL writes one `unsigned short` a semaphore from `array` on, upwards: into the buffer, which ends at a page
    // without access, where the kernel stops with EFAULT.
    done(unsafe { sem::semctl(id, 0, sem::GETALL, sem::semun { array }) })
}

/// Sets all values. A set that is larger than `values` ends in `EFAULT` at its guard page, with nothing changed.
pub(in crate::sysv) fn set_values(id: c_int, values: &mut GuardedValues) -> Raw<()> {
    let array = values.as_mut_ptr();
    // SAFETY: SETALL reads one `unsigned short` a semaphore from `array` on, upwards: from the buffer, which ends at a page
    // without access, where the kernel stops with EFAULT before it changes anything.
    done(unsafe { sem::semctl(id, 0, sem::SETALL, sem::semun { array }) })
}

pub(in crate::sysv) fn status(id: c_int) -> Raw<sem::semid_ds> {
    stat(id, IPC_STAT).map(|(_, status)| status)
}

/// The set at a place of the kernel's table: its id and status.
pub(in crate::sysv) fn status_at(index: c_int) -> Raw<(c_int, sem::semid_ds)> {
    stat(index, sem::SEM_STAT_ANY)
}

fn stat(id: c_int, command: c_int) -> Raw<(c_int, sem::semid_ds)> {
    let mut status = sem::semid_ds::default();
    // SAFETY: IPC_STAT and SEM_STAT_ANY write one `semid_ds`.
    let result = returned(unsafe { sem::semctl(id, 0, command, sem::semun { buf: &raw mut status }) })?;
    Ok((result, status))
}

/// The status for changing it, which is the right of an owner who may not read it.
pub(in crate::sysv) fn status_to_change(id: c_int) -> Raw<sem::semid_ds> {
    match status(id) {
        Err(Errno::ACCES) => status_at(id).and_then(|found| same_id(id, found)),
        other => other,
    }
}

pub(in crate::sysv) fn set(id: c_int, mut status: sem::semid_ds) -> Raw<()> {
    // SAFETY: IPC_SET reads one `semid_ds`.
    done(unsafe { sem::semctl(id, 0, IPC_SET, sem::semun { buf: &raw mut status }) })
}

pub(in crate::sysv) fn remove(id: c_int) -> Raw<()> {
    // SAFETY: IPC_RMID takes no fourth argument.
    done(unsafe { sem::semctl(id, 0, IPC_RMID) })
}

/// The limits; the result is the highest index in use.
pub(in crate::sysv) fn limits() -> Raw<(c_int, sem::seminfo)> {
    info(IPC_INFO)
}

/// What is in use; the result is the highest index in use.
pub(in crate::sysv) fn usage() -> Raw<(c_int, sem::seminfo)> {
    info(sem::SEM_INFO)
}

fn info(command: c_int) -> Raw<(c_int, sem::seminfo)> {
    let mut info = sem::seminfo::default();
    // SAFETY: IPC_INFO and SEM_INFO write one `seminfo`.
    let result = returned(unsafe { sem::semctl(0, 0, command, sem::semun { __buf: &raw mut info }) })?;
    Ok((result, info))
}
