//! What timers count.

use super::raw;
use super::schedule::Schedule;
use crate::error::{Error, Result};
use crate::signal::Signal;
use core::fmt;
use std::time::Duration;

/// What an interval timer counts. A process has one timer of each.
///
/// [setitimer(2)](https://man7.org/linux/man-pages/man2/setitimer.2.html)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IntervalClock {
    /// Real time. Its signal is `SIGALRM`. This timer is also that of `alarm`.
    ///
    /// While its signal is blocked and waits, a periodic one stands; it goes on in its old rhythm once the signal is
    /// delivered or taken.
    #[doc(alias = "ITIMER_REAL")]
    Real,
    /// The time that the process, all its threads together, runs in user mode. Its signal is `SIGVTALRM`.
    #[doc(alias = "ITIMER_VIRTUAL")]
    Virtual,
    /// The time that the process runs in user mode or in the kernel. Its signal is `SIGPROF`.
    #[doc(alias = "ITIMER_PROF")]
    Profile,
}

impl IntervalClock {
    /// The signal by which its timer tells.
    #[must_use]
    pub const fn signal(self) -> Signal {
        match self {
            Self::Real => Signal::ALRM,
            Self::Virtual => Signal::VTALRM,
            Self::Profile => Signal::PROF,
        }
    }

    /// What is left of its timer, whoever set it. `None` when it does not run.
    ///
    /// The timers of processor time say up to a clock tick (10 ms) more than they were set to.
    ///
    /// # Errors
    ///
    /// Only where a system call filter forbids the call.
    ///
    /// ```
    /// use ipc_safe::timer::IntervalClock;
    ///
    /// assert_eq!(IntervalClock::Profile.remaining()?, None); // nobody profiles this program
    /// # Ok::<(), ipc_safe::Error>(())
    /// ```
    ///
    /// [getitimer(2)](https://man7.org/linux/man-pages/man2/getitimer.2.html)
    #[doc(alias = "getitimer")]
    pub fn remaining(self) -> Result<Option<Schedule>> {
        raw::interval(self).map_err(|errno| Error::new("getitimer", errno).about(self.to_string()))
    }

    /// The time on this clock, for differences. That of the processor is near to what the kernel counts, and not equal.
    pub(super) fn now(self) -> Result<Duration> {
        match self {
            Self::Real => Clock::Monotonic.now(),
            Self::Virtual | Self::Profile => {
                let (user, system) = raw::processor_times().map_err(|errno| Error::new("getrusage", errno))?;
                Ok(if self == Self::Virtual { user } else { user + system })
            }
        }
    }
}

/// `the real timer`, `the virtual timer`, `the profile timer`.
impl fmt::Display for IntervalClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Real => "the real timer",
            Self::Virtual => "the virtual timer",
            Self::Profile => "the profile timer",
        })
    }
}

/// What a [`PosixTimer`](super::PosixTimer) counts.
///
/// [clock_gettime(2)](https://man7.org/linux/man-pages/man2/clock_gettime.2.html)
#[doc(alias = "clockid_t")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Clock {
    /// The time of day, from the beginning of 1970. It jumps when it is set, and a timer for a point in time with it.
    #[doc(alias = "CLOCK_REALTIME")]
    Realtime,
    /// The time since some point in the past; it does not jump, and stands while the machine sleeps.
    #[doc(alias = "CLOCK_MONOTONIC")]
    Monotonic,
    /// As [`Monotonic`](Self::Monotonic), and goes on while the machine sleeps.
    #[doc(alias = "CLOCK_BOOTTIME")]
    BootTime,
    /// The time of day without leap seconds.
    #[doc(alias = "CLOCK_TAI")]
    Tai,
    /// As [`Realtime`](Self::Realtime), and the timer wakes a machine that sleeps: with `CAP_WAKE_ALARM`, where the
    /// hardware can.
    #[doc(alias = "CLOCK_REALTIME_ALARM")]
    RealtimeAlarm,
    /// As [`BootTime`](Self::BootTime), and the timer wakes a machine that sleeps: with `CAP_WAKE_ALARM`, where the
    /// hardware can.
    #[doc(alias = "CLOCK_BOOTTIME_ALARM")]
    BootTimeAlarm,
    /// The time that the process, all its threads together, uses of the processors.
    #[doc(alias = "CLOCK_PROCESS_CPUTIME_ID")]
    ProcessTime,
    /// The time that a thread uses of the processors: the one that makes the timer, or asks for the time.
    #[doc(alias = "CLOCK_THREAD_CPUTIME_ID")]
    ThreadTime,
}

impl Clock {
    /// The time on this clock: what [`set_at`](super::PosixTimer::set_at) counts from.
    ///
    /// # Errors
    ///
    /// [`OutOfRange`](crate::error::ErrorKind::OutOfRange) when the time of day is before 1970.
    ///
    /// ```
    /// use ipc_safe::timer::Clock;
    ///
    /// let before = Clock::BootTime.now()?;
    /// assert!(before <= Clock::BootTime.now()?);
    /// # Ok::<(), ipc_safe::Error>(())
    /// ```
    ///
    /// [clock_gettime(2)](https://man7.org/linux/man-pages/man2/clock_gettime.2.html)
    #[doc(alias = "clock_gettime")]
    pub fn now(self) -> Result<Duration> {
        // The clocks that wake the machine show the time of those without.
        let shown = match self {
            Self::RealtimeAlarm => Self::Realtime,
            Self::BootTimeAlarm => Self::BootTime,
            other => other,
        };
        raw::time(shown).map_err(|errno| Error::new("clock_gettime", errno).about(format!("{self:?}")))
    }
}
