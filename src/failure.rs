//! Why a subcommand failed: one line for people, and the exit status.

use ipc_safe::error::ErrorKind;
use std::fmt::Display;
use std::process::ExitCode;

pub(crate) type Result<T = (), E = Failure> = std::result::Result<T, E>;

/// What ends a subcommand early.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The line that goes to standard error after `ipc: `. None when everything is said, or nobody listens.
    message: Option<String>,
    status: u8,
}

impl Failure {
    /// The usual failure, with exit status 1.
    pub(crate) fn new(message: impl Display) -> Self {
        Self { message: Some(message.to_string()), status: 1 }
    }

    /// Everything was said already.
    pub(crate) const fn silent(status: u8) -> Self {
        Self { message: None, status }
    }

    /// Arguments that do not go together; the status is that of clap.
    pub(crate) fn usage(message: impl Display) -> Self {
        Self { message: Some(format!("{message}; \"ipc help\" explains")), status: 2 }
    }

    /// Nobody reads standard output any more: not a failure, and nothing left to do.
    pub(crate) const fn nobody_reads() -> Self {
        Self::silent(0)
    }

    pub(crate) const fn with_status(mut self, status: u8) -> Self {
        self.status = status;
        self
    }

    /// The same, without a word.
    pub(crate) fn silenced(self) -> Self {
        Self { message: None, ..self }
    }

    pub(crate) fn message(&self) -> &str {
        self.message.as_deref().unwrap_or_default()
    }

    /// Says it and gives the exit status.
    pub(crate) fn report(&self) -> ExitCode {
        if let Some(message) = &self.message {
            complain(message);
        }
        ExitCode::from(self.status)
    }
}

/// One line on standard error. Whether anybody reads it does not matter.
pub(crate) fn complain(message: impl Display) {
    use std::io::Write;
    let line = message.to_string().replace('\n', " ");
    let _ = writeln!(std::io::stderr(), "ipc: {line}");
}

impl From<ipc_safe::Error> for Failure {
    fn from(error: ipc_safe::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::new(format!("{error}; \"ipc list\" shows what there is")),
            ErrorKind::Removed => Self::new(format!("{error}, or it never was; \"ipc list\" shows what there is")),
            ErrorKind::PermissionDenied => Self::new(format!("{error}; its owner or root can do it")),
            _ => Self::new(error),
        }
    }
}

impl From<ipc_safe::sysv::ReceiveError> for Failure {
    fn from(error: ipc_safe::sysv::ReceiveError) -> Self {
        ipc_safe::Error::from(error).into()
    }
}
