//! Programs that are talked to: one whose output is read or whose input is written, pipelines, coprocesses.
//!
//! A program is a [`std::process::Command`], which knows its arguments, environment and directory. Here it gets company: the pipes
//! to it, its status, and what happens when something goes wrong.
//!
//! ```
//! use ipc_safe::command::{CommandReader, Pipeline};
//! use std::io::Read;
//! use std::process::{Command, Stdio};
//!
//! // The output of one program. No shell: arguments are arguments, whatever characters they have.
//! let mut echo = CommandReader::start(Command::new("echo").arg("a; b"))?;
//! let mut text = String::new();
//! echo.read_to_string(&mut text).unwrap();
//! assert_eq!(text, "a; b\n");
//! assert!(echo.close()?.is_success());
//!
//! // ls | wc -l
//! let mut pipeline = Pipeline::start([
//!     Command::new("ls").arg("/"),
//!     Command::new("wc").arg("-l").stdout(Stdio::piped()),
//! ])?;
//! text.clear();
//! pipeline.output().unwrap().read_to_string(&mut text).unwrap();
//! assert!(text.trim().parse::<u32>().unwrap() > 3);
//! assert!(pipeline.wait()?.iter().all(|status| status.is_success()));
//! # Ok::<(), ipc_safe::Error>(())
//! ```
//!
//! - [`CommandReader`] and [`CommandWriter`] are `popen` for reading and for writing; [`shell`] makes a command of a line for
//!   the shell, which is what `popen` runs, for those who need its syntax.
//! - [`Pipeline`] connects any number of programs.
//! - [`Coprocess`] is a program that answers: lines or frames in both directions, with deadlines.
//!
//! # Status
//!
//! The status of a program that nobody can know is an error, and never success. That happens when `SIGCHLD` is ignored, so that the
//! kernel keeps no status, or when another part of the program waits for all children. Values that are dropped wait for
//! nothing: a thread then waits for a program that goes on, so that it leaves no zombie.
//!
//! # Fork
//!
//! Programs are started by std, which forks and executes in one step, or uses a call that does. A bare `fork` is not offered: in
//! the child of a process with several threads only async-signal-safe functions may be called until it executes a program
//! ([signal-safety(7)](https://man7.org/linux/man-pages/man7/signal-safety.7.html)); neither `malloc` nor `println!` is among them.
//! What must run in the child before the program goes through
//! [`CommandExt::pre_exec`](std::os::unix::process::CommandExt::pre_exec), under that condition. The child begins with the
//! signal mask of the thread that starts it; [`CommandMask`](crate::signal::CommandMask) changes that. All descriptors that this
//! crate and std make are close-on-exec: no program inherits the pipes to another one.
//!
//! [popen(3)](https://man7.org/linux/man-pages/man3/popen.3.html)

mod child;
mod coprocess;
mod coprocess_options;
mod message;
mod pipeline;
mod reader;
mod writer;

pub use coprocess::Coprocess;
pub use coprocess_options::CoprocessOptions;
pub use pipeline::Pipeline;
pub use reader::CommandReader;
pub use writer::CommandWriter;

use std::ffi::OsStr;
use std::process::Command;

/// A line for the shell, as `popen` and `system` take it: `/bin/sh -c line`.
///
/// The shell splits and expands the line. What came from somebody else must not be put into it; without a shell,
/// `Command::new("ls").arg(name)` takes any name as it is.
///
/// ```
/// use ipc_safe::command::{CommandReader, shell};
/// use std::io::Read;
///
/// let mut text = String::new();
/// CommandReader::start(&mut shell("echo one; echo two | tr a-z A-Z"))?.read_to_string(&mut text).unwrap();
/// assert_eq!(text, "one\nTWO\n");
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [popen(3)](https://man7.org/linux/man-pages/man3/popen.3.html)
#[doc(alias = "popen")]
#[doc(alias = "system")]
#[must_use]
pub fn shell(line: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("/bin/sh");
    // A line may begin with a hyphen.
    command.arg("-c").arg("--").arg(line);
    command
}
