//! The storm.

use crate::support::{Forked, fork, watchdog};
use ipc_safe::error::{Error, ErrorKind, Result};
use ipc_safe::process::{Pid, getpid};
use ipc_safe::signal::{self, Counter, Handler, HandlerOptions, Signal};
use std::time::{Duration, Instant};

/// Long enough that running out means a fault.
pub(crate) const LONG: Duration = Duration::from_secs(20);
/// Short enough to wait for its end, and long enough for many signals.
pub(crate) const SHORT: Duration = Duration::from_millis(30);

const PERIOD_US: i64 = 200;

/// Signals that come from now on, until it is dropped.
pub(crate) struct Storm {
    // Ends before the handlers do.
    _sender: Forked,
    timer: Handler<Counter>,
    sent: Handler<Counter>,
}

impl Storm {
    fn begin(restart: bool) -> Self {
        let options = HandlerOptions::new().restart(restart);
        let (timer, sent) = (options.count(Signal::ALRM).unwrap(), options.count(Signal::USR1).unwrap());
        set_timer(PERIOD_US);
        let target = getpid();
        Self { timer, sent, _sender: fork(move || send_for_ever(target)) }
    }

    /// How many of each kind came; of the kind that came less often.
    pub(crate) fn signals(&self) -> u64 {
        self.timer.count().min(self.sent.count())
    }
}

impl Drop for Storm {
    fn drop(&mut self) {
        set_timer(0);
    }
}

fn set_timer(period_us: i64) {
    let time = libc::timeval { tv_sec: 0, tv_usec: period_us };
    let timer = libc::itimerval { it_interval: time, it_value: time };
    // SAFETY: reads one `itimerval`.
    assert_eq!(unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut()) }, 0);
}

fn send_for_ever(target: Pid) -> i32 {
    // SAFETY: takes numbers only. A test that is ended from outside leaves no child behind.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    while signal::to_process(target, Signal::USR1).is_ok() {
        std::thread::sleep(Duration::from_micros(PERIOD_US.cast_unsigned()));
    }
    0
}

/// Runs `body` in a child over which there is a storm, with each kind of handler.
pub(crate) fn in_storm(body: impl Fn(&Storm)) {
    let _watchdog = watchdog();
    for restart in [true, false] {
        let child = fork(|| {
            let storm = Storm::begin(restart);
            // A storm that was none proves nothing.
            while storm.signals() <= 20 {
                body(&storm);
            }
            0
        });
        child.succeed();
    }
}

/// Expects that an interruptible call that has nothing to wait for is interrupted, every time.
pub(crate) fn is_interrupted<T>(mut call: impl FnMut() -> Result<T>) {
    for _ in 0..50 {
        let Err(error) = call() else { panic!("succeeded, expected an interruption") };
        assert!(error.is_interrupted(), "{error}");
    }
}

/// Makes a call that may be interrupted until it is not.
pub(crate) fn at_last<T, E: Into<Error>>(mut call: impl FnMut() -> Result<T, E>) -> T {
    loop {
        match call().map_err(Into::into) {
            Ok(value) => return value,
            Err(error) => assert!(error.is_interrupted(), "{error}"),
        }
    }
}

/// Expects that the call runs out of its time, not before it.
pub(crate) fn times_out<T>(call: impl FnOnce() -> Result<T>) {
    let start = Instant::now();
    let Err(error) = call() else { panic!("succeeded, expected the end of the time") };
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
    assert!((SHORT..LONG).contains(&start.elapsed()));
}
