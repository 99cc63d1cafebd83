//! When a timer runs out.

use crate::error::{Error, ErrorKind, Result};
use std::time::Duration;

/// When a timer runs out: for the first time, and how often after that. Also what was left of one.
///
/// Interval timers count microseconds, POSIX timers nanoseconds. A time between two of them is rounded up: no timer
/// runs out early.
///
/// ```
/// use ipc_safe::timer::Schedule;
/// use std::time::Duration;
///
/// let second = Duration::from_secs(1);
/// assert_eq!(Schedule::every(second), Schedule::first_then(second, second));
/// assert_eq!(Schedule::once(second).interval(), None);
/// ```
///
/// [setitimer(2)](https://man7.org/linux/man-pages/man2/setitimer.2.html)
#[doc(alias = "itimerval")]
#[doc(alias = "itimerspec")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Schedule {
    first: Duration,
    interval: Option<Duration>,
}

/// The unit of the interval timers.
pub(super) const MICROSECOND: Duration = Duration::from_micros(1);

impl Schedule {
    /// The longest time that a timer takes, about 146 years. The kernel would make more than twice as much shorter
    /// without saying so.
    pub const MAX: Duration = Duration::from_nanos(1 << 62);

    /// After this time, once.
    #[must_use]
    pub const fn once(after: Duration) -> Self {
        Self { first: after, interval: None }
    }

    /// After this time, and again and again.
    #[must_use]
    pub const fn every(interval: Duration) -> Self {
        Self::first_then(interval, interval)
    }

    /// After `first`, and then every `interval`.
    #[must_use]
    pub const fn first_then(first: Duration, interval: Duration) -> Self {
        Self { first, interval: Some(interval) }
    }

    /// The time until it runs out next.
    ///
    /// Zero only in what was left of the real interval timer: it ran out, and does not go on before its signal is
    /// delivered or taken.
    #[doc(alias = "it_value")]
    #[must_use]
    pub const fn first(self) -> Duration {
        self.first
    }

    /// The time from then on, unless it runs out once.
    #[doc(alias = "it_interval")]
    #[must_use]
    pub const fn interval(self) -> Option<Duration> {
        self.interval
    }

    /// What the kernel says: `None` for a timer that does not run.
    pub(super) fn of_kernel(first: Duration, interval: Duration) -> Option<Self> {
        let interval = (!interval.is_zero()).then_some(interval);
        (!first.is_zero() || interval.is_some()).then_some(Self { first, interval })
    }

    /// Another first time.
    pub(super) const fn with_first(self, first: Duration) -> Self {
        Self { first, interval: self.interval }
    }

    /// Rounded up to what the interval timers can count.
    pub(super) fn in_microseconds(self) -> Self {
        Self { first: in_microseconds(self.first), interval: self.interval.map(in_microseconds) }
    }

    /// That it can be given to the kernel.
    pub(super) fn check(self, call: &'static str) -> Result<Self> {
        check(call, self.first)?;
        self.interval.map_or(Ok(()), |interval| check(call, interval))?;
        Ok(self)
    }
}

/// That a time is neither none nor too long.
fn check(call: &'static str, time: Duration) -> Result<()> {
    if time.is_zero() {
        return Err(Error::invalid(call, "the time 0 would stop the timer"));
    }
    check_length(call, time)
}

/// That a time is not too long.
pub(super) fn check_length(call: &'static str, time: Duration) -> Result<()> {
    if time > Schedule::MAX {
        let error = Error::invalid(call, "a timer takes 146 years at most").kind_of(ErrorKind::OutOfRange);
        return Err(error.about(format!("{} s", time.as_secs())));
    }
    Ok(())
}

/// Rounded up. Only times that were checked come here; others would still come out as they are.
fn in_microseconds(time: Duration) -> Duration {
    let beyond = time.subsec_nanos() % 1000;
    if beyond == 0 { time } else { time.saturating_add(Duration::from_nanos(u64::from(1000 - beyond))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_up_carries_into_the_seconds() {
        let almost = Duration::new(1, 999_999_001);
        assert_eq!(in_microseconds(almost), Duration::from_secs(2));
        assert_eq!(in_microseconds(Duration::from_nanos(1)), MICROSECOND);
        assert_eq!(in_microseconds(MICROSECOND), MICROSECOND);
        assert_eq!(in_microseconds(Duration::new(7, 999_999_000)), Duration::new(7, 999_999_000));
    }

    #[test]
    fn zero_and_more_than_the_longest_are_refused_in_both_places() {
        let second = Duration::from_secs(1);
        let kind = |schedule: Schedule| schedule.check("setitimer").map_err(|error| error.kind());
        for (bad, expected) in [
            (Duration::ZERO, ErrorKind::InvalidInput),
            (Schedule::MAX + Duration::from_nanos(1), ErrorKind::OutOfRange),
            (Duration::MAX, ErrorKind::OutOfRange),
        ] {
            assert_eq!(kind(Schedule::once(bad)), Err(expected), "{bad:?}");
            assert_eq!(kind(Schedule::first_then(second, bad)), Err(expected), "{bad:?}");
            assert_eq!(kind(Schedule::first_then(bad, second)), Err(expected), "{bad:?}");
        }
        let longest = Schedule::every(Schedule::MAX);
        assert_eq!(kind(longest), Ok(longest));
    }

    #[test]
    fn what_the_kernel_says_of_a_timer_that_stands() {
        let second = Duration::from_secs(1);
        assert_eq!(Schedule::of_kernel(Duration::ZERO, Duration::ZERO), None);
        let waiting = Schedule::of_kernel(Duration::ZERO, second).unwrap();
        assert_eq!((waiting.first(), waiting.interval()), (Duration::ZERO, Some(second)));
        assert_eq!(Schedule::of_kernel(second, Duration::ZERO), Some(Schedule::once(second)));
    }
}
