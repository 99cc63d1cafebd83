//! Taking signals that are blocked.

use super::information::{Fields, Information};
use super::raw;
use super::{MaskGuard, SignalSet};
use crate::error::{Errno, Error, Result};
use crate::wait::{Wait, uninterrupted};
use std::time::{Duration, Instant};

/// Taking one of the guard's signals, in place of its action. Those that were sent to the thread come before those that were
/// sent to the process, and lower numbers before higher ones, except that signals of [faults](super::Signal::is_fault) come first.
/// Real-time signals of one number come in the order in which they were sent. A standard signal that is sent again while it
/// waits is lost.
///
/// When several threads wait for a signal that was sent to the process, one of them gets it.
impl MaskGuard {
    /// Waits for a signal.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::error::ErrorKind::InvalidInput) when the guard has no signals, or they are not blocked now,
    /// because a scope that changes the mask began after the guard, or ended that it was made in.
    ///
    /// [sigwaitinfo(2)](https://man7.org/linux/man-pages/man2/sigwaitinfo.2.html)
    #[doc(alias = "sigwait")]
    #[doc(alias = "sigwaitinfo")]
    #[inline]
    pub fn wait(&self) -> Result<Information> {
        self.take(Wait::Forever)
    }

    /// Takes a signal that waits already.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](crate::error::ErrorKind::WouldBlock) when there is none, otherwise as [`wait`](Self::wait).
    #[inline]
    pub fn try_wait(&self) -> Result<Information> {
        self.take(Wait::No)
    }

    /// As [`wait`](Self::wait), at most so long.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](crate::error::ErrorKind::TimedOut), otherwise as [`wait`](Self::wait).
    #[doc(alias = "sigtimedwait")]
    pub fn wait_timeout(&self, timeout: Duration) -> Result<Information> {
        self.take(Wait::at_most(timeout))
    }

    /// As [`wait`](Self::wait), until the handler of another signal has run.
    ///
    /// # Errors
    ///
    /// [`Interrupted`](crate::error::ErrorKind::Interrupted), otherwise as [`wait`](Self::wait).
    pub fn wait_interruptible(&self) -> Result<Information> {
        self.take(Wait::Interruptible)
    }

    /// Lets the guard's signals through and waits until a handler has run, without a gap in which a signal could be missed.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::error::ErrorKind::InvalidInput) as for [`wait`](Self::wait).
    ///
    /// [sigsuspend(2)](https://man7.org/linux/man-pages/man2/sigsuspend.2.html)
    #[doc(alias = "sigsuspend")]
    #[doc(alias = "sigpause")]
    pub fn suspend(&self) -> Result<()> {
        self.check("sigsuspend")?;
        suspend(super::blocked()? - self.signals());
        Ok(())
    }

    #[inline]
    fn take(&self, wait: Wait) -> Result<Information> {
        self.check("sigtimedwait")?;
        take(self.signals(), wait)
    }

    /// That the signals are blocked, as far as this crate knows.
    pub(super) fn check(&self, call: &'static str) -> Result<()> {
        if self.signals().is_empty() {
            return Err(Error::invalid(call, "the guard blocks no signal, so that none would ever come"));
        }
        if !self.is_in_effect() {
            return Err(Error::invalid(
                call,
                "the guard belongs to another scope, and its signals need not be blocked",
            ));
        }
        Ok(())
    }
}

/// Sets the mask to exactly these signals until a handler has run, then back.
///
/// Waits for ever when no handler runs. Signals of the mask are not delivered meanwhile.
///
/// [sigsuspend(2)](https://man7.org/linux/man-pages/man2/sigsuspend.2.html)
#[doc(alias = "sigsuspend")]
pub fn suspend(mask: SignalSet) {
    raw::suspend(mask.maskable());
}

/// Takes a pending signal, or waits as `wait` says.
#[inline]
fn take(signals: SignalSet, wait: Wait) -> Result<Information> {
    let info = uninterrupted(wait, || match wait {
        Wait::Forever | Wait::Interruptible => raw::wait(signals, None),
        Wait::No => raw::wait(signals, Some(Duration::ZERO)),
        Wait::Until(deadline) => raw::wait(signals, Some(deadline.saturating_duration_since(Instant::now()))),
    });
    let info = info.map_err(|errno| Error::new("sigtimedwait", translate(errno, wait)))?;
    // The kernel gives only signals of the set, which are signals of this crate.
    Fields::of(&info).decode().ok_or_else(|| Error::new("sigtimedwait", Errno::INVAL))
}

/// `EAGAIN` is what the call says when the time is over.
fn translate(errno: Errno, wait: Wait) -> Errno {
    match (errno, wait) {
        (Errno::AGAIN, Wait::Until(_)) => Errno::TIMEDOUT,
        (errno, _) => errno,
    }
}
