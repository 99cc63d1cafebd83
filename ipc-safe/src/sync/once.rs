//! What is done once, by one of several processes.

use super::robust_mutex::{RobustMutex, RobustMutexGuard};
use crate::error::Result;
use crate::shared::{ShmSafe, layout_of_field};
use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Initialisation that is done once, by whichever thread or process comes first, while the others wait.
///
/// It survives the death of the one that initialises: the next one does it again, from the beginning, on what the dead one has
/// left. So does one that panics. What the initialiser wrote is seen by all that come after it.
///
/// A flag, and a [`RobustMutex`] for those who come before it is set, with what goes for that: not in several pid
/// namespaces, and no form that a signal handler ends. All-zero memory is one that is not done. When it is done, calling it
/// is one load.
///
/// A child that is forked while this process initialises is not the one that does: it may finish the closure, which completes
/// nothing.
///
/// ```
/// use ipc_safe::memory::MapOptions;
/// use ipc_safe::shared::{Shared, SharedCell};
/// use ipc_safe::sync::Once;
///
/// ipc_safe::shm_safe! {
///     struct Table {
///         ready: Once,
///         squares: SharedCell<[u64; 16]>,
///     }
/// }
///
/// let table = Shared::<Table, _>::bare(MapOptions::new().shared(4096)?)?;
/// table.ready.call_once(|| table.squares.set(&std::array::from_fn(|number| (number * number) as u64)))?;
/// table.ready.call_once(|| unreachable!())?;
/// assert_eq!(table.squares.get()[5], 25);
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [pthread_once(3)](https://man7.org/linux/man-pages/man3/pthread_once.3p.html)
#[doc(alias("pthread_once", "pthread_once_t"))]
#[repr(C)]
pub struct Once {
    /// Held by the one that initialises.
    mutex: RobustMutex<[AtomicU32; 0]>,
    state: AtomicU32,
}

#[expect(unsafe_code, reason = "the record's promise")]
// SAFETY: `repr(C)` of a record that is `ShmSafe` and an atomic; the padding behind them is never accessed, and the compiler
// assumes nothing about padding.
unsafe impl ShmSafe for Once {
    const LAYOUT: u64 = layout_of_field(4, "Once", size_of::<Self>() as u64);
}

impl Default for Once {
    fn default() -> Self {
        Self::new()
    }
}

/// Any other value, which only a foe writes, is not done.
const DONE: u32 = 1;

impl Once {
    /// One that is not done, in private memory.
    #[must_use]
    #[doc(alias = "PTHREAD_ONCE_INIT")]
    pub const fn new() -> Self {
        Self { mutex: RobustMutex::new([]), state: AtomicU32::new(0) }
    }

    /// Runs `initialise`, unless that was done before; waits while another one does. When it returns, it is done.
    ///
    /// # Errors
    ///
    /// [`Deadlock`](crate::error::ErrorKind::Deadlock) when `initialise` itself calls this; and what else
    /// [`RobustMutex::lock`] says. Then `initialise` did not run.
    #[inline]
    pub fn call_once(&self, initialise: impl FnOnce()) -> Result<()> {
        self.call_locked(|| Ok(self.mutex.lock()?.recover(|_| ())), initialise)
    }

    /// [`call_once`](Self::call_once) without waiting.
    ///
    /// # Errors
    ///
    /// Also [`WouldBlock`](crate::error::ErrorKind::WouldBlock) while another one initialises.
    #[inline]
    pub fn try_call_once(&self, initialise: impl FnOnce()) -> Result<()> {
        self.call_locked(|| Ok(self.mutex.try_lock()?.recover(|_| ())), initialise)
    }

    /// [`call_once`](Self::call_once) that waits at most so long for another one, on the monotonic clock. What `initialise`
    /// takes does not count.
    ///
    /// # Errors
    ///
    /// Also [`TimedOut`](crate::error::ErrorKind::TimedOut) when another one was not done in that time.
    #[inline]
    pub fn call_once_timeout(&self, timeout: Duration, initialise: impl FnOnce()) -> Result<()> {
        self.call_locked(|| Ok(self.mutex.lock_timeout(timeout)?.recover(|_| ())), initialise)
    }

    /// Whether it is done.
    #[inline]
    #[must_use]
    pub fn is_completed(&self) -> bool {
        self.state.load(Ordering::Acquire) == DONE
    }

    /// A holder that died has not set the flag, or was done: the flag says it all, so that the lock is always consistent.
    #[inline]
    fn call_locked<'a>(
        &'a self,
        lock: impl FnOnce() -> Result<RobustMutexGuard<'a, [AtomicU32; 0]>>,
        initialise: impl FnOnce(),
    ) -> Result<()> {
        if self.is_completed() {
            return Ok(());
        }
        let guard = lock()?;
        if self.is_completed() {
            return Ok(());
        }
        initialise();
        // A child that `initialise` forked has only a copy of the guard.
        if guard.ownership().is_some() {
            self.state.store(DONE, Ordering::Release);
        }
        Ok(())
    }
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once").field("completed", &self.is_completed()).finish_non_exhaustive()
    }
}
