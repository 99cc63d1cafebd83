//! The calls for timers, with checked arguments and the error number as the error.
//!
//! Each function is safe to call with any values of its parameter types. The POSIX timers go through the system calls:
//! there the number of a timer is a number, as in the information of its signals, and not the address that C makes of
//! it.
#![expect(unsafe_code, reason = "the calls into the C library and the kernel")]

use super::{Clock, IntervalClock, Notification, Schedule};
use crate::error::Errno;
use crate::process::Pid;
use core::ffi::c_int;
use core::mem::MaybeUninit;
use ipc_sys::signal::{SIGEV_NONE, SIGEV_SIGNAL, SIGEV_THREAD_ID, sigevent, sigval};
use libc::{clockid_t, itimerspec, itimerval, timespec, timeval};
use std::time::Duration;

/// The result of a call: what it returns, or the error number.
pub(super) type Raw<T> = Result<T, Errno>;

/// -1 is failure, anything else the result.
fn returned<T: From<i8> + PartialEq>(result: T) -> Raw<T> {
    if result == T::from(-1) { Err(Errno::last()) } else { Ok(result) }
}

impl IntervalClock {
    const fn which(self) -> c_int {
        match self {
            Self::Real => libc::ITIMER_REAL as c_int,
            Self::Virtual => libc::ITIMER_VIRTUAL as c_int,
            Self::Profile => libc::ITIMER_PROF as c_int,
        }
    }
}

impl Clock {
    const fn id(self) -> clockid_t {
        match self {
            Self::Realtime => libc::CLOCK_REALTIME,
            Self::Monotonic => libc::CLOCK_MONOTONIC,
            Self::BootTime => libc::CLOCK_BOOTTIME,
            Self::Tai => libc::CLOCK_TAI,
            Self::RealtimeAlarm => libc::CLOCK_REALTIME_ALARM,
            Self::BootTimeAlarm => libc::CLOCK_BOOTTIME_ALARM,
            Self::ProcessTime => libc::CLOCK_PROCESS_CPUTIME_ID,
            Self::ThreadTime => libc::CLOCK_THREAD_CPUTIME_ID,
        }
    }
}

/// The seconds as C has them; as many as can be when there are more.
fn seconds(time: Duration) -> i64 {
    time.as_secs().try_into().unwrap_or(i64::MAX)
}

/// In whole microseconds: the times that come here are rounded.
fn to_timeval(time: Duration) -> timeval {
    timeval { tv_sec: seconds(time), tv_usec: time.subsec_micros().into() }
}

fn to_timespec(time: Duration) -> timespec {
    timespec { tv_sec: seconds(time), tv_nsec: time.subsec_nanos().into() }
}

/// A time of the kernel; one before the beginning of its clock has no place in a `Duration`.
fn duration(seconds: i64, nanoseconds: i64) -> Raw<Duration> {
    match (seconds.try_into(), nanoseconds.try_into()) {
        (Ok(seconds), Ok(nanoseconds)) if nanoseconds < 1_000_000_000 => Ok(Duration::new(seconds, nanoseconds)),
        _ => Err(Errno::RANGE),
    }
}

fn of_timeval(time: timeval) -> Raw<Duration> {
    duration(time.tv_sec, time.tv_usec.saturating_mul(1000))
}

fn of_timespec(time: timespec) -> Raw<Duration> {
    duration(time.tv_sec, time.tv_nsec)
}

fn of_itimerval(value: itimerval) -> Raw<Option<Schedule>> {
    Ok(Schedule::of_kernel(of_timeval(value.it_value)?, of_timeval(value.it_interval)?))
}

fn of_itimerspec(value: itimerspec) -> Raw<Option<Schedule>> {
    Ok(Schedule::of_kernel(of_timespec(value.it_value)?, of_timespec(value.it_interval)?))
}

/// What the first time and the interval of a timer are; zero for one that is to stand.
fn parts(schedule: Option<Schedule>) -> (Duration, Duration) {
    schedule.map_or_else(Default::default, |schedule| (schedule.first(), schedule.interval().unwrap_or_default()))
}

/// Sets an interval timer, or stops it; what was left.
pub(super) fn set_interval(clock: IntervalClock, schedule: Option<Schedule>) -> Raw<Option<Schedule>> {
    let (first, interval) = parts(schedule);
    let new = itimerval { it_value: to_timeval(first), it_interval: to_timeval(interval) };
    let mut old = MaybeUninit::<itimerval>::zeroed();
    // SAFETY: reads one `itimerval` and writes one.
    returned(unsafe { libc::setitimer(clock.which() as _, &raw const new, old.as_mut_ptr()) })?;
    // SAFETY: zeroed before the call, and integers all through: any bytes are a value.
    of_itimerval(unsafe { old.assume_init() })
}

/// What is left of an interval timer.
pub(super) fn interval(clock: IntervalClock) -> Raw<Option<Schedule>> {
    let mut value = MaybeUninit::<itimerval>::zeroed();
    // SAFETY: writes one `itimerval`.
    returned(unsafe { libc::getitimer(clock.which() as _, value.as_mut_ptr()) })?;
    // SAFETY: zeroed before the call, and integers all through: any bytes are a value.
    of_itimerval(unsafe { value.assume_init() })
}

/// The user and the system time that the process has used.
pub(super) fn processor_times() -> Raw<(Duration, Duration)> {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: writes one `rusage`.
    returned(unsafe { libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) })?;
    // SAFETY: zeroed before the call, and integers all through: any bytes are a value.
    let usage = unsafe { usage.assume_init() };
    Ok((of_timeval(usage.ru_utime)?, of_timeval(usage.ru_stime)?))
}

/// The time on a clock.
pub(super) fn time(clock: Clock) -> Raw<Duration> {
    let mut time = MaybeUninit::<timespec>::zeroed();
    // SAFETY: writes one `timespec`.
    returned(unsafe { libc::clock_gettime(clock.id(), time.as_mut_ptr()) })?;
    // SAFETY: zeroed before the call, and integers all through: any bytes are a value.
    of_timespec(unsafe { time.assume_init() })
}

/// The calling thread.
pub(super) fn thread() -> Option<Pid> {
    // SAFETY: takes no argument.
    Pid::from_raw(unsafe { libc::gettid() })
}

/// The number of a POSIX timer: the kernel's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TimerId(c_int);

impl TimerId {
    pub(super) const fn as_raw(self) -> c_int {
        self.0
    }
}

fn to_sigevent(notification: Notification) -> sigevent {
    let (how, told) = match notification {
        Notification::None => (SIGEV_NONE, None),
        Notification::Process(signal, value) => (SIGEV_SIGNAL, Some((signal, value))),
        Notification::Thread(_, signal, value) => (SIGEV_THREAD_ID, Some((signal, value))),
    };
    // SAFETY: integers, addresses and an optional function all through: zero is a value of each.
    let mut event: sigevent = unsafe { MaybeUninit::zeroed().assume_init() };
    event.sigev_notify = how as c_int;
    if let Some((signal, value)) = told {
        event.sigev_signo = signal.as_raw();
        event.sigev_value = sigval { sival_ptr: core::ptr::without_provenance_mut(value.as_u64() as usize) };
    }
    if let Notification::Thread(thread, ..) = notification {
        event.set_sigev_notify_thread_id(thread.as_raw_nonzero().get());
    }
    event
}

/// Makes a POSIX timer that stands.
pub(super) fn create(clock: Clock, notification: Notification) -> Raw<TimerId> {
    let event = to_sigevent(notification);
    let mut id: c_int = -1;
    // SAFETY: takes an integer, reads one `sigevent` and writes one `int`. The address in the event is passed on by the
    // kernel and not followed.
    returned(unsafe { libc::syscall(libc::SYS_timer_create, clock.id(), &raw const event, &raw mut id) })?;
    Ok(TimerId(id))
}

/// Sets a POSIX timer, or stops it; what was left. The first time counts from now, or from the beginning of the clock.
pub(super) fn set_timer(id: TimerId, absolute: bool, schedule: Option<Schedule>) -> Raw<Option<Schedule>> {
    let (first, interval) = parts(schedule);
    let new = itimerspec { it_value: to_timespec(first), it_interval: to_timespec(interval) };
    let flags = if absolute { libc::TIMER_ABSTIME } else { 0 };
    let mut old = MaybeUninit::<itimerspec>::zeroed();
    // SAFETY: takes two integers, reads one `itimerspec` and writes one.
    returned(unsafe { libc::syscall(libc::SYS_timer_settime, id.0, flags, &raw const new, old.as_mut_ptr()) })?;
    // SAFETY: zeroed before the call, and integers all through: any bytes are a value.
    of_itimerspec(unsafe { old.assume_init() })
}

/// What is left of a POSIX timer.
pub(super) fn timer(id: TimerId) -> Raw<Option<Schedule>> {
    let mut value = MaybeUninit::<itimerspec>::zeroed();
    // SAFETY: takes an integer and writes one `itimerspec`.
    returned(unsafe { libc::syscall(libc::SYS_timer_gettime, id.0, value.as_mut_ptr()) })?;
    // SAFETY: zeroed before the call, and integers all through: any bytes are a value.
    of_itimerspec(unsafe { value.assume_init() })
}

/// How often a POSIX timer ran out beyond the signal that was taken last.
pub(super) fn overruns(id: TimerId) -> Raw<u32> {
    // SAFETY: takes an integer.
    let overruns = returned(unsafe { libc::syscall(libc::SYS_timer_getoverrun, id.0) })?;
    Ok(overruns.try_into().unwrap_or(0))
}

/// Ends a POSIX timer.
pub(super) fn delete(id: TimerId) -> Raw<()> {
    // SAFETY: takes an integer.
    returned(unsafe { libc::syscall(libc::SYS_timer_delete, id.0) }).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_keep_what_is_below_a_second_there() {
        let time = Duration::new(3, 999_999_000);
        assert_eq!((to_timeval(time).tv_sec, to_timeval(time).tv_usec), (3, 999_999));
        assert_eq!((to_timespec(time).tv_sec, to_timespec(time).tv_nsec), (3, 999_999_000));
        assert_eq!(of_timeval(to_timeval(time)), Ok(time));
        assert_eq!(of_timespec(to_timespec(time)), Ok(time));
    }

    #[test]
    fn times_that_the_kernel_never_gives_are_errors() {
        for (seconds, nanoseconds) in [(-1, 0), (0, -1), (0, 1_000_000_000), (i64::MIN, i64::MAX)] {
            assert_eq!(duration(seconds, nanoseconds), Err(Errno::RANGE));
        }
    }
}
