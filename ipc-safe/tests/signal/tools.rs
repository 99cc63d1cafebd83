//! What the modules have in common: sets, expected failures, handlers that count, threads and processes that wait.

use crate::support::eventually;
use ipc_safe::error::{Errno, Error, ErrorKind, Result};
use ipc_safe::process::{Pid, getpid};
use ipc_safe::signal::{self, Signal, SignalSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Long enough that running out means a fault, short enough to wait for it.
pub(crate) const LONG: Duration = Duration::from_secs(20);
/// Short enough to wait for its end.
pub(crate) const SHORT: Duration = Duration::from_millis(20);

/// A process id that no process has: above the highest that the kernel gives.
pub(crate) fn nobody() -> Pid {
    Pid::from_raw(i32::MAX).expect("a process id")
}

pub(crate) fn pid(raw: i32) -> Pid {
    Pid::from_raw(raw).expect("a process id")
}

/// The real-time signal `SIGRTMIN + number`.
pub(crate) fn real_time(number: u8) -> Signal {
    Signal::real_time(number).expect("a real-time signal")
}

/// What the calling thread blocks, as the kernel says it.
pub(crate) fn blocked() -> SignalSet {
    let status = std::fs::read_to_string("/proc/thread-self/status").expect("a thread has a status");
    field(&status, "SigBlk:")
}

/// A set out of `/proc/PID/status`.
pub(crate) fn field(status: &str, name: &str) -> SignalSet {
    let digits = status.lines().find_map(|line| line.strip_prefix(name)).expect("a set of signals");
    SignalSet::from_bits(u64::from_str_radix(digits.trim(), 16).expect("a hexadecimal number"))
}

pub(crate) fn pending() -> SignalSet {
    signal::pending().expect("the pending signals")
}

/// Expects a failure of this kind and number, and hands the error out.
#[track_caller]
pub(crate) fn fails<T>(result: Result<T>, kind: ErrorKind, errno: i32) -> Error {
    let Err(error) = result else { panic!("succeeded, expected {kind:?}") };
    assert_eq!((error.kind(), error.errno()), (kind, Some(Errno::from_raw(errno))), "{error}");
    error
}

/// Expects that there is nothing to take.
#[track_caller]
pub(crate) fn is_empty<T>(result: Result<T>) {
    fails(result, ErrorKind::WouldBlock, libc::EAGAIN);
}

/// The calling thread's id.
pub(crate) fn gettid() -> Pid {
    // SAFETY: takes no argument and cannot fail.
    pid(unsafe { libc::gettid() })
}

pub(crate) fn uid() -> u32 {
    // SAFETY: takes no argument and cannot fail.
    unsafe { libc::getuid() }
}

static HANDLED: AtomicU32 = AtomicU32::new(0);

extern "C" fn count(_signal: i32) {
    HANDLED.fetch_add(1, Ordering::SeqCst);
}

/// How often handlers ran in this process.
pub(crate) fn handled() -> u32 {
    HANDLED.load(Ordering::SeqCst)
}

/// A handler that counts, and the action that was there before, put back in the end.
pub(crate) struct Handler {
    signal: Signal,
    before: libc::sigaction,
}

impl Handler {
    /// With `SA_RESTART` or other flags, or none.
    pub(crate) fn new(signal: Signal, flags: i32) -> Self {
        Self::of(signal, count as *const () as usize, flags)
    }

    /// The action `SIG_IGN`, `SIG_DFL`, or another handler.
    pub(crate) fn of(signal: Signal, handler: usize, flags: i32) -> Self {
        // SAFETY: an all-zero `sigaction` is a valid one.
        let (mut action, mut before): (libc::sigaction, libc::sigaction) = unsafe { std::mem::zeroed() };
        action.sa_sigaction = handler;
        action.sa_flags = flags;
        // SAFETY: the handlers of these tests do nothing but what a handler may.
        let result = unsafe { libc::sigaction(signal.as_raw(), &raw const action, &raw mut before) };
        assert_eq!(result, 0, "{signal}: {}", std::io::Error::last_os_error());
        Self { signal, before }
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        // SAFETY: the action that was there before.
        let result = unsafe { libc::sigaction(self.signal.as_raw(), &raw const self.before, std::ptr::null_mut()) };
        assert_eq!(result, 0);
    }
}

/// Returns when a thread, of this process or a forked child, sleeps in the system call of this number.
pub(crate) fn wait_until_in(call: libc::c_long, thread: Pid) {
    let path = format!("/proc/{}/syscall", thread.as_raw_nonzero());
    eventually("the thread waits in the call", || {
        let text = std::fs::read_to_string(&path);
        text.is_ok_and(|text| text.split_whitespace().next() == Some(&call.to_string()))
    });
}

/// Runs `act` in another thread once the calling thread sleeps in the system call of this number, and `body`, which is to
/// sleep, in this one. The other thread blocks all signals.
pub(crate) fn while_in<T>(call: libc::c_long, act: impl FnOnce(Pid) + Send + 'static, body: impl FnOnce() -> T) -> T {
    let sleeper = gettid();
    let other = signal::spawn(std::thread::Builder::new(), SignalSet::all(), move || {
        wait_until_in(call, sleeper);
        act(sleeper);
    });
    let result = body();
    other.expect("a thread").join().expect("the other thread did not panic");
    result
}

/// Sends a signal to a thread of this process.
pub(crate) fn to_thread(thread: Pid, signal: Signal) {
    signal::to_thread(getpid(), thread, signal).expect("a thread of this process");
}

/// Whether this process is root of the whole system, who can become any other user.
pub(crate) fn is_root() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let whole = map.split_whitespace().eq(["0", "0", "4294967295"]);
    // SAFETY: takes no argument and cannot fail.
    let root = unsafe { libc::geteuid() } == 0;
    if !(root && whole) {
        println!("skipped a part that needs root to become another user");
    }
    root && whole
}

/// The `errno` of this thread.
pub(crate) fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().expect("an error number")
}
