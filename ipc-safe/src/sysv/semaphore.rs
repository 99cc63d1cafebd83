//! One semaphore of a set.

use super::fault;
use super::operations::{change, no_wait};
use super::raw::{Raw, sem};
use super::semaphore_guard::SemaphoreGuard;
use super::set::{SemaphoreSet, operate, refused};
use crate::error::{Errno, Error, ErrorKind, Object, Result};
use crate::process::{Pid, from_status};
use crate::wait::{Wait, uninterrupted};
use core::ffi::c_int;
use ipc_sys::sem::{SEM_UNDO, sembuf};
use std::time::Duration;

/// One semaphore: a counter from 0 to 32767. See [`SemaphoreSet::semaphore`].
///
/// [`add`](Self::add) and [`subtract`](Self::subtract) are the classic V and P, with any number of units at once and without
/// undo: what one process takes another may give, as with a message. [`acquire`](Self::acquire) takes units for as long as a
/// guard lives, and the kernel gives them back should the process die.
///
/// ```
/// use ipc_safe::sysv::SemaphoreSet;
/// use std::time::Duration;
///
/// let set = SemaphoreSet::private(&[2])?;
/// let semaphore = set.semaphore(0);
/// let units = semaphore.acquire(2)?;
/// assert_eq!(semaphore.value()?, 0);
/// assert!(semaphore.acquire_timeout(1, Duration::from_millis(1)).unwrap_err().is_timed_out());
/// drop(units);
/// assert_eq!(semaphore.value()?, 2);
/// # Ok::<(), ipc_safe::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Semaphore {
    set: SemaphoreSet,
    index: u16,
}

impl Semaphore {
    pub(super) const fn new(set: SemaphoreSet, index: u16) -> Self {
        Self { set, index }
    }

    /// The set that it is in.
    #[must_use]
    pub const fn set(&self) -> SemaphoreSet {
        self.set
    }

    /// Its place in the set, from 0.
    #[must_use]
    pub const fn index(&self) -> u16 {
        self.index
    }

    /// Adds units and wakes who waits for them. Never waits.
    ///
    /// # Errors
    ///
    /// [`OutOfRange`](ErrorKind::OutOfRange) when the value would pass 32767 or the set has no such semaphore,
    /// [`InvalidInput`](ErrorKind::InvalidInput) for 0 units, [`Removed`](ErrorKind::Removed),
    /// [`PermissionDenied`](ErrorKind::PermissionDenied).
    #[doc(alias = "semop")]
    #[doc(alias = "V")]
    #[inline]
    pub fn add(&self, units: u16) -> Result<()> {
        self.operate(self.change(units, 1, 0)?, Wait::Forever)
    }

    /// Takes units, waiting until there are so many.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    #[doc(alias = "semop")]
    #[doc(alias = "P")]
    #[inline]
    pub fn subtract(&self, units: u16) -> Result<()> {
        self.operate(self.change(units, -1, 0)?, Wait::Forever)
    }

    /// [`subtract`](Self::subtract) without waiting.
    ///
    /// # Errors
    ///
    /// As `subtract`, and [`WouldBlock`](ErrorKind::WouldBlock).
    #[inline]
    pub fn try_subtract(&self, units: u16) -> Result<()> {
        self.operate(self.change(units, -1, 0)?, Wait::No)
    }

    /// [`subtract`](Self::subtract) that waits at most so long.
    ///
    /// # Errors
    ///
    /// As `subtract`, and [`TimedOut`](ErrorKind::TimedOut).
    #[doc(alias = "semtimedop")]
    pub fn subtract_timeout(&self, units: u16, timeout: Duration) -> Result<()> {
        self.operate(self.change(units, -1, 0)?, Wait::at_most(timeout))
    }

    /// [`subtract`](Self::subtract) that a signal handler ends.
    ///
    /// # Errors
    ///
    /// As `subtract`, and [`Interrupted`](ErrorKind::Interrupted); then nothing was taken.
    pub fn subtract_interruptible(&self, units: u16) -> Result<()> {
        self.operate(self.change(units, -1, 0)?, Wait::Interruptible)
    }

    /// Waits until the value is zero.
    ///
    /// # Errors
    ///
    /// [`OutOfRange`](ErrorKind::OutOfRange) when the set has no such semaphore, [`Removed`](ErrorKind::Removed),
    /// [`PermissionDenied`](ErrorKind::PermissionDenied).
    #[inline]
    pub fn wait_zero(&self) -> Result<()> {
        self.operate(self.zero(), Wait::Forever)
    }

    /// [`wait_zero`](Self::wait_zero) without waiting.
    ///
    /// # Errors
    ///
    /// As `wait_zero`, and [`WouldBlock`](ErrorKind::WouldBlock) when the value is not zero.
    #[inline]
    pub fn try_wait_zero(&self) -> Result<()> {
        self.operate(self.zero(), Wait::No)
    }

    /// [`wait_zero`](Self::wait_zero) that waits at most so long.
    ///
    /// # Errors
    ///
    /// As `wait_zero`, and [`TimedOut`](ErrorKind::TimedOut).
    pub fn wait_zero_timeout(&self, timeout: Duration) -> Result<()> {
        self.operate(self.zero(), Wait::at_most(timeout))
    }

    /// [`wait_zero`](Self::wait_zero) that a signal handler ends.
    ///
    /// # Errors
    ///
    /// As `wait_zero`, and [`Interrupted`](ErrorKind::Interrupted).
    pub fn wait_zero_interruptible(&self) -> Result<()> {
        self.operate(self.zero(), Wait::Interruptible)
    }

    /// Takes units for as long as the guard lives, waiting until there are so many. Both halves are marked for undo: when the
    /// process dies, whatever way, the kernel gives the units back.
    ///
    /// # Errors
    ///
    /// As [`subtract`](Self::subtract), and [`OutOfRange`](ErrorKind::OutOfRange) also when the process would hold more than
    /// 32767 units with undo.
    #[doc(alias = "SEM_UNDO")]
    #[inline]
    pub fn acquire(&self, units: u16) -> Result<SemaphoreGuard> {
        self.acquire_waiting(units, Wait::Forever)
    }

    /// [`acquire`](Self::acquire) without waiting.
    ///
    /// # Errors
    ///
    /// As `acquire`, and [`WouldBlock`](ErrorKind::WouldBlock).
    #[inline]
    pub fn try_acquire(&self, units: u16) -> Result<SemaphoreGuard> {
        self.acquire_waiting(units, Wait::No)
    }

    /// [`acquire`](Self::acquire) that waits at most so long.
    ///
    /// # Errors
    ///
    /// As `acquire`, and [`TimedOut`](ErrorKind::TimedOut).
    pub fn acquire_timeout(&self, units: u16, timeout: Duration) -> Result<SemaphoreGuard> {
        self.acquire_waiting(units, Wait::at_most(timeout))
    }

    /// [`acquire`](Self::acquire) that a signal handler ends.
    ///
    /// # Errors
    ///
    /// As `acquire`, and [`Interrupted`](ErrorKind::Interrupted); then nothing was taken.
    pub fn acquire_interruptible(&self, units: u16) -> Result<SemaphoreGuard> {
        self.acquire_waiting(units, Wait::Interruptible)
    }

    /// The value.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) when the set has no such semaphore, [`Removed`](ErrorKind::Removed),
    /// [`PermissionDenied`](ErrorKind::PermissionDenied) without the right to read.
    #[doc(alias = "GETVAL")]
    pub fn value(&self) -> Result<u16> {
        self.count(sem::value)
    }

    /// Sets the value, and forgets all undo adjustments for this semaphore, of every process.
    ///
    /// # Errors
    ///
    /// As [`value`](Self::value), with the right to write; [`OutOfRange`](ErrorKind::OutOfRange) above 32767.
    #[doc(alias = "SETVAL")]
    pub fn set_value(&self, value: u16) -> Result<()> {
        sem::set_value(self.set.id(), self.index, c_int::from(value)).map_err(|errno| {
            let error = self.control_fault(errno);
            match errno {
                Errno::RANGE => error.about(format!("value {value}")).because("a value is at most 32767"),
                _ => error,
            }
        })
    }

    /// How many wait for the value to rise.
    ///
    /// # Errors
    ///
    /// As [`value`](Self::value).
    #[doc(alias = "GETNCNT")]
    #[doc(alias = "semncnt")]
    pub fn waiters(&self) -> Result<u16> {
        self.count(sem::waiters)
    }

    /// How many wait for the value to be zero.
    ///
    /// # Errors
    ///
    /// As [`value`](Self::value).
    #[doc(alias = "GETZCNT")]
    #[doc(alias = "semzcnt")]
    pub fn zero_waiters(&self) -> Result<u16> {
        self.count(sem::zero_waiters)
    }

    /// Who changed the value last; none before the first change, or from outside the pid namespace.
    ///
    /// # Errors
    ///
    /// As [`value`](Self::value).
    #[doc(alias = "GETPID")]
    #[doc(alias = "sempid")]
    pub fn last_pid(&self) -> Result<Option<Pid>> {
        sem::last_pid(self.set.id(), self.index).map(from_status).map_err(|errno| self.control_fault(errno))
    }

    /// Gives units back that were taken for a guard.
    #[inline]
    pub(super) fn release(&self, units: u16) -> Result<()> {
        self.operate(self.change(units, 1, SEM_UNDO)?, Wait::Forever)
    }

    #[inline]
    fn acquire_waiting(&self, units: u16, wait: Wait) -> Result<SemaphoreGuard> {
        self.operate(self.change(units, -1, SEM_UNDO)?, wait)?;
        Ok(SemaphoreGuard::new(*self, units))
    }

    #[inline]
    fn operate(&self, operation: sembuf, wait: Wait) -> Result<()> {
        let result = match wait {
            Wait::No => uninterrupted(wait, || sem::operate(self.set.id(), &[no_wait(operation)])),
            _ => operate(self.set.id(), &[operation], wait),
        };
        result.map_err(|errno| self.operation_fault(errno))
    }

    /// The operation that moves units up (1) or down (-1).
    #[inline]
    fn change(&self, units: u16, sign: i16, flag: c_int) -> Result<sembuf> {
        change(self.index, units, sign, flag).ok_or_else(|| refused(self.object(), units))
    }

    const fn zero(&self) -> sembuf {
        sembuf { sem_num: self.index, sem_op: 0, sem_flg: 0 }
    }

    /// One of the counters, none of which passes 65535.
    fn count(&self, read: impl FnOnce(c_int, u16) -> Raw<c_int>) -> Result<u16> {
        let count = read(self.set.id(), self.index).map_err(|errno| self.control_fault(errno))?;
        Ok(u16::try_from(count).unwrap_or(u16::MAX))
    }

    const fn object(&self) -> Object {
        Object::Semaphore(self.set.id(), self.index)
    }

    #[cold]
    fn operation_fault(&self, errno: Errno) -> Error {
        self.set.operation_fault(errno, 1).on(self.object())
    }

    #[cold]
    fn control_fault(&self, errno: Errno) -> Error {
        let object = self.object();
        let error = fault::on_handle("semctl", errno, object, || sem::status(self.set.id()).map(drop));
        match error.kind() {
            ErrorKind::InvalidInput => error.because("the set has no semaphore of that index"),
            _ => error,
        }
    }
}
