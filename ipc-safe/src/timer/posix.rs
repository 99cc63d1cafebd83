//! POSIX timers.

use super::raw::{self, TimerId};
use super::schedule::check_length;
use super::{Clock, Notification, Schedule};
use crate::error::{Errno, Error, ErrorKind, Result, keeping_errno};
use crate::process::Generation;
use core::fmt;
use std::time::Duration;

/// A timer of this process, deleted when this value is dropped.
///
/// Made standing; [`set`](Self::set) and [`set_at`](Self::set_at) start it. Each has its signal at most once in the
/// queue: when it runs out again before that one is taken, this is an *overrun*, and counted. A signal that waits when
/// the timer is set anew, cancelled or deleted is dropped with it; kernels before 6.13 still deliver it.
///
/// No process inherits it: in a forked child the value does nothing, and a program that is executed does not have it.
///
/// ```
/// use ipc_safe::signal::{Origin, Signal, SignalSet, Value};
/// use ipc_safe::timer::{Clock, Notification, PosixTimer, Schedule};
/// use std::time::Duration;
///
/// let signal = Signal::real_time(1)?;
/// let signals = SignalSet::from(signal).block()?;
/// let timer = PosixTimer::new(Clock::Monotonic, Notification::this_thread(signal, 7)?)?;
/// timer.set(Schedule::every(Duration::from_millis(1)))?;
///
/// let tick = signals.wait()?;
/// assert_eq!(tick.value(), Some(Value::from(7)));
/// assert!(matches!(tick.origin, Origin::Timer { timer: number, .. } if number == timer.number()));
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [timer_create(2)](https://man7.org/linux/man-pages/man2/timer_create.2.html)
#[doc(alias = "timer_t")]
#[must_use = "the timer is deleted when this value is dropped"]
pub struct PosixTimer {
    id: TimerId,
    clock: Clock,
    notification: Notification,
    made_in: Generation,
    deleted: bool,
}

impl PosixTimer {
    /// Makes a timer that stands.
    ///
    /// # Errors
    ///
    /// [`LimitReached`](ErrorKind::LimitReached) (`EAGAIN`) when the user has as many timers and signals that wait as
    /// allowed (`RLIMIT_SIGPENDING`); [`InvalidInput`](ErrorKind::InvalidInput) when the thread to be told is none of
    /// this process; for the clocks that wake the machine [`PermissionDenied`](ErrorKind::PermissionDenied) without the
    /// right, and [`Unsupported`](ErrorKind::Unsupported) where the hardware cannot.
    #[doc(alias = "timer_create")]
    pub fn new(clock: Clock, notification: Notification) -> Result<Self> {
        let made_in = Generation::current();
        let id = raw::create(clock, notification).map_err(|errno| not_made(clock, notification, errno))?;
        Ok(Self { id, clock, notification, made_in, deleted: false })
    }

    /// What it counts.
    #[must_use]
    pub const fn clock(&self) -> Clock {
        self.clock
    }

    /// How it tells.
    #[must_use]
    pub const fn notification(&self) -> Notification {
        self.notification
    }

    /// The kernel's number of the timer, as in [`Origin::Timer`](crate::signal::Origin::Timer). Another timer may get
    /// it after this one.
    #[doc(alias = "si_timerid")]
    #[must_use]
    pub const fn number(&self) -> i32 {
        self.id.as_raw()
    }

    /// Starts it anew; what was left.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) when a time is 0, [`OutOfRange`](ErrorKind::OutOfRange) when it is
    /// longer than [`Schedule::MAX`], [`Removed`](ErrorKind::Removed) in a forked child.
    ///
    /// [timer_settime(2)](https://man7.org/linux/man-pages/man2/timer_settime.2.html)
    #[doc(alias = "timer_settime")]
    pub fn set(&self, schedule: Schedule) -> Result<Option<Schedule>> {
        self.start(false, schedule.check(SETTIME)?)
    }

    /// Starts it anew, to run out when its clock shows `time`, and then every `interval`; what was left. A time that is
    /// past already is now.
    ///
    /// # Errors
    ///
    /// As [`set`](Self::set), except that `time` may be 0.
    ///
    /// ```
    /// use ipc_safe::timer::{Clock, Notification, PosixTimer};
    /// use std::time::Duration;
    ///
    /// let timer = PosixTimer::new(Clock::BootTime, Notification::None)?;
    /// timer.set_at(Clock::BootTime.now()? + Duration::from_secs(3600), None)?;
    /// assert!(timer.remaining()?.unwrap().first() <= Duration::from_secs(3600));
    /// # Ok::<(), ipc_safe::Error>(())
    /// ```
    #[doc(alias = "TIMER_ABSTIME")]
    pub fn set_at(&self, time: Duration, interval: Option<Duration>) -> Result<Option<Schedule>> {
        check_length(SETTIME, time)?;
        // To the kernel 0 is not a time long past but a timer that stands.
        let time = time.max(EARLIEST);
        let schedule = interval.map_or(Schedule::once(time), |interval| Schedule::first_then(time, interval));
        self.start(true, schedule.check(SETTIME)?)
    }

    /// Stops it; what was left. It can be set again.
    ///
    /// # Errors
    ///
    /// Only where a system call filter forbids the call.
    pub fn cancel(&self) -> Result<Option<Schedule>> {
        if !self.made_in.is_current() {
            return Ok(None);
        }
        // One that tells nobody and stands would still have the kernel say when it would have run out (measured with 6.18):
        // it is set to a time long past instead, and has run out.
        let past = matches!(self.notification, Notification::None).then(|| Schedule::once(EARLIEST));
        raw::set_timer(self.id, true, past).map_err(|errno| self.failed(SETTIME, errno))
    }

    /// What is left. `None` when it stands: not set, run out without an interval, or in a forked child.
    ///
    /// # Errors
    ///
    /// Only where a system call filter forbids the call.
    ///
    /// [timer_gettime(2)](https://man7.org/linux/man-pages/man2/timer_gettime.2.html)
    #[doc(alias = "timer_gettime")]
    pub fn remaining(&self) -> Result<Option<Schedule>> {
        if !self.made_in.is_current() {
            return Ok(None);
        }
        raw::timer(self.id).map_err(|errno| self.failed("timer_gettime", errno))
    }

    /// How often it ran out beyond the signal that was delivered or taken last; the same as in the information of that
    /// signal.
    ///
    /// # Errors
    ///
    /// Only where a system call filter forbids the call.
    ///
    /// [timer_getoverrun(2)](https://man7.org/linux/man-pages/man2/timer_getoverrun.2.html)
    #[doc(alias = "timer_getoverrun")]
    pub fn overruns(&self) -> Result<u32> {
        if !self.made_in.is_current() {
            return Ok(0);
        }
        raw::overruns(self.id).map_err(|errno| self.failed("timer_getoverrun", errno))
    }

    /// Deletes it; what was left. Does nothing in a forked child.
    ///
    /// # Errors
    ///
    /// Only where a system call filter forbids the call. Either way the value is gone.
    ///
    /// [timer_delete(2)](https://man7.org/linux/man-pages/man2/timer_delete.2.html)
    #[doc(alias = "timer_delete")]
    pub fn stop(mut self) -> Result<Option<Schedule>> {
        let left = self.cancel();
        self.delete()?;
        left
    }

    fn start(&self, absolute: bool, schedule: Schedule) -> Result<Option<Schedule>> {
        if !self.made_in.is_current() {
            let error = self.failed(SETTIME, Errno::INVAL).without_errno().kind_of(ErrorKind::Removed);
            return Err(error.because("a forked child does not inherit its parent's timers"));
        }
        raw::set_timer(self.id, absolute, Some(schedule)).map_err(|errno| self.failed(SETTIME, errno))
    }

    /// Deletes the timer, once, and only where it is: a forked child may have another one with its number.
    fn delete(&mut self) -> Result<()> {
        if core::mem::replace(&mut self.deleted, true) || !self.made_in.is_current() {
            return Ok(());
        }
        raw::delete(self.id).map_err(|errno| self.failed("timer_delete", errno))
    }

    fn failed(&self, call: &'static str, errno: Errno) -> Error {
        Error::new(call, errno).about(format!("timer {}", self.number()))
    }
}

const SETTIME: &str = "timer_settime";

/// The earliest point in time that a timer can be set to.
const EARLIEST: Duration = Duration::from_nanos(1);

impl Drop for PosixTimer {
    fn drop(&mut self) {
        // It can fail only by a system call filter, or when foreign code deleted the timer.
        let _ = keeping_errno(|| self.delete());
    }
}

impl fmt::Debug for PosixTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PosixTimer")
            .field("number", &self.number())
            .field("clock", &self.clock)
            .field("notification", &self.notification)
            .finish_non_exhaustive()
    }
}

fn not_made(clock: Clock, notification: Notification, errno: Errno) -> Error {
    let error = Error::new("timer_create", errno).about(format!("{clock:?}, {notification:?}"));
    match (errno.as_raw(), notification) {
        (libc::EAGAIN, _) => error
            .kind_of(ErrorKind::LimitReached)
            .because("the user has as many timers and waiting signals as allowed (RLIMIT_SIGPENDING)"),
        (libc::EINVAL, Notification::Thread(..)) => error.because("this process has no such thread"),
        (libc::EPERM, _) => error.because("a timer that wakes the machine needs CAP_WAKE_ALARM"),
        (libc::EOPNOTSUPP, _) => error.because("this machine has no clock that wakes it"),
        _ => error,
    }
}
