//! Waiting for children.

use super::raw::{self, Id};
use super::{ChildStatus, Pid};
use crate::error::{Errno, Error, ErrorKind, Result};
use crate::wait::{Backoff, Wait, uninterrupted, until_readable};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::process::{PidfdFlags, pidfd_open};
use std::time::{Duration, Instant};

/// What happened to a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ChildEvent {
    /// Its process id. Once the child is waited for, another process may get it.
    pub pid: Pid,
    /// Its real user id.
    pub uid: u32,
    /// What happened.
    pub status: ChildStatus,
}

/// Some children of this process, and which of their changes are waited for: their end, and on demand that they stop or go
/// on.
///
/// A child that has ended is a *zombie* until it was waited for. Only one waiter gets its status: a
/// [`std::process::Child`] that was waited for here does not get it any more.
///
/// ```
/// use ipc_safe::process::{ChildStatus, Children, Pid};
/// use std::process::Command;
///
/// let child = Command::new("sh").args(["-c", "exit 7"]).spawn().unwrap();
/// let event = Children::pid(Pid::from_child(&child)).wait()?;
/// assert_eq!(event.status, ChildStatus::Exited(7));
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [waitid(2)](https://man7.org/linux/man-pages/man2/waitid.2.html)
#[doc(alias = "waitid")]
#[doc(alias = "waitpid")]
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing is waited for until one of the waiting calls"]
pub struct Children<'fd> {
    id: Id<'fd>,
    stopped: bool,
    continued: bool,
    keep: bool,
}

impl Children<'static> {
    /// Every child, also those that other parts of the program started and wait for.
    #[doc(alias = "P_ALL")]
    pub const fn all() -> Self {
        Self::of(Id::All)
    }

    /// One child.
    #[doc(alias = "P_PID")]
    pub const fn pid(pid: Pid) -> Self {
        Self::of(Id::Pid(pid))
    }

    /// The children in a process group.
    #[doc(alias = "P_PGID")]
    pub const fn group(group: Pid) -> Self {
        Self::of(Id::Group(Some(group)))
    }

    /// The children in the process group of the caller.
    #[doc(alias = "P_PGID")]
    pub const fn own_group() -> Self {
        Self::of(Id::Group(None))
    }
}

impl<'fd> Children<'fd> {
    /// The child that a pid descriptor names.
    #[doc(alias = "P_PIDFD")]
    pub const fn pidfd(child: BorrowedFd<'fd>) -> Self {
        Self::of(Id::Descriptor(child))
    }

    const fn of(id: Id<'fd>) -> Self {
        Self { id, stopped: false, continued: false, keep: false }
    }

    /// Also when one stops.
    #[doc(alias = "WSTOPPED")]
    #[doc(alias = "WUNTRACED")]
    pub const fn stopped(mut self, stopped: bool) -> Self {
        self.stopped = stopped;
        self
    }

    /// Also when one that was stopped goes on.
    #[doc(alias = "WCONTINUED")]
    pub const fn continued(mut self, continued: bool) -> Self {
        self.continued = continued;
        self
    }

    /// Leaves the child as it is: whoever waits next gets the same.
    #[doc(alias = "WNOWAIT")]
    pub const fn keep(mut self, keep: bool) -> Self {
        self.keep = keep;
        self
    }

    /// Waits until something happened to one of them.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) (`ECHILD`) when there is no such child any more: it never was one, somebody else
    /// waited for it, or this process ignores `SIGCHLD`, so that children leave no status. Its status cannot be known.
    pub fn wait(&self) -> Result<ChildEvent> {
        self.wait_as(Wait::Forever)
    }

    /// What happened to one of them already.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](ErrorKind::WouldBlock) when nothing happened, otherwise as [`wait`](Self::wait).
    #[doc(alias = "WNOHANG")]
    pub fn try_wait(&self) -> Result<ChildEvent> {
        self.wait_as(Wait::No)
    }

    /// As [`wait`](Self::wait), at most so long.
    ///
    /// The kernel has no such call. The end of one child is waited for by a pid descriptor; anything else by looking again and
    /// again, with pauses of at most a millisecond.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](ErrorKind::TimedOut), otherwise as [`wait`](Self::wait).
    pub fn wait_timeout(&self, timeout: Duration) -> Result<ChildEvent> {
        self.wait_as(Wait::at_most(timeout))
    }

    /// As [`wait`](Self::wait), until a signal handler has run.
    ///
    /// # Errors
    ///
    /// [`Interrupted`](ErrorKind::Interrupted), otherwise as [`wait`](Self::wait).
    pub fn wait_interruptible(&self) -> Result<ChildEvent> {
        self.wait_as(Wait::Interruptible)
    }

    /// Everything that happened to them already, without waiting. Nothing is lost when their signals merged: the children are
    /// asked, not the signals.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) with [`keep`](Self::keep), which would give the same without end. That there
    /// are no such children is no error.
    pub fn reap(&self) -> Result<Vec<ChildEvent>> {
        if self.keep {
            return Err(Error::invalid("waitid", "children that are kept give the same event without end"));
        }
        let mut events = Vec::new();
        loop {
            match self.try_wait() {
                Ok(event) => events.push(event),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotFound) => return Ok(events),
                Err(error) => return Err(error),
            }
        }
    }

    fn wait_as(&self, wait: Wait) -> Result<ChildEvent> {
        let result = match wait {
            Wait::Forever | Wait::Interruptible => uninterrupted(wait, || self.ask(false)),
            Wait::No => self.ask_at_once(),
            Wait::Until(deadline) => return self.wait_until(deadline),
        };
        self.answer(result)
    }

    fn answer(&self, result: raw::Raw<Option<ChildEvent>>) -> Result<ChildEvent> {
        match result {
            Ok(Some(event)) => Ok(event),
            Ok(None) => Err(Error::new("waitid", Errno::AGAIN)),
            Err(errno) => Err(self.failed(errno)),
        }
    }

    /// As [`ask`](Self::ask), without waiting: no signal interrupts that, but a sandbox may say so.
    fn ask_at_once(&self) -> raw::Raw<Option<ChildEvent>> {
        uninterrupted(Wait::No, || self.ask(true))
    }

    fn ask(&self, at_once: bool) -> raw::Raw<Option<ChildEvent>> {
        let switches = [
            (true, libc::WEXITED),
            (self.stopped, libc::WSTOPPED),
            (self.continued, libc::WCONTINUED),
            (self.keep, libc::WNOWAIT),
            (at_once, libc::WNOHANG),
        ];
        let flags =
            switches.into_iter().filter_map(|(is_on, flag)| is_on.then_some(flag)).fold(0, core::ops::BitOr::bitor);
        raw::wait(self.id, flags)
    }

    /// With a deadline.
    fn wait_until(&self, deadline: Instant) -> Result<ChildEvent> {
        let descriptor = self.descriptor();
        let mut backoff = Backoff::until(Some(deadline));
        loop {
            match self.answer(self.ask_at_once()) {
                Err(error) if error.is_would_block() => {}
                other => return other,
            }
            match &descriptor {
                Some(descriptor) => until_readable(descriptor.as_fd(), Wait::Until(deadline))?,
                None => backoff.sleep().map_err(|errno| Error::new("waitid", errno))?,
            }
        }
    }

    /// A descriptor that becomes readable with the only event that is waited for.
    fn descriptor(&self) -> Option<OwnedFd> {
        if self.stopped || self.continued {
            return None;
        }
        match self.id {
            Id::Pid(pid) => pidfd_open(pid, PidfdFlags::empty()).ok(),
            Id::Descriptor(descriptor) => descriptor.try_clone_to_owned().ok(),
            Id::All | Id::Group(_) => None,
        }
    }

    fn failed(&self, errno: Errno) -> Error {
        let error = Error::new("waitid", errno).about(self.id.to_string());
        match errno.as_raw() {
            libc::ECHILD => error.kind_of(ErrorKind::NotFound).because(
                "there is no such child: it is none, somebody else waited for it, or SIGCHLD is ignored; its status is lost",
            ),
            _ => error,
        }
    }
}
