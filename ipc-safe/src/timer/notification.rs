//! How a POSIX timer tells that it ran out.

use super::raw;
use crate::error::{Errno, Error, Result};
use crate::process::Pid;
use crate::signal::{Signal, Value};

/// How a [`PosixTimer`](super::PosixTimer) tells that it ran out.
///
/// C's `SIGEV_THREAD` is not among them: for it the C library has a thread that waits for a signal of its own, and
/// starts another thread each time. A thread that [waits](crate::signal::MaskGuard::wait) for the timer's signal runs
/// any closure, and a new thread is not what each tick needs.
///
/// [sigevent(7)](https://man7.org/linux/man-pages/man7/sigevent.7.html)
#[doc(alias = "sigevent")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notification {
    /// Not at all: it is [asked](super::PosixTimer::remaining).
    #[doc(alias = "SIGEV_NONE")]
    None,
    /// With a signal to the process: any thread that does not block it may get it, or take it.
    #[doc(alias = "SIGEV_SIGNAL")]
    Process(Signal, Value),
    /// With a signal to the thread of this process that has this thread id. Once that thread has ended, to nobody.
    #[doc(alias = "SIGEV_THREAD_ID")]
    Thread(Pid, Signal, Value),
}

impl Notification {
    /// With a signal to the process, and a value that goes with it.
    #[must_use]
    pub fn process(signal: Signal, value: impl Into<Value>) -> Self {
        Self::Process(signal, value.into())
    }

    /// With a signal to a thread of this process, and a value that goes with it.
    #[must_use]
    pub fn thread(thread: Pid, signal: Signal, value: impl Into<Value>) -> Self {
        Self::Thread(thread, signal, value.into())
    }

    /// With a signal to the calling thread, and a value that goes with it.
    ///
    /// # Errors
    ///
    /// Only where a system call filter forbids asking for the thread's id.
    #[doc(alias = "gettid")]
    pub fn this_thread(signal: Signal, value: impl Into<Value>) -> Result<Self> {
        let thread = raw::thread().ok_or_else(|| Error::new("gettid", Errno::NOSYS))?;
        Ok(Self::thread(thread, signal, value))
    }
}
