//! What writing to a pipe or socket that nobody reads does.

use super::{DispositionGuard, MaskGuard, Signal, SignalSet};
use crate::error::Result;

/// What happens to a process that writes to a pipe or socket that nobody reads.
///
/// Rust programs begin with [`Error`](Self::Error), C programs with [`Terminate`](Self::Terminate). std gives programs that it
/// starts the default action whatever this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokenPipe {
    /// The write fails with `EPIPE`: [`Signal::PIPE`] is ignored.
    Error,
    /// [`Signal::PIPE`] ends the process without a word, as filters in a shell pipeline are expected to end.
    Terminate,
}

impl BrokenPipe {
    /// Makes it so for the whole process, for the lifetime of the guard.
    ///
    /// # Errors
    ///
    /// As [`Signal::set_default`].
    #[doc(alias = "SIGPIPE")]
    pub fn set(self) -> Result<DispositionGuard> {
        match self {
            Self::Error => Signal::PIPE.ignore(),
            Self::Terminate => Signal::PIPE.set_default(),
        }
    }
}

/// Runs `body` so that a write of this thread to a pipe that nobody reads is an error, whatever the process does about
/// [`Signal::PIPE`] otherwise: for libraries, which may not change that. A signal that waited before goes on waiting.
///
/// # Errors
///
/// Only where a system call filter forbids blocking the signal; then `body` did not run.
///
/// ```
/// use ipc_safe::signal::{self, BrokenPipe};
/// use std::io::{ErrorKind, Write};
///
/// let _policy = BrokenPipe::Terminate.set()?;
/// let (reader, mut writer) = std::io::pipe().unwrap();
/// drop(reader);
/// let error = signal::without_broken_pipe(|| writer.write(b"text").unwrap_err())?;
/// assert_eq!(error.kind(), ErrorKind::BrokenPipe);
/// # Ok::<(), ipc_safe::Error>(())
/// ```
#[doc(alias = "SIGPIPE")]
pub fn without_broken_pipe<R>(body: impl FnOnce() -> R) -> Result<R> {
    let waited = super::pending()?.contains(Signal::PIPE);
    let take = Take { guard: SignalSet::from(Signal::PIPE).block()?, waited };
    let result = body();
    drop(take);
    Ok(result)
}

/// Takes the signal that came meanwhile, before it is unblocked; after a panic too.
struct Take {
    guard: MaskGuard,
    waited: bool,
}

impl Drop for Take {
    fn drop(&mut self) {
        if !self.waited {
            // There is none when nothing was written in vain.
            let _ = crate::error::keeping_errno(|| self.guard.try_wait());
        }
    }
}
