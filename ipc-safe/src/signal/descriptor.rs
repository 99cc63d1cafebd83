//! Signals read from a descriptor.

use super::information::{Fields, Information};
use super::raw;
use super::{MaskGuard, SignalSet};
use crate::error::{Errno, Error, Result};
use crate::wait::{Wait, read_when_ready};
use core::marker::PhantomData;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// A descriptor that is readable while one of its signals waits: for `poll` and all that is built on it.
///
/// Made from the guard that blocks the signals, and not to be kept longer. It gives the signals of the thread that reads, and
/// those of the process. Non-blocking and close-on-exec. In a forked child it gives the child's signals.
///
/// ```
/// use ipc_safe::process::getpid;
/// use ipc_safe::signal::{self, Signal, SignalSet, Value};
///
/// let signal = Signal::real_time(3)?;
/// let guard = SignalSet::from(signal).block()?;
/// let signals = guard.descriptor()?;
/// for number in 1..=3 {
///     signal::queue(getpid(), signal, Value::from(number))?;
/// }
/// for number in 1..=3 {
///     assert_eq!(signals.read()?.value(), Some(Value::from(number)));
/// }
/// assert!(signals.try_read().unwrap_err().is_would_block());
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [signalfd(2)](https://man7.org/linux/man-pages/man2/signalfd.2.html)
#[doc(alias = "signalfd")]
#[derive(Debug)]
pub struct SignalDescriptor<'g> {
    descriptor: OwnedFd,
    signals: SignalSet,
    guard: PhantomData<&'g ()>,
}

impl MaskGuard {
    /// A descriptor that the guard's signals are read from.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::error::ErrorKind::InvalidInput) as for [`wait`](Self::wait);
    /// [`LimitReached`](crate::error::ErrorKind::LimitReached) when the process has too many descriptors.
    #[doc(alias = "signalfd")]
    pub fn descriptor(&self) -> Result<SignalDescriptor<'_>> {
        self.check("signalfd")?;
        let descriptor = raw::descriptor(self.signals()).map_err(failed)?;
        Ok(SignalDescriptor { descriptor, signals: self.signals(), guard: PhantomData })
    }
}

impl SignalDescriptor<'_> {
    /// The signals that are read from it.
    #[must_use]
    pub const fn signals(&self) -> SignalSet {
        self.signals
    }

    /// Takes a signal; waits for one.
    ///
    /// # Errors
    ///
    /// None that is to be expected.
    #[inline]
    pub fn read(&self) -> Result<Information> {
        self.take(Wait::Forever)
    }

    /// Takes a signal that waits already.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](crate::error::ErrorKind::WouldBlock) when there is none.
    #[inline]
    pub fn try_read(&self) -> Result<Information> {
        self.take(Wait::No)
    }

    /// As [`read`](Self::read), at most so long.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](crate::error::ErrorKind::TimedOut).
    pub fn read_timeout(&self, timeout: Duration) -> Result<Information> {
        self.take(Wait::at_most(timeout))
    }

    /// As [`read`](Self::read), until the handler of another signal has run.
    ///
    /// # Errors
    ///
    /// [`Interrupted`](crate::error::ErrorKind::Interrupted).
    pub fn read_interruptible(&self) -> Result<Information> {
        self.take(Wait::Interruptible)
    }

    /// The signals as they come, without end.
    pub const fn iter(&self) -> DescriptorSignals<'_> {
        DescriptorSignals { descriptor: self }
    }

    #[inline]
    fn take(&self, wait: Wait) -> Result<Information> {
        let info = read_when_ready(self.as_fd(), wait, || raw::read_signal(self.as_fd()))?;
        // The kernel gives only signals of the set, which are signals of this crate.
        Fields::of_descriptor(&info).decode().ok_or_else(|| Error::new("read", Errno::INVAL))
    }
}

impl AsFd for SignalDescriptor<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl<'d> IntoIterator for &'d SignalDescriptor<'_> {
    type Item = Result<Information>;
    type IntoIter = DescriptorSignals<'d>;

    fn into_iter(self) -> DescriptorSignals<'d> {
        self.iter()
    }
}

/// The signals of a [`SignalDescriptor`]; each step waits for one.
#[derive(Debug)]
pub struct DescriptorSignals<'d> {
    descriptor: &'d SignalDescriptor<'d>,
}

impl Iterator for DescriptorSignals<'_> {
    type Item = Result<Information>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.descriptor.read())
    }
}

fn failed(errno: Errno) -> Error {
    let error = Error::new("signalfd", errno);
    match errno.as_raw() {
        libc::EMFILE => error.because("the process has as many descriptors as it may (RLIMIT_NOFILE)"),
        libc::ENFILE => error.because("the system has as many open files as it may (fs.file-max)"),
        _ => error,
    }
}
