//! Reading and setting an interval timer, and telling whose setting it has.

use super::schedule::MICROSECOND;
use super::{IntervalClock, Schedule, raw};
use crate::error::{Errno, Error, ErrorKind, Result};
use std::time::Duration;

/// What a guard gave to the kernel, and when that runs out for the first time. Not one point in time but two that it is
/// between: the process can be held up between the call and a look at the clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    schedule: Option<Schedule>,
    earliest: Duration,
    latest: Duration,
}

/// What was there when a guard took the timer: it goes on in thought.
#[derive(Clone, Copy, Debug)]
pub(super) struct Previous {
    schedule: Option<Schedule>,
    taken: Duration,
}

/// What is left of a timer, and two points in time that the answer is from between.
struct Reading {
    left: Option<Schedule>,
    from: Duration,
    to: Duration,
}

/// Sets the timer; what was there, and what is there now.
pub(super) fn put(clock: IntervalClock, schedule: Option<Schedule>) -> Result<(Previous, Setting)> {
    let from = clock.now()?;
    let old = raw::set_interval(clock, schedule).map_err(|errno| failed("setitimer", clock, errno))?;
    let to = clock.now()?;
    let first = schedule.map_or(Duration::ZERO, Schedule::first);
    let setting = Setting { schedule, earliest: from.saturating_add(first), latest: to.saturating_add(first) };
    Ok((Previous { schedule: old, taken: to }, setting))
}

fn read(clock: IntervalClock) -> Result<Reading> {
    let from = clock.now()?;
    let left = raw::interval(clock).map_err(|errno| failed("getitimer", clock, errno))?;
    Ok(Reading { left, from, to: clock.now()? })
}

/// The timer is not the guard's any more.
pub(super) fn gone(clock: IntervalClock, reason: &'static str) -> Error {
    let error = Error::new("setitimer", Errno::INVAL).without_errno().kind_of(ErrorKind::Removed);
    error.about(clock.to_string()).because(reason)
}

fn failed(call: &'static str, clock: IntervalClock, errno: Errno) -> Error {
    Error::new(call, errno).about(clock.to_string())
}

impl Previous {
    pub(super) const fn schedule(&self) -> Option<Schedule> {
        self.schedule
    }

    /// What there would be now. What would have run out meanwhile runs out at once; so does a real timer whose signal
    /// waited: if it still waits, the two are one.
    pub(super) fn due(&self, clock: IntervalClock) -> Result<Option<Schedule>> {
        let Some(schedule) = self.schedule else { return Ok(None) };
        let passed = clock.now()?.saturating_sub(self.taken);
        Ok(Some(schedule.with_first(schedule.first().saturating_sub(passed).max(MICROSECOND))))
    }
}

impl Setting {
    /// What is left of this setting, if the timer still has it.
    pub(super) fn left(&self, clock: IntervalClock) -> Result<Option<Schedule>> {
        let reading = read(clock)?;
        if self.explains(&reading, tolerance(clock)) {
            return Ok(reading.left);
        }
        Err(gone(clock, "other code has set the timer since; it is left as it is"))
    }

    /// Takes over from a nested setting that ended: the same schedule, a little later perhaps.
    pub(super) fn resumed_as(&mut self, now: &Self) {
        self.earliest = self.earliest.min(now.earliest);
        self.latest = self.latest.max(now.latest);
    }

    /// Whether the timer can have come to what was read by itself.
    fn explains(&self, reading: &Reading, tolerance: Duration) -> bool {
        let (mine, left) = match (self.schedule, reading.left) {
            (None, left) => return left.is_none(),
            // It ran out, unless it was stopped before its time.
            (Some(mine), None) => return mine.interval().is_none() && self.may_have_run_out(reading, tolerance),
            (Some(mine), Some(left)) => (mine, left),
        };
        let at_least = reading.from.saturating_add(left.first());
        let at_most = reading.to.saturating_add(left.first());
        let first_run =
            at_most.saturating_add(tolerance) >= self.earliest && at_least <= self.latest.saturating_add(tolerance);
        // One microsecond is what the kernel says when the time is over and it has not sent the signal yet.
        let later_run =
            self.may_have_run_out(reading, tolerance) && left.first() <= mine.interval().unwrap_or(MICROSECOND);
        left.interval() == mine.interval() && (first_run || later_run)
    }

    fn may_have_run_out(&self, reading: &Reading, tolerance: Duration) -> bool {
        reading.to.saturating_add(tolerance) >= self.earliest
    }
}

/// How far the kernel's count and the clock may differ. The kernel counts processor time another way than it shows it:
/// there the times tell nothing, and the interval has to do.
const fn tolerance(clock: IntervalClock) -> Duration {
    match clock {
        IntervalClock::Real => Duration::from_millis(1),
        IntervalClock::Virtual | IntervalClock::Profile => Duration::MAX,
    }
}
