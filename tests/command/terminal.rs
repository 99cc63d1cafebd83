//! The command on a terminal, made by `script`.

use crate::command::IPC;
use crate::program::Running;
use std::process::Command;

/// Runs `ipc` with these words on a terminal of 80 columns, where there is a `script` to make one. What is written to it
/// is typed; what it prints comes mixed from output and errors.
pub(crate) fn on_terminal(words: &str) -> Option<Running> {
    if Command::new("script").arg("--version").output().is_err() {
        println!("skipped a part that needs script(1)");
        return None;
    }
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", &format!("stty cols 80; exec {IPC} {words}"), "/dev/null"]);
    // Without it, or with a "dumb" one, there is no bar.
    command.env("TERM", "xterm");
    Some(Running::start(command))
}
