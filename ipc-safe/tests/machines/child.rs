//! Processes that do what they are told over a pipe.

use crate::support::{Forked, fork};
use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Write, pipe};
use std::time::{Duration, Instant};

/// A forked process that answers each line it is sent with a line.
pub(crate) struct Child {
    process: Forked,
    commands: PipeWriter,
    answers: BufReader<PipeReader>,
}

/// Ends a child in good order.
const EXIT: &str = "exit";

impl Child {
    /// Forks a process that answers commands with `serve` until it is told to end, or killed.
    pub(crate) fn start(serve: impl FnMut(&str) -> String) -> Self {
        let (commanded, commands) = pipe().unwrap();
        let (answers, answering) = pipe().unwrap();
        let process = fork(|| {
            // SAFETY: takes numbers only. A test that is ended from outside leaves no child behind.
            unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
            obey(commanded, answering, serve)
        });
        Self { process, commands, answers: BufReader::new(answers) }
    }

    /// The process id.
    pub(crate) fn pid(&self) -> i32 {
        self.process.pid()
    }

    /// Sends a command, and waits for the answer.
    pub(crate) fn ask(&mut self, command: &str) -> String {
        self.tell(command);
        self.answer()
    }

    /// Sends a command.
    pub(crate) fn tell(&mut self, command: &str) {
        writeln!(self.commands, "{command}").unwrap();
    }

    /// Waits for the answer to a command.
    pub(crate) fn answer(&mut self) -> String {
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        answer.trim_end().to_owned()
    }

    /// Lets it end by itself, and waits for that.
    pub(crate) fn exit(mut self) {
        self.tell(EXIT);
        self.process.succeed();
    }

    /// Kills it, and waits for its end.
    pub(crate) fn kill(self) {
        drop(self.process);
    }
}

/// A moment that several children wait for, so that they begin together.
#[derive(Clone, Copy)]
pub(crate) struct Rendezvous(Instant);

impl Rendezvous {
    /// Soon, but after the children were told.
    pub(crate) fn soon() -> Self {
        Self(Instant::now() + Duration::from_millis(3))
    }

    /// So much later.
    pub(crate) fn later(self, by: Duration) -> Self {
        Self(self.0 + by)
    }

    /// Waits for the moment, awake.
    pub(crate) fn meet(self) {
        while Instant::now() < self.0 {
            std::hint::spin_loop();
        }
    }
}

fn obey(commanded: PipeReader, mut answering: PipeWriter, mut serve: impl FnMut(&str) -> String) -> i32 {
    for line in BufReader::new(commanded).lines() {
        match line.unwrap().as_str() {
            EXIT => return 0,
            command => writeln!(answering, "{}", serve(command)).unwrap(),
        }
    }
    0
}
