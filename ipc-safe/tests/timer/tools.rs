//! What the modules have in common: processes of their own, timers set by other code, expected failures.

use crate::support::{Forked, fork, watchdog};
use ipc_safe::Result;
use ipc_safe::error::{Error, ErrorKind};
use ipc_safe::signal::{Information, MaskGuard, Signal, SignalSet};
use ipc_safe::timer::{IntervalClock, Schedule};
use std::io::Error as IoError;
use std::time::{Duration, Instant};

/// The three interval timers.
pub(crate) const CLOCKS: [IntervalClock; 3] = [IntervalClock::Real, IntervalClock::Virtual, IntervalClock::Profile];

/// Long enough that running out means a fault, short enough to wait for it.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// How long a test may take between setting a timer and looking at it.
const PATIENCE: Duration = Duration::from_secs(60);

/// How much more than what was set the kernel may say: a clock tick, for the timers of processor time.
const TICK: Duration = Duration::from_millis(10);

/// Runs a test in a process of its own, which has no timers, and must end without any.
pub(crate) fn alone(body: impl FnOnce()) {
    let _watchdog = watchdog();
    child(body).succeed();
}

/// A forked process that fails when `body` panics, saying why.
#[must_use]
pub(crate) fn child(body: impl FnOnce()) -> Forked {
    forked(|| {
        body();
        assert_nothing_runs();
    })
}

/// As [`child`], for one that cannot stop its timers any more; waits for its end.
pub(crate) fn child_that_ends_with_timers(body: impl FnOnce()) {
    forked(body).succeed();
}

fn forked(body: impl FnOnce()) -> Forked {
    fork(|| {
        // SAFETY: takes numbers only. A test that is ended from outside leaves no process behind.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
        body();
        0
    })
}

/// Fails when the process has a timer.
#[track_caller]
pub(crate) fn assert_nothing_runs() {
    for clock in CLOCKS {
        assert_eq!(clock.remaining().unwrap(), None, "{clock} still runs");
    }
    assert_eq!(posix_timers(), 0, "POSIX timers are left");
}

/// How many POSIX timers the process has; 0 too where the kernel does not list them.
pub(crate) fn posix_timers() -> usize {
    let list = std::fs::read_to_string("/proc/self/timers").unwrap_or_default();
    list.lines().filter(|line| line.starts_with("ID:")).count()
}

/// Blocks the signals of the interval timers in the calling thread.
pub(crate) fn blocked() -> MaskGuard {
    SignalSet::from([Signal::ALRM, Signal::VTALRM, Signal::PROF]).block().unwrap()
}

/// Takes a blocked signal, while the process uses processor time.
#[track_caller]
pub(crate) fn take(signals: &MaskGuard) -> Information {
    let deadline = Instant::now() + LONG;
    loop {
        match signals.try_wait() {
            Ok(information) => return information,
            Err(error) => assert!(error.is_would_block() && Instant::now() < deadline, "no signal: {error}"),
        }
    }
}

/// Takes the signal that a timer may have sent before it was stopped.
pub(crate) fn take_last(signals: &MaskGuard) {
    let _ = signals.try_wait();
}

pub(crate) fn hours(hours: u64) -> Duration {
    Duration::from_secs(3600 * hours)
}

/// Expects what is left of a schedule that was set a short time ago.
#[track_caller]
pub(crate) fn assert_near(left: Option<Schedule>, expected: Option<Schedule>) {
    let near = match (left, expected) {
        (None, None) => true,
        (Some(left), Some(expected)) => {
            let times = (left.first() <= expected.first() + TICK * 10) && (left.first() + PATIENCE >= expected.first());
            times && left.interval() == expected.interval()
        }
        _ => false,
    };
    assert!(near, "left {left:?}, expected {expected:?}");
}

/// Expects what is left of a time that was set a short time ago.
#[track_caller]
pub(crate) fn assert_near_time(left: Option<Duration>, expected: Duration) {
    assert_near(left.map(Schedule::once), Some(Schedule::once(expected)));
}

/// Expects a failure of this kind that the kernel had no part in.
#[track_caller]
pub(crate) fn fails_here<T>(result: Result<T>, kind: ErrorKind) -> Error {
    let Err(error) = result else { panic!("succeeded, expected {kind:?}") };
    assert_eq!((error.kind(), error.errno()), (kind, None), "{error}");
    error
}

/// Expects a failure of this kind and number.
#[track_caller]
pub(crate) fn fails<T>(result: Result<T>, kind: ErrorKind, errno: i32) -> Error {
    let Err(error) = result else { panic!("succeeded, expected {kind:?}") };
    assert_eq!((error.kind(), error.raw_os_error()), (kind, Some(errno)), "{error}");
    error
}

/// The number of the clock in C.
pub(crate) fn which(clock: IntervalClock) -> i32 {
    match clock {
        IntervalClock::Real => 0,
        IntervalClock::Virtual => 1,
        IntervalClock::Profile => 2,
    }
}

/// Sets an interval timer as code does that does not know this crate; the error number when it fails.
pub(crate) fn set_raw(which: i32, first: libc::timeval, interval: libc::timeval) -> Result<(), i32> {
    let value = libc::itimerval { it_value: first, it_interval: interval };
    // SAFETY: reads one `itimerval`.
    let result = unsafe { libc::setitimer(which as _, &raw const value, std::ptr::null_mut()) };
    if result == 0 { Ok(()) } else { Err(IoError::last_os_error().raw_os_error().unwrap()) }
}

/// Sets a timer as other code does, or stops it.
pub(crate) fn set_by_others(clock: IntervalClock, schedule: Option<Schedule>) {
    let c = |time: Duration| libc::timeval { tv_sec: time.as_secs() as _, tv_usec: time.subsec_micros().into() };
    let first = schedule.map_or(Duration::ZERO, Schedule::first);
    let interval = schedule.and_then(Schedule::interval).unwrap_or_default();
    set_raw(which(clock), c(first), c(interval)).unwrap();
}

/// Lets so much time pass.
pub(crate) fn pass(time: Duration) {
    std::thread::sleep(time);
}
