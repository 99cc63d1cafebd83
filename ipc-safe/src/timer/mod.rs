//! Timers that send signals: the alarm, the three interval timers of a process, POSIX timers.
//!
//! | | how many | counts | tells by |
//! |---|---|---|---|
//! | [`Alarm`], [`IntervalTimer`] of [`IntervalClock::Real`] | one a process, shared by both | real time | `SIGALRM` |
//! | [`IntervalTimer`] of [`IntervalClock::Virtual`] | one a process | its user time | `SIGVTALRM` |
//! | [`IntervalTimer`] of [`IntervalClock::Profile`] | one a process | its user and system time | `SIGPROF` |
//! | [`PosixTimer`] | many | a [`Clock`] | any signal, with a value, to the process or to one thread; or nothing |
//!
//! What goes wrong with timers, and what this area does about it:
//!
//! - The signals of timers end a process that says nothing about them. **Block the signal in all threads, before it can
//!   come, and wait for it**, as below; or have a handler for it. A signal that came stays when the timer is stopped:
//!   take it before it is unblocked.
//! - `alarm` and `ITIMER_REAL` are one timer, and whoever sets it stops what others had set. A guard keeps that, and
//!   puts it back with the time that passed meanwhile taken off. A second guard for the same timer is an error;
//!   [nesting](IntervalTimer::nested) is a call of its own.
//! - A time of 0 stops a timer instead of letting it run out, and the C structures take microseconds and nanoseconds
//!   that must stay below a second. Here a time is a [`Duration`](std::time::Duration) in a [`Schedule`], and 0 is an
//!   error.
//! - No timer is inherited by `fork`, but the values that stand for them are copied: in a forked child they do nothing,
//!   even where the child has another timer with the same number. `exec` keeps the interval timers and ends the POSIX
//!   timers.
//!
//! ```
//! use ipc_safe::signal::{Signal, SignalSet};
//! use ipc_safe::timer::{IntervalClock, IntervalTimer, Schedule};
//! use std::time::Duration;
//!
//! let signals = SignalSet::from(Signal::ALRM).block()?; // in `main`, before the first thread is started
//! let schedule = Schedule::every(Duration::from_millis(1));
//! let timer = IntervalTimer::start(IntervalClock::Real, schedule)?;
//! for _ in 0..3 {
//!     let tick = signals.wait_timeout(Duration::from_secs(60))?;
//!     assert_eq!(tick.signal, Signal::ALRM);
//! }
//! timer.stop()?;
//! let _ = signals.try_wait(); // the last tick, if it came before the timer was stopped
//! # Ok::<(), ipc_safe::Error>(())
//! ```
//!
//! A program built around `poll` has more from a signal [descriptor](crate::signal::SignalDescriptor), or from the
//! timer descriptors of rustix, which need no signal at all.
//!
//! [time(7)](https://man7.org/linux/man-pages/man7/time.7.html)

mod alarm;
mod claim;
mod clock;
mod interval;
mod notification;
mod posix;
mod raw;
mod schedule;
mod setting;

pub use alarm::Alarm;
pub use clock::{Clock, IntervalClock};
pub use interval::IntervalTimer;
pub use notification::Notification;
pub use posix::PosixTimer;
pub use schedule::Schedule;
