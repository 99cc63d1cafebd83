//! Pages that stay in memory.

use super::raw::{self, Mapped, Raw};
use crate::error::{Errno, Error, Result, keeping_errno};
use crate::process::Generation;
use core::fmt;
use core::mem::ManuallyDrop;
use core::sync::atomic::{AtomicI32, AtomicU32, Ordering};
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

impl LockedPages<'_> {
    /// Unlocks the pages, as dropping does, unless another guard keeps them locked.
    ///
    /// # Errors
    ///
    /// None that is to be expected of pages that are mapped.
    pub fn release(self) -> Result<()> {
        let this = ManuallyDrop::new(self);
        this.undo().map_err(|errno| fault("munlock", errno))
    }

    fn undo(&self) -> Raw<()> {
        if self.locks.fetch_sub(1, Ordering::AcqRel) != 1 {
            return Ok(());
        }
        unlock_last(self.locks, || self.mapped.unlock(), || self.mapped.lock(0))
    }
}

impl Drop for LockedPages<'_> {
    fn drop(&mut self) {
        // It does not fail for pages that are mapped and were locked; and unmapping them unlocks them too. In a forked child
        // nothing is locked, unless the child locked it.
        let _ = keeping_errno(|| self.undo());
    }
}

/// Unlocks for the last guard, and locks again for one that another thread made since the count was 0: its own lock may have
/// come before this unlocking. Without a lock of this crate around both, which a forked child could find taken for ever.
fn unlock_last(locks: &AtomicU32, unlock: impl Fn() -> Raw<()>, lock: impl Fn() -> Raw<()>) -> Raw<()> {
    loop {
        unlock()?;
        if locks.load(Ordering::Acquire) == 0 {
            return Ok(());
        }
        // They were locked a moment ago: there was room.
        let _ = lock();
        // That guard may have ended meanwhile, and found nothing to unlock.
        if locks.load(Ordering::Acquire) > 0 {
            return Ok(());
        }
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

/// What the last of them locked.
static LAST_FLAGS: AtomicI32 = AtomicI32::new(0);

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
    let flags = flags | if on_fault { mman::MCL_ONFAULT } else { 0 };
    let others = LOCKED_ALL.fetch_add(1, Ordering::AcqRel);
    if let Err(errno) = raw::lock_all(flags) {
        // The kernel refuses before it locks anything: unlocking would take the pages of other guards. Unless others ended
        // meanwhile, and left it to this one.
        if LOCKED_ALL.fetch_sub(1, Ordering::AcqRel) == 1 && others > 0 {
            let _ = raw::unlock_all();
        }
        return Err(fault("mlockall", errno));
    }
    LAST_FLAGS.store(flags, Ordering::Release);
    Ok(LockedAll { made_in: Generation::current() })
}

impl LockedAll {
    /// Unlocks everything, as dropping does, unless another guard keeps it locked. In a forked child, which inherits no locks,
    /// nothing is done.
    ///
    /// # Errors
    ///
    /// None that is to be expected.
    pub fn release(self) -> Result<()> {
        let this = ManuallyDrop::new(self);
        this.undo().map_err(|errno| fault("munlockall", errno))
    }

    fn undo(&self) -> Raw<()> {
        if LOCKED_ALL.fetch_sub(1, Ordering::AcqRel) != 1 || !self.made_in.is_current() {
            return Ok(());
        }
        unlock_last(&LOCKED_ALL, raw::unlock_all, || raw::lock_all(LAST_FLAGS.load(Ordering::Acquire)))
    }
}

impl Drop for LockedAll {
    fn drop(&mut self) {
        // `munlockall` has no reason to fail.
        let _ = keeping_errno(|| self.undo());
    }
}
