//! What happened to a child.

use core::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// How a child ended, or that it stopped or went on. Signals are raw numbers; [`Signal`](crate::signal::Signal) has names.
///
/// ```
/// use ipc_safe::process::ChildStatus;
/// use std::process::Command;
///
/// let status = Command::new("sh").args(["-c", "kill -TERM $$"]).status()?;
/// assert_eq!(ChildStatus::from(status), ChildStatus::Killed { signal: 15, core_dumped: false });
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// [wait(2)](https://man7.org/linux/man-pages/man2/wait.2.html)
#[doc(alias = "WIFEXITED")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChildStatus {
    /// It ended with this exit status, 0 to 255.
    #[doc(alias = "WEXITSTATUS")]
    Exited(i32),
    /// A signal ended it.
    #[doc(alias = "WTERMSIG")]
    Killed {
        /// The signal.
        signal: i32,
        /// Whether it left a core dump.
        #[doc(alias = "WCOREDUMP")]
        core_dumped: bool,
    },
    /// A signal stopped it.
    #[doc(alias = "WSTOPSIG")]
    Stopped {
        /// The signal.
        signal: i32,
    },
    /// It goes on.
    #[doc(alias = "WIFCONTINUED")]
    Continued,
}

impl ChildStatus {
    /// Whether it ended with exit status 0.
    #[must_use]
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Exited(0))
    }

    /// Whether it ended, one way or the other.
    #[must_use]
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Exited(_) | Self::Killed { .. })
    }
}

/// `exit status 1`, `killed by signal 9`, `stopped by signal 19`, `continued`.
impl fmt::Display for ChildStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(status) => write!(f, "exit status {status}"),
            Self::Killed { signal, core_dumped: false } => write!(f, "killed by signal {signal}"),
            Self::Killed { signal, core_dumped: true } => write!(f, "killed by signal {signal}, core dumped"),
            Self::Stopped { signal } => write!(f, "stopped by signal {signal}"),
            Self::Continued => f.write_str("continued"),
        }
    }
}

impl From<ExitStatus> for ChildStatus {
    fn from(status: ExitStatus) -> Self {
        if let Some(code) = status.code() {
            Self::Exited(code)
        } else if let Some(signal) = status.signal() {
            Self::Killed { signal, core_dumped: status.core_dumped() }
        } else if let Some(signal) = status.stopped_signal() {
            Self::Stopped { signal }
        } else {
            Self::Continued
        }
    }
}
