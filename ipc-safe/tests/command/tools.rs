//! What the modules have in common.

use crate::alone::alone;
use crate::support::eventually;
use ipc_safe::command::shell;
use ipc_safe::error::{Error, ErrorKind, Result};
use ipc_safe::process::Children;
use std::process::Command;
use std::time::Duration;

/// Long enough that running out means a fault.
pub(crate) const LONG: Duration = Duration::from_secs(20);
/// Short enough to wait for its end.
pub(crate) const SHORT: Duration = Duration::from_millis(50);

/// As [`alone`], and no child is left, dead or alive, nor a thread.
pub(crate) fn childless(body: impl FnOnce()) {
    alone(|| {
        body();
        no_child();
        eventually("no thread is left", || std::fs::read_dir("/proc/self/task").unwrap().count() == 1);
    });
}

/// Waits until every child has ended and was waited for, by whom it belongs to and not by this.
pub(crate) fn no_child() {
    eventually("no child is left", || {
        let all = Children::all().keep(true).try_wait();
        all.is_err_and(|error| error.kind() == ErrorKind::NotFound)
    });
}

/// Expects a failure of this kind, and hands the error out.
#[track_caller]
pub(crate) fn fails<T>(result: Result<T>, kind: ErrorKind) -> Error {
    let Err(error) = result else { panic!("succeeded, expected {kind:?}") };
    assert_eq!(error.kind(), kind, "{error}");
    error
}

/// A command by its words.
pub(crate) fn words(words: &str) -> Command {
    let mut words = words.split(' ');
    let mut command = Command::new(words.next().unwrap());
    command.args(words);
    command
}

/// A script for the shell.
pub(crate) fn script(text: &str) -> Command {
    shell(text)
}
