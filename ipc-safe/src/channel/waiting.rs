//! Waiting for the other side: spinning, sleeping, and finding out that nobody is there any more.

use super::barrier::Barrier;
use crate::error::Errno;
use crate::sync::Word;
use crate::wait::Wait;
use core::num::NonZeroU32;
use core::sync::atomic::{AtomicU32, Ordering};
use rustix::thread::futex::{self, Flags};
use std::time::{Duration, Instant};

/// How an end waits when there is nothing to receive, or no room to send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Waiting {
    /// Looks for a few microseconds, less where that was in vain lately, and then sleeps in the kernel.
    #[default]
    Blocking,
    /// Looks all the time: the shortest latency, for the price of a processor. After a while it lets others run between the
    /// looks, so that two such ends on one processor get on, slowly. The `_interruptible` forms sleep nevertheless.
    Spinning,
}

/// Why a call was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The other side is not there, and what it left is received.
    Closed,
    /// The other side wrote nonsense, now or earlier.
    Corrupt,
    /// There is nothing, or no room; and the wait ended as the number says.
    Waited(Errno),
}

/// A word that can be slept on for a while in a way that shows a signal handler.
pub(super) trait Bed: Word {
    /// Sleeps while the word is `expected`, until it is woken, a signal handler ran, or the time is over. Tells whether it was the
    /// handler.
    fn sleep(&self, expected: u32, at_most: Duration) -> bool;
}

impl Bed for AtomicU32 {
    fn sleep(&self, expected: u32, at_most: Duration) -> bool {
        let Ok(time) = at_most.try_into() else { return false };
        match futex::wait(self, Flags::empty(), expected, Some(&time)) {
            Err(rustix::io::Errno::INTR) => true,
            Ok(()) | Err(rustix::io::Errno::AGAIN | rustix::io::Errno::TIMEDOUT) => false,
            // A sandbox that forbids the call.
            Err(_) => {
                std::thread::sleep(UNFENCED.min(at_most));
                false
            }
        }
    }
}

/// Nobody wakes a sleeper when the other side dies: so long is a sleep before another look whether it lives.
pub(super) const LOOK: Duration = Duration::from_millis(100);
/// As long is one that may miss its wake-up.
const UNFENCED: Duration = Duration::from_millis(1);
/// The most looks before a sleep, some two microseconds. Under the model checker one is enough to have the path.
const MOST_LOOKS: u32 = if cfg!(test) { 1 } else { 128 };
/// Where looking was in vain, it is tried again this often.
const TRY_AGAIN: u32 = 32;
/// Looks without a pause in between that an end makes when it spins, before it lets others run: some ten microseconds.
const SPIN_LOOKS: u32 = 1000;
/// So many rounds of them come before that.
const SPIN_ROUNDS: u32 = 20;
/// Of those who only try, every so many'th in vain looks at the clock, and then perhaps at the other side.
const TRIES: NonZeroU32 = NonZeroU32::new(64).unwrap();

/// How long an end looks before it sleeps, from what it was good for lately; and when it last looked whether the other side
/// lives.
#[derive(Debug)]
pub(super) struct Patience {
    pub(super) waiting: Waiting,
    looks: u32,
    in_vain: u32,
    tries: u32,
    looked: Option<Instant>,
}

impl Patience {
    pub(super) const fn new() -> Self {
        Self { waiting: Waiting::Blocking, looks: MOST_LOOKS, in_vain: 0, tries: 0, looked: None }
    }

    /// Looks for a moment.
    fn glance<T>(&mut self, ready: &mut impl FnMut() -> Result<Option<T>, Fault>) -> Result<Option<T>, Fault> {
        let looks = if self.in_vain.is_multiple_of(TRY_AGAIN) { MOST_LOOKS } else { self.looks };
        for _ in 0..looks {
            core::hint::spin_loop();
            if let Some(value) = ready()? {
                self.looks = MOST_LOOKS;
                self.in_vain = 0;
                return Ok(Some(value));
            }
        }
        self.looks /= 2;
        self.in_vain = self.in_vain.wrapping_add(1);
        Ok(None)
    }

    /// Whether it is time for another look at the other side, for one that is not asked about often enough to look each time.
    fn is_due(&mut self) -> bool {
        self.tries = self.tries.wrapping_add(1);
        self.tries % TRIES == 0 && self.is_time()
    }

    fn is_time(&mut self) -> bool {
        let now = Instant::now();
        match self.looked {
            Some(looked) if now.duration_since(looked) < LOOK => false,
            Some(_) => {
                self.looked = Some(now);
                true
            }
            None => {
                self.looked = Some(now);
                false
            }
        }
    }
}

/// One side, as its wait sees it.
pub(super) struct Sleeper<'a, W, B> {
    /// The word that says that it sleeps.
    pub(super) waits: &'a W,
    /// What it says then.
    pub(super) mark: u32,
    pub(super) barrier: &'a B,
    pub(super) patience: &'a mut Patience,
}

impl<W: Bed, B: Barrier> Sleeper<'_, W, B> {
    /// Waits until `ready` gives a value, which it just did not. `gone` says whether the other side will not do anything any more;
    /// asked whether to find out, not only to look. What it did before it went still counts.
    #[cold]
    pub(super) fn wait<T>(
        mut self,
        wait: Wait,
        mut ready: impl FnMut() -> Result<Option<T>, Fault>,
        mut gone: impl FnMut(bool) -> bool,
    ) -> Result<T, Fault> {
        let find_out = matches!(wait, Wait::No) && self.patience.is_due();
        if gone(find_out) {
            return ready()?.ok_or(Fault::Closed);
        }
        match wait {
            Wait::No => return Err(Fault::Waited(Errno::AGAIN)),
            Wait::Interruptible => {}
            _ if self.patience.waiting == Waiting::Spinning => return self.spin(wait, ready, gone),
            _ => {}
        }
        if let Some(value) = self.patience.glance(&mut ready)? {
            return Ok(value);
        }
        let outcome = self.sleep(wait, ready, gone);
        self.waits.store(0, Ordering::Relaxed);
        outcome
    }

    fn sleep<T>(
        &mut self,
        wait: Wait,
        mut ready: impl FnMut() -> Result<Option<T>, Fault>,
        mut gone: impl FnMut(bool) -> bool,
    ) -> Result<T, Fault> {
        self.patience.looked = Some(Instant::now());
        loop {
            // Not a store: in one order with those who swap it away.
            self.waits.swap(self.mark, Ordering::AcqRel);
            let longest = if self.barrier.before_sleep() { LOOK } else { UNFENCED };
            if let Some(value) = ready()? {
                return Ok(value);
            }
            if gone(false) {
                return ready()?.ok_or(Fault::Closed);
            }
            let nap = match wait {
                Wait::Until(deadline) => deadline.saturating_duration_since(Instant::now()).min(longest),
                _ => longest,
            };
            if nap.is_zero() {
                return Err(Fault::Waited(Errno::TIMEDOUT));
            }
            let interrupted = self.waits.sleep(self.mark, nap);
            if interrupted && !wait.retries() {
                return ready()?.ok_or(Fault::Waited(Errno::INTR));
            }
            // However the sleep ended: signals may come faster than the clock.
            if self.patience.is_time() && gone(true) {
                return ready()?.ok_or(Fault::Closed);
            }
        }
    }

    fn spin<T>(
        &mut self,
        wait: Wait,
        mut ready: impl FnMut() -> Result<Option<T>, Fault>,
        mut gone: impl FnMut(bool) -> bool,
    ) -> Result<T, Fault> {
        let mut rounds = 0;
        self.patience.looked = None;
        loop {
            for _ in 0..SPIN_LOOKS {
                core::hint::spin_loop();
                if let Some(value) = ready()? {
                    return Ok(value);
                }
            }
            if gone(false) || self.patience.is_time() && gone(true) {
                return ready()?.ok_or(Fault::Closed);
            }
            if matches!(wait, Wait::Until(deadline) if deadline <= Instant::now()) {
                return ready()?.ok_or(Fault::Waited(Errno::TIMEDOUT));
            }
            rounds += 1;
            if rounds > SPIN_ROUNDS {
                rounds = SPIN_ROUNDS;
                std::thread::yield_now();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whether_the_other_side_lives_is_asked_once_in_a_while_and_not_at_first() {
        let mut patience = Patience::new();
        assert!(!patience.is_time(), "the wait has just begun");
        patience.looked = Some(Instant::now() + LOOK);
        assert!(!patience.is_time(), "that was just asked");
        let now = Instant::now();
        patience.looked = now.checked_sub(LOOK);
        assert!(patience.is_time());
        assert!(patience.looked >= Some(now), "it is noted when it was asked");
    }
}
