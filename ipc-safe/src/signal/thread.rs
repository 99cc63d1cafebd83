//! A thread that runs ordinary code for signals.

use super::{Information, MaskGuard, SignalSet};
use crate::error::{Errno, Error, Result};
use crate::process::Generation;
use core::fmt;
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno as RawErrno;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

/// A thread that runs a closure for each signal: ordinary code, that may allocate, lock and print.
///
/// Ends when it is dropped or [stopped](Self::stop), after the closure that is running. Signals that come later wait, as long
/// as they are blocked.
///
/// ```
/// use ipc_safe::process::getpid;
/// use ipc_safe::signal::{self, Signal, SignalSet};
/// use std::sync::mpsc;
///
/// // Blocked before any thread starts, so that all threads block it.
/// let guard = SignalSet::from(Signal::HUP).block()?;
/// let (sender, receiver) = mpsc::channel();
/// let thread = guard.handle_in_thread(move |information| sender.send(information.signal).unwrap())?;
///
/// signal::to_process(getpid(), Signal::HUP)?;
/// assert_eq!(receiver.recv().unwrap(), Signal::HUP);
/// thread.stop().unwrap();
/// # Ok::<(), ipc_safe::Error>(())
/// ```
#[must_use = "the thread ends when this is dropped"]
pub struct SignalThread {
    thread: Option<JoinHandle<Result<()>>>,
    stop: Arc<OwnedFd>,
    signals: SignalSet,
    made_in: Generation,
}

impl MaskGuard {
    /// Starts a thread that takes the guard's signals and runs `handle` for each.
    ///
    /// It takes those that are sent to the process. Every thread must block them: those that are started after this guard
    /// was made, from threads that block them, do; others may take a signal away by its disposition.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::error::ErrorKind::InvalidInput) as for [`wait`](Self::wait);
    /// [`LimitReached`](crate::error::ErrorKind::LimitReached) when the process has too many descriptors,
    /// [`WouldBlock`](crate::error::ErrorKind::WouldBlock) when there are too many threads.
    pub fn handle_in_thread(&self, mut handle: impl FnMut(Information) + Send + 'static) -> Result<SignalThread> {
        self.check("pthread_create")?;
        let signals = self.signals();
        let stop =
            eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(|errno| failed("eventfd", errno))?;
        let stop = Arc::new(stop);
        let stopped = Arc::clone(&stop);
        // It blocks everything: other signals are for other threads.
        let body = move || run(signals, &stopped, &mut handle);
        let thread = super::spawn(Builder::new().name("signals".into()), SignalSet::all(), body).map_err(|error| {
            Error::new("pthread_create", Errno::from_raw(error.raw_os_error().unwrap_or(libc::EAGAIN)))
        })?;
        Ok(SignalThread { thread: Some(thread), stop, signals, made_in: Generation::current() })
    }
}

/// The thread: takes signals until it is told to stop.
fn run(signals: SignalSet, stop: &OwnedFd, handle: &mut impl FnMut(Information)) -> Result<()> {
    let guard = signals.block()?;
    let descriptor = guard.descriptor()?;
    loop {
        let source = descriptor.as_fd();
        let mut both = [PollFd::from_borrowed_fd(source, PollFlags::IN), PollFd::new(stop, PollFlags::IN)];
        match poll(&mut both, None) {
            Err(RawErrno::INTR) => continue,
            other => other.map_err(|errno| failed("poll", errno))?,
        };
        if both[1].revents().contains(PollFlags::IN) {
            return Ok(());
        }
        match descriptor.try_read() {
            Ok(information) => handle(information),
            // Another thread took it.
            Err(error) if error.is_would_block() => {}
            Err(error) => return Err(error),
        }
    }
}

impl SignalThread {
    /// The signals that it takes.
    #[must_use]
    pub const fn signals(&self) -> SignalSet {
        self.signals
    }

    /// Ends the thread, and waits for it.
    ///
    /// # Errors
    ///
    /// What the closure panicked with. In a forked child, which has no such thread, nothing is done.
    pub fn stop(mut self) -> std::thread::Result<()> {
        self.end()
    }

    fn end(&mut self) -> std::thread::Result<()> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        if !self.made_in.is_current() {
            // The handle of a thread of the parent. Neither joined nor detached, it is a few bytes that are not freed.
            core::mem::forget(thread);
            return Ok(());
        }
        // Fails only when it was told 2⁶⁴ times.
        let _ = rustix::io::write(&self.stop, &1_u64.to_ne_bytes());
        if thread.thread().id() == std::thread::current().id() {
            // Dropped by its own closure: it ends by itself.
            return Ok(());
        }
        thread.join().map(drop)
    }
}

impl Drop for SignalThread {
    fn drop(&mut self) {
        // Who wants to know that the closure panicked calls `stop`.
        let _ = crate::error::keeping_errno(|| self.end());
    }
}

impl fmt::Debug for SignalThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignalThread").field("signals", &self.signals).finish_non_exhaustive()
    }
}

fn failed(call: &'static str, errno: RawErrno) -> Error {
    Error::new(call, Errno::from_raw(errno.raw_os_error()))
}
