//! Which guard has an interval timer.

use super::IntervalClock;
use crate::process::Generation;
use core::sync::atomic::{AtomicU64, Ordering};

/// For each clock the generation of the process whose guard has the timer; 0 for none. What a forked child finds here
/// is its parent's number, and as good as 0: it has not inherited the timer.
static HOLDERS: [AtomicU64; 3] = [const { AtomicU64::new(0) }; 3];

/// An interval timer of this process, for one guard at a time.
#[derive(Debug)]
pub(super) struct Claim {
    clock: IntervalClock,
    made_in: Generation,
}

impl Claim {
    /// The timer of this clock, unless another guard of this process has it.
    pub(super) fn take(clock: IntervalClock) -> Option<Self> {
        let made_in = Generation::current();
        let holder = holder(clock);
        let seen = holder.load(Ordering::Relaxed);
        if seen == made_in.number() {
            return None;
        }
        // Of two threads that see the same, one wins.
        let taken = holder.compare_exchange(seen, made_in.number(), Ordering::Acquire, Ordering::Relaxed);
        taken.ok().map(|_| Self { clock, made_in })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // In a forked child the word may already say that the child's own guard has its own timer.
        if self.made_in.is_current() {
            holder(self.clock).store(0, Ordering::Release);
        }
    }
}

const fn holder(clock: IntervalClock) -> &'static AtomicU64 {
    &HOLDERS[clock as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_for_each_clock() {
        let first = Claim::take(IntervalClock::Virtual).unwrap();
        assert!(Claim::take(IntervalClock::Virtual).is_none());
        assert!(Claim::take(IntervalClock::Profile).is_some());
        drop(first);
        assert!(Claim::take(IntervalClock::Virtual).is_some());
    }

    #[test]
    fn one_of_many_threads_gets_it() {
        // No other test of this program uses this clock.
        for _ in 0..100 {
            let claims: Vec<_> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| Claim::take(IntervalClock::Real))).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert_eq!(claims.iter().flatten().count(), 1);
        }
    }
}
