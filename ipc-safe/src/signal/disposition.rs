//! What the process does about a signal.

use super::raw::{self, Change};
use super::{Signal, SignalSet};
use crate::error::{Errno, Error, Result, keeping_errno};

/// What the process does about a signal.
///
/// [signal(7)](https://man7.org/linux/man-pages/man7/signal.7.html)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Disposition {
    /// The [default action](Signal::default_action).
    #[doc(alias = "SIG_DFL")]
    Default,
    /// Nothing.
    #[doc(alias = "SIG_IGN")]
    Ignore,
    /// A handler runs.
    Handler {
        /// The signals that are blocked meanwhile, besides its own.
        mask: SignalSet,
        /// Whether system calls that it interrupts go on, where they can.
        #[doc(alias = "SA_RESTART")]
        restart: bool,
    },
}

/// Holds the disposition of one signal, and puts back the one before it when dropped.
///
/// Several guards of one signal may be dropped in any order: the last one made is in effect. In a forked child the copy of the
/// guard undoes the copy of the disposition.
///
/// When other code changed the disposition since, that stays. It may call the handler that it found: where the guard of that
/// is gone, the signal is passed on to the handler before, and one of the eight places of guards of the signal is taken
/// until the other code puts back what it found.
///
/// [sigaction(2)](https://man7.org/linux/man-pages/man2/sigaction.2.html)
#[doc(alias = "sigaction")]
#[derive(Debug)]
#[must_use = "the disposition before is restored when the guard is dropped"]
pub struct DispositionGuard {
    signal: Signal,
    level: usize,
}

impl DispositionGuard {
    pub(super) fn new(signal: Signal, change: Change) -> Result<Self> {
        check(signal)?;
        let level = raw::install(signal, change).map_err(|errno| refused(signal, errno))?;
        Ok(Self { signal, level })
    }

    /// The signal.
    #[must_use]
    pub const fn signal(&self) -> Signal {
        self.signal
    }

    /// Puts back the disposition before, as dropping does.
    ///
    /// # Errors
    ///
    /// Only where a system call filter forbids the call.
    pub fn restore(self) -> Result<()> {
        let this = core::mem::ManuallyDrop::new(self);
        raw::remove(this.signal, this.level).map_err(|errno| refused(this.signal, errno))
    }
}

impl Drop for DispositionGuard {
    fn drop(&mut self) {
        // It can fail only by a system call filter; nobody is there to be told.
        let _ = keeping_errno(|| raw::remove(self.signal, self.level));
    }
}

/// That a signal can have another disposition than the default.
pub(super) fn check(signal: Signal) -> Result<()> {
    if signal.is_catchable() {
        return Ok(());
    }
    let reason = "this signal can be neither handled nor ignored";
    Err(Error::invalid("sigaction", reason).about(signal.to_string()))
}

fn refused(signal: Signal, errno: Errno) -> Error {
    let error = Error::new("sigaction", errno).about(signal.to_string());
    match errno {
        Errno::NOSPC => error.because(format!(
            "{} guards of this signal are alive, or had handlers put over theirs that stayed",
            raw::LEVELS
        )),
        Errno::EXIST => error.because("the handler that is there is for one signal only, and cannot be called again"),
        _ => error,
    }
}

impl Signal {
    /// What the process does about this signal.
    ///
    /// # Errors
    ///
    /// Only where a system call filter forbids the call.
    #[doc(alias = "sigaction")]
    pub fn disposition(self) -> Result<Disposition> {
        raw::disposition(self).map(|action| raw::describe(&action)).map_err(|errno| refused(self, errno))
    }

    /// Sets the default action for the lifetime of the guard.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::error::ErrorKind::InvalidInput) for [`KILL`](Self::KILL) and [`STOP`](Self::STOP),
    /// [`LimitReached`](crate::error::ErrorKind::LimitReached) when eight guards of the signal are alive.
    #[doc(alias = "SIG_DFL")]
    pub fn set_default(self) -> Result<DispositionGuard> {
        DispositionGuard::new(self, Change::Default)
    }

    /// Ignores the signal for the lifetime of the guard. Programs that are executed meanwhile go on ignoring it.
    ///
    /// An ignored [`CHLD`](Self::CHLD) makes children vanish without a status to wait for.
    ///
    /// # Errors
    ///
    /// As [`set_default`](Self::set_default).
    #[doc(alias = "SIG_IGN")]
    #[doc(alias = "sigignore")]
    pub fn ignore(self) -> Result<DispositionGuard> {
        DispositionGuard::new(self, Change::Ignore)
    }
}
