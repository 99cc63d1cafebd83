//! Running the command.

use crate::program::Running;
use serde_json::Value;
use std::ffi::OsStr;
use std::io::Write;
use std::process::{Command, ExitStatus, Output, Stdio};

/// The program.
pub(crate) const IPC: &str = env!("CARGO_BIN_EXE_ipc");

/// The command with these words.
pub(crate) fn command(words: &str) -> Command {
    command_of(words.split_whitespace())
}

/// The same, for words with blanks in them.
pub(crate) fn command_of(words: impl IntoIterator<Item: AsRef<OsStr>>) -> Command {
    let mut command = Command::new(IPC);
    command.args(words);
    command
}

/// Runs it to its end, without input.
pub(crate) fn ipc(words: &str) -> Ran {
    ran(command(words))
}

/// Runs it to its end with this input.
pub(crate) fn ipc_reading(input: &[u8], words: &str) -> Ran {
    let mut command = command(words);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command starts");
    // It may refuse its arguments before it reads.
    let _ = child.stdin.take().expect("a pipe").write_all(input);
    Ran::of(&command, child.wait_with_output().expect("a child"))
}

/// Runs a command to its end, without input.
pub(crate) fn ran(mut command: Command) -> Ran {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    Ran::of(&command, output)
}

/// Starts it, to talk to it.
pub(crate) fn start(words: &str) -> Running {
    Running::start(command(words))
}

/// A command that ended.
#[derive(Debug)]
pub(crate) struct Ran {
    #[expect(dead_code, reason = "for the messages of failed assertions, which print all of it")]
    what: String,
    pub(crate) status: ExitStatus,
    pub(crate) output: Vec<u8>,
    pub(crate) errors: String,
}

impl Ran {
    fn of(command: &Command, output: Output) -> Self {
        let errors = String::from_utf8(output.stderr).expect("errors are text");
        assert!(!errors.contains("panicked"), "{command:?}: {errors}");
        Self { what: format!("{command:?}"), status: output.status, output: output.stdout, errors }
    }

    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.output).expect("output is text")
    }

    /// What it printed, when it succeeded without a word of complaint.
    #[track_caller]
    pub(crate) fn succeed(self) -> String {
        assert_eq!((self.status.code(), &*self.errors), (Some(0), ""), "{self:?}");
        self.text().to_owned()
    }

    /// What it printed, as JSON.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        let text = self.succeed();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Expects this exit status, nothing on standard output, and one line on standard error that has all of these words.
    #[track_caller]
    pub(crate) fn fail(self, status: i32, words: &[&str]) {
        assert_eq!((self.status.code(), self.text()), (Some(status), ""), "{self:?}");
        self.complain(words);
    }

    /// Expects one line on standard error that has all of these words.
    #[track_caller]
    pub(crate) fn complain(&self, words: &[&str]) {
        let line = self.errors.strip_suffix('\n').unwrap_or_else(|| panic!("no line: {self:?}"));
        assert!(line.starts_with("ipc: ") && !line.contains('\n'), "one line: {self:?}");
        for word in words {
            assert!(line.contains(word), "{word:?} is not in it: {self:?}");
        }
    }
}

/// The command as user and group 65534, where this process may become that user.
pub(crate) fn as_nobody(words: &str) -> Option<Command> {
    let become_nobody = |program: &str| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--", program]);
        command
    };
    let may = become_nobody(IPC).arg("--version").output().is_ok_and(|output| output.status.success());
    if !may {
        println!("skipped a part that needs the right to become another user");
        return None;
    }
    let mut command = become_nobody(IPC);
    command.args(words.split_whitespace());
    Some(command)
}

/// The processes that the first thread of this one started and that are not reaped yet.
pub(crate) fn children(pid: i32) -> Vec<i32> {
    let list = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.split_whitespace().map(|pid| pid.parse().expect("a process id")).collect()
}

/// Whether the process is there and is not only waiting to be reaped.
pub(crate) fn runs(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// Sends a signal.
pub(crate) fn signal(pid: i32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(pid).expect("a process id");
    rustix::process::kill_process(pid, signal).expect("a process that runs");
}
