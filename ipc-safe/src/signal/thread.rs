//! A thread that runs ordinary code for signals.

use super::information::Fields;
use super::raw;
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
/// Ends when it is [stopped](Self::stop) or dropped, after the closure that is running; only `stop` waits for that. Signals that
/// come later wait, as long as they are blocked.
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
    thread: Option<JoinHandle<()>>,
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
        let source = raw::descriptor(signals).map_err(|errno| Error::new("signalfd", errno))?;
        let stop =
            eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(|errno| failed("eventfd", errno))?;
        let stop = Arc::new(stop);
        let stopped = Arc::clone(&stop);
        // It blocks everything: other signals are for other threads.
        let body = move || run(&source, &stopped, &mut handle);
        let thread = super::spawn(Builder::new().name("signals".into()), SignalSet::all(), body).map_err(|error| {
            Error::new("pthread_create", Errno::from_raw(error.raw_os_error().unwrap_or(libc::EAGAIN)))
        })?;
        Ok(SignalThread { thread: Some(thread), stop, signals, made_in: Generation::current() })
    }
}

/// The thread: takes signals until it is told to stop.
fn run(source: &OwnedFd, stop: &OwnedFd, handle: &mut impl FnMut(Information)) {
    loop {
        let mut both = [PollFd::new(source, PollFlags::IN), PollFd::new(stop, PollFlags::IN)];
        // It fails only when the kernel has no memory for two descriptors; then the reads tell.
        let polled = poll(&mut both, None);
        if polled.is_ok() && both[1].revents().contains(PollFlags::IN) {
            return;
        }
        // Nothing to be read: another thread took the signal.
        if let Some(information) =
            raw::read_signal(source.as_fd()).ok().and_then(|info| Fields::of_descriptor(&info).decode())
        {
            handle(information);
        }
    }
}

impl SignalThread {
    /// The signals that it takes.
    #[must_use]
    pub const fn signals(&self) -> SignalSet {
        self.signals
    }

    /// Ends the thread, and waits for it. Called by its own closure, it does not wait; in a forked child, which has no such
    /// thread, it does nothing.
    ///
    /// # Errors
    ///
    /// What the closure panicked with.
    pub fn stop(mut self) -> std::thread::Result<()> {
        match self.tell() {
            Some(thread) if thread.thread().id() != std::thread::current().id() => thread.join(),
            _ => Ok(()),
        }
    }

    /// Tells the thread to end; its handle, unless there is no such thread in this process.
    fn tell(&mut self) -> Option<JoinHandle<()>> {
        let thread = self.thread.take()?;
        if !self.made_in.is_current() {
            // The handle of a thread of the parent. Neither joined nor detached, it is a few bytes that are not freed.
            core::mem::forget(thread);
            return None;
        }
        // Fails only when it was told 2⁶⁴ times. Nobody waits for a thread that was not told.
        let told = rustix::io::retry_on_intr(|| rustix::io::write(&self.stop, &1_u64.to_ne_bytes()));
        told.is_ok().then_some(thread)
    }
}

impl Drop for SignalThread {
    fn drop(&mut self) {
        // Who wants to wait for it, or to know that the closure panicked, calls `stop`.
        crate::error::keeping_errno(|| drop(self.tell()));
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
