//! The one thing that every lock here is made of: a word of 32 bits on which the kernel lets threads sleep.

use crate::error::Errno;
use crate::wait::Wait;
use core::num::NonZeroU32;
use core::sync::atomic::{AtomicU32, Ordering};
use rustix::thread::futex::{self, Flags};
use std::time::{Duration, Instant};

/// A word of 32 bits, and sleeping on it.
///
/// The algorithms of `sync` and `channel` are written against this trait, so that a model checker can run them on words of
/// its own.
pub(crate) trait Word: Sync {
    /// How often a waiter looks before it sleeps: the holder, on another processor, may be about to let go.
    const SPINS: u32;

    fn load(&self, order: Ordering) -> u32;
    fn store(&self, value: u32, order: Ordering);
    fn swap(&self, value: u32, order: Ordering) -> u32;
    fn compare_exchange(&self, current: u32, new: u32, success: Ordering, failure: Ordering) -> Result<u32, u32>;
    fn fetch_add(&self, value: u32, order: Ordering) -> u32;
    fn fetch_sub(&self, value: u32, order: Ordering) -> u32;

    /// Sleeps while the word is `expected`, until somebody wakes it. May return early, and does when the word is another
    /// value: the caller looks again.
    ///
    /// Fails with [`Errno::AGAIN`] for [`Wait::No`], [`Errno::TIMEDOUT`] when the time is over, and [`Errno::INTR`] for
    /// [`Wait::Interruptible`] when a signal handler ran. A wake-up is never lost to one of these: who fails was not woken.
    fn wait(&self, expected: u32, wait: Wait) -> Result<(), Errno>;

    /// Wakes up to `count` sleepers.
    fn wake(&self, count: u32);

    /// Wakes a sleeper, and tells whether there was one.
    fn wake_one(&self) -> bool;

    /// Wakes all sleepers.
    fn wake_all(&self) {
        self.wake(i32::MAX.cast_unsigned());
    }
}

/// Memory that other processes map too, so never the private kind of futex.
const SHARED: Flags = Flags::empty();

impl Word for AtomicU32 {
    const SPINS: u32 = 100;

    #[inline]
    fn load(&self, order: Ordering) -> u32 {
        self.load(order)
    }

    #[inline]
    fn store(&self, value: u32, order: Ordering) {
        self.store(value, order);
    }

    #[inline]
    fn swap(&self, value: u32, order: Ordering) -> u32 {
        self.swap(value, order)
    }

    #[inline]
    fn compare_exchange(&self, current: u32, new: u32, success: Ordering, failure: Ordering) -> Result<u32, u32> {
        self.compare_exchange(current, new, success, failure)
    }

    #[inline]
    fn fetch_add(&self, value: u32, order: Ordering) -> u32 {
        self.fetch_add(value, order)
    }

    #[inline]
    fn fetch_sub(&self, value: u32, order: Ordering) -> u32 {
        self.fetch_sub(value, order)
    }

    fn wait(&self, expected: u32, wait: Wait) -> Result<(), Errno> {
        let result = match wait {
            Wait::No => return Err(Errno::AGAIN),
            Wait::Forever => futex::wait(self, SHARED, expected, None),
            Wait::Until(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(Errno::TIMEDOUT);
                }
                futex::wait(self, SHARED, expected, Some(&timespec(left)))
            }
            // With a deadline the kernel never makes an interrupted wait again by itself, whatever the handler's flags.
            Wait::Interruptible => futex::wait_bitset(self, SHARED, expected, Some(&NEVER), EVERY_WAKER),
        };
        match result {
            Ok(()) | Err(rustix::io::Errno::AGAIN) => Ok(()),
            Err(rustix::io::Errno::INTR) if wait.retries() => Ok(()),
            Err(errno @ (rustix::io::Errno::INTR | rustix::io::Errno::TIMEDOUT)) => {
                Err(Errno::from_raw(errno.raw_os_error()))
            }
            // A sandbox that forbids the call. The caller looks again, a little later.
            Err(_) => {
                std::thread::sleep(REFUSED_PAUSE);
                Ok(())
            }
        }
    }

    #[inline]
    fn wake(&self, count: u32) {
        // Fails only in a sandbox that forbids the call, where nobody sleeps in the kernel either.
        let _ = futex::wake(self, SHARED, count);
    }

    #[inline]
    fn wake_one(&self) -> bool {
        futex::wake(self, SHARED, 1).is_ok_and(|woken| woken > 0)
    }
}

/// How long a thread sleeps between two looks where the kernel refuses to put it to sleep on the word.
const REFUSED_PAUSE: Duration = Duration::from_micros(100);
const EVERY_WAKER: NonZeroU32 = NonZeroU32::MAX;
const NEVER: futex::Timespec = futex::Timespec { tv_sec: i64::MAX, tv_nsec: 0 };

/// The time as the kernel has it; one that is too long for it is as long as can be.
pub(super) fn timespec(time: Duration) -> futex::Timespec {
    time.try_into().unwrap_or(NEVER)
}
