//! Pages that stay in memory.

use super::raw::{self, Mapped};
use crate::error::{Errno, Error, Result, keeping_errno};
use crate::process::Generation;
use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};
use ipc_sys::mman;

/// The pages of a mapping, locked into memory until this value is dropped. See [`Mapping::lock`](super::Mapping::lock).
///
/// The kernel does not count locks; this crate does, a mapping: the last guard unlocks. A forked child has no locks, and its
/// copy of this value has nothing to undo.
#[must_use = "the pages are unlocked when this value is dropped"]
pub struct LockedPages<'a> {
    mapped: &'a Mapped,
    locks: &'a AtomicU32,
}

impl<'a> LockedPages<'a> {
    pub(super) fn new(mapped: &'a Mapped, locks: &'a AtomicU32, flags: u32) -> Result<Self> {
        locks.fetch_add(1, Ordering::AcqRel);
        let guard = Self { mapped, locks };
        // A lock that fails half way is undone by the guard, unless another guard keeps the pages locked.
        mapped.lock(flags).map_err(|errno| fault("mlock2", errno))?;
        Ok(guard)
    }
}

impl Drop for LockedPages<'_> {
    fn drop(&mut self) {
        if self.locks.fetch_sub(1, Ordering::AcqRel) != 1 {
            return;
        }
        keeping_errno(|| {
            // It cannot fail for pages that are mapped, and unmapping them unlocks them too. In a forked child it finds
            // nothing locked, unless the child locked it.
            let _ = self.mapped.unlock();
            if self.locks.load(Ordering::Acquire) > 0 {
                // Somebody came in between: what was just unlocked is theirs. There was room for it a moment ago.
                let _ = self.mapped.lock(0);
            }
        });
    }
}

impl fmt::Debug for LockedPages<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockedPages").field("mapped", &self.mapped).finish_non_exhaustive()
    }
}

pub(super) fn fault(call: &'static str, errno: Errno) -> Error {
    let error = Error::new(call, errno);
    match errno {
        Errno::NOMEM | Errno::AGAIN => error
            .kind_of(crate::error::ErrorKind::OutOfMemory)
            .because("more than may be locked (RLIMIT_MEMLOCK), or a page cannot be had"),
        Errno::PERM => error.because("RLIMIT_MEMLOCK is 0, and CAP_IPC_LOCK is missing"),
        _ => error,
    }
}

/// What [`lock_all`] locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LockAll {
    /// What is mapped now.
    Current,
    /// What will be mapped.
    Future,
    /// Both.
    CurrentAndFuture,
}

/// All pages of the process, locked into memory until this value is dropped. See [`lock_all`].
#[derive(Debug)]
#[must_use = "the pages are unlocked when this value is dropped"]
pub struct LockedAll {
    made_in: Generation,
}

/// How many [`LockedAll`] there are.
static LOCKED_ALL: AtomicU32 = AtomicU32::new(0);

/// Locks all pages of the process into memory, now or once they are used (`on_fault`), until the guard is dropped. The last
/// of several guards unlocks, and with it every page that a [`LockedPages`] locked: the kernel has one switch.
///
/// # Errors
///
/// [`OutOfMemory`](crate::error::ErrorKind::OutOfMemory) above `RLIMIT_MEMLOCK`,
/// [`PermissionDenied`](crate::error::ErrorKind::PermissionDenied) when that limit is 0.
///
/// [mlockall(2)](https://man7.org/linux/man-pages/man2/mlockall.2.html)
#[doc(alias = "mlockall")]
#[doc(alias = "munlockall")]
pub fn lock_all(what: LockAll, on_fault: bool) -> Result<LockedAll> {
    let flags = match what {
        LockAll::Current => mman::MCL_CURRENT,
        LockAll::Future => mman::MCL_FUTURE,
        LockAll::CurrentAndFuture => mman::MCL_CURRENT | mman::MCL_FUTURE,
    };
    // One that fails has locked nothing, and so has nothing to unlock.
    raw::lock_all(flags | if on_fault { mman::MCL_ONFAULT } else { 0 }).map_err(|errno| fault("mlockall", errno))?;
    LOCKED_ALL.fetch_add(1, Ordering::AcqRel);
    Ok(LockedAll { made_in: Generation::current() })
}

impl Drop for LockedAll {
    fn drop(&mut self) {
        if LOCKED_ALL.fetch_sub(1, Ordering::AcqRel) == 1 && self.made_in.is_current() {
            // `munlockall` has no reason to fail.
            let _ = keeping_errno(raw::unlock_all);
        }
    }
}
