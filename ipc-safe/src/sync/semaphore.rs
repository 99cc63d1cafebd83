//! A semaphore that counts.

use super::word::Word;
use crate::error::{Errno, Error, ErrorKind, Result};
use crate::process::Generation;
use crate::shared::{ShmSafe, layout_of_field};
use crate::wait::Wait;
use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A number of units, which are taken one at a time and waited for when there is none.
///
/// Either as a pool: [`acquire`](Self::acquire) takes a unit for as long as its [`SemaphorePermit`] lives. Or as a count of
/// what there is to do: one side [`post`](Self::post)s, the other acquires and [`forget`](SemaphorePermit::forget)s. What was
/// written before a unit was posted is seen by who takes it.
///
/// One futex word: 0 is no units, so that all-zero memory is an empty semaphore; whoever makes a pool posts its units.
/// Taking a unit that is there, and posting while nobody sleeps, make no system call.
///
/// **Units that a process holds when it dies are lost**, and so are those of a permit that is forgotten. (Those of a
/// [`sysv::Semaphore`](crate::sysv::Semaphore) the kernel gives back.) In a forked child the permits of the parent give nothing
/// back.
///
/// ```
/// use ipc_safe::memory::MapOptions;
/// use ipc_safe::shared::Shared;
/// use ipc_safe::sync::Semaphore;
///
/// let seats = Shared::<Semaphore, _>::bare(MapOptions::new().shared(4096)?)?;
/// seats.post_many(2)?;
/// let first = seats.acquire();
/// let second = seats.acquire();
/// assert!(seats.try_acquire().unwrap_err().is_would_block());
/// drop(first);
/// assert_eq!(seats.value(), 1);
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [futex(2)](https://man7.org/linux/man-pages/man2/futex.2.html),
/// [sem_overview(7)](https://man7.org/linux/man-pages/man7/sem_overview.7.html)
#[doc(alias("futex", "sem_t"))]
#[repr(transparent)]
pub struct Semaphore {
    word: AtomicU32,
}

#[expect(unsafe_code, reason = "the record's promise")]
// SAFETY: transparent over an atomic integer.
unsafe impl ShmSafe for Semaphore {
    const LAYOUT: u64 = layout_of_field(4, "Semaphore", size_of::<Self>() as u64);
}

/// Without units.
impl Default for Semaphore {
    fn default() -> Self {
        Self::new(0)
    }
}

impl Semaphore {
    /// The most units that there can be: 2³¹ - 1.
    #[doc(alias = "SEM_VALUE_MAX")]
    pub const MAX: u32 = UNITS;

    /// A semaphore with so many units, in private memory.
    ///
    /// # Panics
    ///
    /// For more than [`MAX`](Self::MAX).
    #[must_use]
    #[doc(alias = "sem_init")]
    pub const fn new(units: u32) -> Self {
        assert!(units <= Self::MAX, "a semaphore has at most 2147483647 units");
        Self { word: AtomicU32::new(units) }
    }

    /// Adds a unit, and wakes one of those who wait.
    ///
    /// # Errors
    ///
    /// [`OutOfRange`](ErrorKind::OutOfRange) when there are [`MAX`](Self::MAX) already.
    #[inline]
    #[doc(alias = "sem_post")]
    pub fn post(&self) -> Result<()> {
        self.post_many(1)
    }

    /// Adds so many units at once, and wakes as many of those who wait.
    ///
    /// # Errors
    ///
    /// [`OutOfRange`](ErrorKind::OutOfRange) when there would be more than [`MAX`](Self::MAX); then none is added.
    #[inline]
    pub fn post_many(&self, units: u32) -> Result<()> {
        post(&self.word, units).map_err(too_many)
    }

    /// Takes a unit, waiting until there is one. Gives it back when the permit is dropped.
    #[inline]
    #[doc(alias = "sem_wait")]
    pub fn acquire(&self) -> SemaphorePermit<'_> {
        // Without a deadline, and not interruptible: it only ends with a unit.
        let _ = take(&self.word, Wait::Forever);
        SemaphorePermit::of(self)
    }

    /// [`acquire`](Self::acquire) without waiting.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](ErrorKind::WouldBlock) when there is no unit.
    #[inline]
    #[doc(alias = "sem_trywait")]
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_>> {
        self.acquire_as(Wait::No)
    }

    /// [`acquire`](Self::acquire) that waits at most so long, on the monotonic clock.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](ErrorKind::TimedOut) when there was no unit in that time.
    #[doc(alias = "sem_timedwait")]
    pub fn acquire_timeout(&self, timeout: Duration) -> Result<SemaphorePermit<'_>> {
        // Only a semaphore that is empty needs to know the time.
        self.try_acquire().or_else(|_| self.acquire_as(Wait::at_most(timeout)))
    }

    /// [`acquire`](Self::acquire) that a signal handler ends.
    ///
    /// # Errors
    ///
    /// [`Interrupted`](ErrorKind::Interrupted) when a handler ran while this waited.
    pub fn acquire_interruptible(&self) -> Result<SemaphorePermit<'_>> {
        self.acquire_as(Wait::Interruptible)
    }

    /// How many units there are just now.
    #[must_use]
    #[doc(alias = "sem_getvalue")]
    pub fn value(&self) -> u32 {
        self.word.load(Ordering::Relaxed) & UNITS
    }

    #[inline]
    fn acquire_as(&self, wait: Wait) -> Result<SemaphorePermit<'_>> {
        match take(&self.word, wait) {
            Ok(()) => Ok(SemaphorePermit::of(self)),
            Err(errno) => Err(Error::new("acquire", errno)),
        }
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore").field("value", &self.value()).finish()
    }
}

#[cold]
fn too_many(errno: Errno) -> Error {
    Error::new("post", errno).kind_of(ErrorKind::OutOfRange).because("a semaphore has at most 2147483647 units")
}

/// A unit of a [`Semaphore`]; gives it back when dropped. May be dropped in another thread.
#[must_use = "the unit is given back when the permit is dropped"]
pub struct SemaphorePermit<'a> {
    semaphore: &'a Semaphore,
    generation: Generation,
}

impl<'a> SemaphorePermit<'a> {
    /// The permit of a unit that was just taken.
    #[inline]
    fn of(semaphore: &'a Semaphore) -> Self {
        Self { semaphore, generation: Generation::current() }
    }

    /// The semaphore.
    #[must_use]
    pub const fn semaphore(&self) -> &'a Semaphore {
        self.semaphore
    }

    /// Keeps the unit for good: it was something to do, or somebody else posts it again.
    #[inline]
    pub fn forget(self) {
        core::mem::forget(self);
    }

    /// Gives the unit back. Does nothing in a forked child: the unit is its parent's.
    ///
    /// # Errors
    ///
    /// [`OutOfRange`](ErrorKind::OutOfRange) when there are [`MAX`](Semaphore::MAX) units, because others posted too many.
    #[inline]
    pub fn release(self) -> Result<()> {
        let result = if self.generation.is_current() { self.semaphore.post() } else { Ok(()) };
        core::mem::forget(self);
        result
    }
}

impl Drop for SemaphorePermit<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.generation.is_current() {
            // Fails when others posted too many: then there is no lack of units.
            let _ = post(&self.semaphore.word, 1);
        }
    }
}

impl fmt::Debug for SemaphorePermit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SemaphorePermit").field("semaphore", self.semaphore).finish_non_exhaustive()
    }
}

/// The units.
const UNITS: u32 = u32::MAX >> 1;
/// Somebody may sleep.
const SLEEPERS: u32 = !UNITS;

/// Adds units.
#[inline]
pub(super) fn post<W: Word>(word: &W, units: u32) -> Result<(), Errno> {
    if units == 0 {
        return Ok(());
    }
    let mut now = word.load(Ordering::Relaxed);
    loop {
        let sum = (now & UNITS).checked_add(units).filter(|&sum| sum <= UNITS);
        let sum = sum.ok_or(Errno::from_raw(libc::EOVERFLOW))?;
        // The mark goes: who is woken sets it again for the others.
        match word.compare_exchange(now, sum, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => break,
            Err(other) => now = other,
        }
    }
    if now & SLEEPERS != 0 {
        word.wake(units);
    }
    Ok(())
}

/// Takes a unit.
#[inline]
pub(super) fn take<W: Word>(word: &W, wait: Wait) -> Result<(), Errno> {
    let mut now = word.load(Ordering::Relaxed);
    while now & UNITS != 0 {
        match word.compare_exchange(now, now - 1, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => return Ok(()),
            Err(other) => now = other,
        }
    }
    take_sleeping(word, wait)
}

/// Takes a unit and marks that others may sleep.
///
/// While there are units and sleepers, somebody is awake who knows: whoever posts wakes as many as it adds units, if there is
/// the mark. When it is gone, one of those who were woken is yet to take a unit; it sets the mark again, and wakes the next
/// one if it leaves units behind, which may have been posted while there was no mark.
#[cold]
fn take_sleeping<W: Word>(word: &W, wait: Wait) -> Result<(), Errno> {
    if matches!(wait, Wait::No) {
        return Err(Errno::AGAIN);
    }
    let mut now = word.load(Ordering::Relaxed);
    loop {
        let (units, free) = (now & UNITS, now & UNITS != 0);
        let next = units.saturating_sub(1) | SLEEPERS;
        match word.compare_exchange(now, next, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) if units > 1 => word.wake(1),
            Ok(_) => {}
            Err(other) => {
                now = other;
                continue;
            }
        }
        if free {
            return Ok(());
        }
        // Whoever gives up here was not woken, and leaves the mark.
        word.wait(SLEEPERS, wait)?;
        now = word.load(Ordering::Relaxed);
    }
}
