//! Why a subcommand failed: one line for people, and the exit status.

use clap::CommandFactory;
use ipc_safe::error::{Errno, ErrorKind};
use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

pub(crate) type Result<T = (), E = Failure> = std::result::Result<T, E>;

/// The exit status of wrong usage.
const USAGE: u8 = 2;

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

    /// What could not be done with a file.
    pub(crate) fn file(doing: &str, path: &Path, error: &io::Error) -> Self {
        Self::new(format!("{doing} {}: {}", path.display(), reason(error)))
    }

    /// Everything was said already.
    pub(crate) const fn silent(status: u8) -> Self {
        Self { message: None, status }
    }

    /// Arguments that are wrong or do not go together.
    pub(crate) fn usage(message: impl Display) -> Self {
        Self { message: Some(format!("{message}; \"{}\" explains", help())), status: USAGE }
    }

    /// Nobody reads standard output any more: not a failure, and nothing left to do.
    pub(crate) const fn nobody_reads() -> Self {
        Self::silent(0)
    }

    pub(crate) const fn with_status(mut self, status: u8) -> Self {
        self.status = status;
        self
    }

    pub(crate) const fn is_usage(&self) -> bool {
        self.status == USAGE
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

/// The words of an error of the system, without its number.
pub(crate) fn reason(error: &impl Display) -> String {
    let text = error.to_string();
    text.split_once(" (os error").map_or(text.as_str(), |(words, _)| words).to_owned()
}

/// What clap found wrong with the arguments, on one line; or the help or version that was asked for. `ipc run` has a status
/// of its own for that, because the others are its command's.
pub(crate) fn wrong_usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() || error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        // Whether anybody reads it does not matter.
        let _ = error.print();
        return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(USAGE));
    }
    let text = error.to_string().replace("\n\n  tip:", "; tip:");
    let end = ["\n\nUsage:", "\n\nFor more information"].iter().filter_map(|mark| text.find(mark)).min();
    let said = text[..end.unwrap_or(text.len())].trim_start_matches("error: ");
    let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let failure = Failure::usage(words);
    let status = if help() == "ipc run --help" { crate::run::OWN_FAILURE } else { USAGE };
    failure.with_status(status).report()
}

/// The command that explains the subcommand that was called.
fn help() -> String {
    let word = std::env::args_os()
        .nth(1)
        .and_then(|word| word.into_string().ok())
        .filter(|word| crate::Arguments::command().find_subcommand(word).is_some());
    word.map_or_else(|| "ipc --help".into(), |word| format!("ipc {word} --help"))
}

/// One line on standard error. Whether anybody reads it does not matter.
pub(crate) fn complain(message: impl Display) {
    let line = message.to_string().replace('\n', " ");
    let _ = writeln!(io::stderr(), "ipc: {line}");
}

impl From<ipc_safe::Error> for Failure {
    fn from(error: ipc_safe::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::new(format!("{error}; \"ipc list\" shows what there is")),
            // Of an id that is given, nobody knows whether there ever was an object.
            ErrorKind::Removed if error.errno() == Some(Errno::INVAL) => {
                Self::new(format!("{error}, or it never was; \"ipc list\" shows what there is"))
            }
            _ => Self::new(error),
        }
    }
}

impl<T> From<ipc_safe::error::Rejected<T>> for Failure {
    fn from(rejected: ipc_safe::error::Rejected<T>) -> Self {
        ipc_safe::Error::from(rejected).into()
    }
}

impl From<ipc_safe::sysv::ReceiveError> for Failure {
    fn from(error: ipc_safe::sysv::ReceiveError) -> Self {
        ipc_safe::Error::from(error).into()
    }
}
