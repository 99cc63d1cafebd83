//! The interval timers of a process.

use super::claim::Claim;
use super::setting::{Previous, Setting, gone, put};
use super::{IntervalClock, Schedule};
use crate::error::{Errno, Error, Result, keeping_errno};
use crate::process::Generation;
use core::fmt;

/// An interval timer that runs until this value is dropped.
///
/// - A process has one timer of each clock, and one guard of this crate has it at a time; one that is forgotten has it for
///   good. A [nested](Self::nested) one is made from the guard, which cannot be used before the nested one has ended.
/// - What other code had running is put back when the guard ends, in a panic too: with the time that passed meanwhile
///   taken off, so that it runs out when it would have; what would have run out meanwhile runs out at once.
///   [`previous`](Self::previous) tells about it.
/// - Other code that sets the timer while the guard has it takes it away: the methods of the guard then say
///   [`Removed`](crate::error::ErrorKind::Removed), and dropping it leaves the timer as it is. Of the real timer this
///   is known to a millisecond; of the timers of processor time it is only seen when the interval differs.
/// - In a forked child, which inherits no timers, the copy of the guard does nothing. A program that is executed keeps
///   the timer.
///
/// The timer belongs to the process: the guard may go to another thread, and the signal comes to any thread that does
/// not block it. How to take the signal is said in the description of [the area](super).
///
/// ```
/// use ipc_safe::timer::{IntervalClock, IntervalTimer, Schedule};
/// use std::time::Duration;
///
/// let hour = Duration::from_secs(3600);
/// let timer = IntervalTimer::start(IntervalClock::Profile, Schedule::every(hour))?;
/// let left = timer.stop()?.unwrap();
/// assert_eq!(left.interval(), Some(hour));
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [setitimer(2)](https://man7.org/linux/man-pages/man2/setitimer.2.html)
#[doc(alias = "setitimer")]
#[must_use = "the timer stops when this value is dropped"]
pub struct IntervalTimer<'o> {
    clock: IntervalClock,
    made_in: Generation,
    ended: bool,
    setting: Setting,
    previous: Previous,
    /// The setting of the guard that this one is nested in.
    outer: Option<&'o mut Setting>,
    /// Given up after the timer is put back. A nested guard has none: the outermost keeps it.
    _claim: Option<Claim>,
}

impl IntervalTimer<'static> {
    /// Starts the timer of this clock.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::error::ErrorKind::InvalidInput) when a time is 0,
    /// [`OutOfRange`](crate::error::ErrorKind::OutOfRange) when it is longer than [`Schedule::MAX`],
    /// [`AlreadyExists`](crate::error::ErrorKind::AlreadyExists) when another guard of this process has the timer: for
    /// the real one also an [`Alarm`](super::Alarm).
    #[doc(alias = "setitimer")]
    pub fn start(clock: IntervalClock, schedule: Schedule) -> Result<Self> {
        let schedule = schedule.check("setitimer")?.in_microseconds();
        let claim = Claim::take(clock).ok_or_else(|| in_use(clock))?;
        let made_in = Generation::current();
        let (previous, setting) = put(clock, Some(schedule))?;
        Ok(Self { clock, made_in, ended: false, setting, previous, outer: None, _claim: Some(claim) })
    }
}

impl IntervalTimer<'_> {
    /// What it counts.
    #[must_use]
    pub const fn clock(&self) -> IntervalClock {
        self.clock
    }

    /// What was running when this guard took the timer: set by other code, or by the guard that this one is nested in.
    #[must_use]
    pub const fn previous(&self) -> Option<Schedule> {
        self.previous.schedule()
    }

    /// What is left. `None` when it ran out and has no interval, when it is cancelled, and in a forked child.
    ///
    /// # Errors
    ///
    /// [`Removed`](crate::error::ErrorKind::Removed) when other code has set the timer.
    #[doc(alias = "getitimer")]
    pub fn remaining(&self) -> Result<Option<Schedule>> {
        if !self.made_in.is_current() {
            return Ok(None);
        }
        self.setting.left(self.clock)
    }

    /// Starts it anew; what was left.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start) for the times, and [`Removed`](crate::error::ErrorKind::Removed) when other code has
    /// set the timer, and in a forked child.
    pub fn set(&mut self, schedule: Schedule) -> Result<Option<Schedule>> {
        let schedule = schedule.check("setitimer")?.in_microseconds();
        self.change(Some(schedule))
    }

    /// Stops it; what was left. The guard keeps the timer, for [`set`](Self::set) to start it again: what other code
    /// had running is not put back yet.
    ///
    /// Other code that sets the timer now and stops it again goes unnoticed: it stands, as the guard left it.
    ///
    /// # Errors
    ///
    /// [`Removed`](crate::error::ErrorKind::Removed) when other code has set the timer.
    pub fn cancel(&mut self) -> Result<Option<Schedule>> {
        if !self.made_in.is_current() {
            return Ok(None);
        }
        self.change(None)
    }

    /// Uses the same timer for something else. The schedule of this guard goes on when the nested guard ends, with the
    /// time that passed meanwhile taken off; if it would have run out meanwhile, it runs out then.
    ///
    /// # Errors
    ///
    /// As [`set`](Self::set).
    ///
    /// ```
    /// use ipc_safe::timer::{IntervalClock, IntervalTimer, Schedule};
    /// use std::time::Duration;
    ///
    /// let hours = |hours: u64| Schedule::once(Duration::from_secs(3600 * hours));
    /// let mut outer = IntervalTimer::start(IntervalClock::Real, hours(2))?;
    /// let inner = outer.nested(hours(1))?;
    /// assert!(inner.remaining()?.unwrap().first() <= hours(1).first());
    /// drop(inner);
    /// assert!(outer.remaining()?.unwrap().first() > hours(1).first());
    /// # Ok::<(), ipc_safe::Error>(())
    /// ```
    pub fn nested(&mut self, schedule: Schedule) -> Result<IntervalTimer<'_>> {
        let schedule = schedule.check("setitimer")?.in_microseconds();
        let (previous, setting) = self.replace(Some(schedule))?;
        let (clock, made_in, outer) = (self.clock, self.made_in, Some(&mut self.setting));
        Ok(IntervalTimer { clock, made_in, ended: false, setting, previous, outer, _claim: None })
    }

    /// Ends the guard: puts back what was there before; what was left. Does nothing in a forked child.
    ///
    /// # Errors
    ///
    /// [`Removed`](crate::error::ErrorKind::Removed) when other code has set the timer: it is left as it is. Either way
    /// the guard is gone.
    pub fn stop(mut self) -> Result<Option<Schedule>> {
        self.end()
    }

    /// Gives this guard another setting; what was left.
    fn change(&mut self, schedule: Option<Schedule>) -> Result<Option<Schedule>> {
        let (previous, setting) = self.replace(schedule)?;
        self.setting = setting;
        Ok(previous.schedule())
    }

    /// Gives the timer another setting, if it still has that of this guard.
    fn replace(&self, schedule: Option<Schedule>) -> Result<(Previous, Setting)> {
        if !self.made_in.is_current() {
            return Err(gone(self.clock, "a forked child does not inherit its parent's timer"));
        }
        self.setting.left(self.clock)?;
        put(self.clock, schedule)
    }

    fn end(&mut self) -> Result<Option<Schedule>> {
        if core::mem::replace(&mut self.ended, true) || !self.made_in.is_current() {
            return Ok(None);
        }
        let (left, resumed) = self.replace(self.previous.due(self.clock)?)?;
        if let Some(outer) = &mut self.outer {
            outer.resumed_as(&resumed);
        }
        Ok(left.schedule())
    }
}

impl Drop for IntervalTimer<'_> {
    fn drop(&mut self) {
        // An error means that the timer is not ours any more, or that a system call filter forbids the call.
        let _ = keeping_errno(|| self.end());
    }
}

impl fmt::Debug for IntervalTimer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntervalTimer")
            .field("clock", &self.clock)
            .field("previous", &self.previous())
            .finish_non_exhaustive()
    }
}

fn in_use(clock: IntervalClock) -> Error {
    let error = Error::new("setitimer", Errno::EXIST).without_errno().about(clock.to_string());
    error.because(match clock {
        IntervalClock::Real => {
            "another guard of this process has it (alarms are guards of it too); nest within that guard"
        }
        _ => "another guard of this process has it; nest within that guard",
    })
}
