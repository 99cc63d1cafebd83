//! The mask that threads and programs begin with.

use super::SignalSet;
use super::mask;
use super::raw;
use crate::error::Result;
use std::io;
use std::process::Command;
use std::thread::{Builder, JoinHandle};

mod sealed {
    pub trait Sealed {}
    impl Sealed for std::process::Command {}
}

/// The mask that a program begins with. Without this it begins with that of the thread that starts it, with all that guards
/// block: a program that is not aware of it then never gets a `SIGTERM`.
///
/// ```
/// use ipc_safe::signal::{CommandMask, Signal, SignalSet};
/// use std::process::Command;
///
/// let _guard = SignalSet::from(Signal::TERM).block()?;
/// let status = Command::new("sh").args(["-c", "kill -TERM $$"]).original_mask()?.status().unwrap();
/// assert!(!status.success()); // it was not blocked there
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [execve(2)](https://man7.org/linux/man-pages/man2/execve.2.html)
pub trait CommandMask: sealed::Sealed {
    /// Begins with exactly these signals blocked.
    fn mask(&mut self, signals: SignalSet) -> &mut Self;

    /// Begins with the mask that the calling thread has now, without what its guards block. What the thread blocked from
    /// its start on, because a guard of the thread that started it blocked it, is not known to be a guard's: there
    /// [`mask`](Self::mask) says what the program needs.
    ///
    /// # Errors
    ///
    /// Only where a system call filter forbids reading the mask.
    fn original_mask(&mut self) -> Result<&mut Self>;
}

impl CommandMask for Command {
    fn mask(&mut self, signals: SignalSet) -> &mut Self {
        raw::set_child_mask(self, signals.maskable());
        self
    }

    fn original_mask(&mut self) -> Result<&mut Self> {
        Ok(self.mask(mask::original()?))
    }
}

/// Starts a thread that begins with exactly these signals blocked, whatever the calling thread blocks: no signal gets at it
/// before.
///
/// # Errors
///
/// As [`Builder::spawn`].
///
/// ```
/// use ipc_safe::signal::{self, Signal, SignalSet};
/// use std::thread::Builder;
///
/// let mask = SignalSet::from(Signal::USR2);
/// let thread = signal::spawn(Builder::new(), mask, || signal::blocked().unwrap()).unwrap();
/// assert_eq!(thread.join().unwrap(), mask);
/// ```
pub fn spawn<T: Send + 'static>(
    builder: Builder,
    mask: SignalSet,
    body: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    // The thread inherits all signals blocked, and then takes its own mask, before it does anything else.
    let _all = SignalSet::all().block()?;
    builder.spawn(move || {
        mask::begin_with(mask);
        body()
    })
}
