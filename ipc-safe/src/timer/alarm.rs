//! The alarm clock of a process.

use super::{IntervalClock, IntervalTimer, Schedule};
use crate::error::Result;
use core::fmt;
use std::time::Duration;

/// An alarm: `SIGALRM` once, after some time, unless this value is dropped before.
///
/// It is the [real interval timer](IntervalClock::Real) of the process, with all that is said of [that
/// guard](IntervalTimer): there is one, a second guard is an error, and what other code had running goes on when this
/// one ends. C's `alarm` counts whole seconds; this one counts microseconds, and rounds up to them.
///
/// ```
/// use ipc_safe::signal::{Signal, SignalSet};
/// use ipc_safe::timer::Alarm;
/// use std::time::Duration;
///
/// let signals = SignalSet::from(Signal::ALRM).block()?; // in `main`, before the first thread is started
/// let mut alarm = Alarm::after(Duration::from_secs(10))?;
/// let left = alarm.set(Duration::from_millis(5))?;
/// assert!(left <= Some(Duration::from_secs(10)));
/// assert_eq!(signals.wait()?.signal, Signal::ALRM);
/// assert_eq!(alarm.stop()?, None); // it had run out
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [alarm(2)](https://man7.org/linux/man-pages/man2/alarm.2.html)
#[doc(alias = "alarm")]
#[doc(alias = "ualarm")]
#[must_use = "the alarm is cancelled when this value is dropped"]
pub struct Alarm<'o>(IntervalTimer<'o>);

impl Alarm<'static> {
    /// Sets the alarm.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::error::ErrorKind::InvalidInput) when the time is 0,
    /// [`OutOfRange`](crate::error::ErrorKind::OutOfRange) when it is longer than [`Schedule::MAX`],
    /// [`AlreadyExists`](crate::error::ErrorKind::AlreadyExists) when another guard of this process has the timer:
    /// another alarm, or a real interval timer.
    pub fn after(time: Duration) -> Result<Self> {
        IntervalTimer::start(IntervalClock::Real, Schedule::once(time)).map(Self)
    }
}

impl Alarm<'_> {
    /// What was running when this guard took the timer: set by other code, or by the guard that this one is nested in.
    #[must_use]
    pub const fn previous(&self) -> Option<Schedule> {
        self.0.previous()
    }

    /// The time that is left. `None` when it ran out, when it is cancelled, and in a forked child.
    ///
    /// # Errors
    ///
    /// [`Removed`](crate::error::ErrorKind::Removed) when other code has set the timer.
    pub fn remaining(&self) -> Result<Option<Duration>> {
        self.0.remaining().map(time)
    }

    /// Sets it anew; the time that was left.
    ///
    /// # Errors
    ///
    /// As [`after`](Self::after) for the time, and [`Removed`](crate::error::ErrorKind::Removed) when other code has
    /// set the timer, and in a forked child.
    pub fn set(&mut self, after: Duration) -> Result<Option<Duration>> {
        self.0.set(Schedule::once(after)).map(time)
    }

    /// Cancels it; the time that was left. The guard keeps the timer, for [`set`](Self::set).
    ///
    /// # Errors
    ///
    /// [`Removed`](crate::error::ErrorKind::Removed) when other code has set the timer.
    pub fn cancel(&mut self) -> Result<Option<Duration>> {
        self.0.cancel().map(time)
    }

    /// Another alarm in place of this one, which goes on when the nested one ends. See [`IntervalTimer::nested`].
    ///
    /// # Errors
    ///
    /// As [`set`](Self::set).
    pub fn nested(&mut self, after: Duration) -> Result<Alarm<'_>> {
        self.0.nested(Schedule::once(after)).map(Alarm)
    }

    /// Ends the guard: cancels the alarm and puts back what was there before; the time that was left. Does nothing in a
    /// forked child.
    ///
    /// # Errors
    ///
    /// [`Removed`](crate::error::ErrorKind::Removed) when other code has set the timer: it is left as it is. Either way
    /// the guard is gone.
    pub fn stop(self) -> Result<Option<Duration>> {
        self.0.stop().map(time)
    }
}

impl fmt::Debug for Alarm<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alarm").field("previous", &self.previous()).finish_non_exhaustive()
    }
}

fn time(left: Option<Schedule>) -> Option<Duration> {
    left.map(Schedule::first)
}
