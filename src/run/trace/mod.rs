//! `ipc run --trace`: the IPC calls of a command and its children, a line each, as they are made.
//!
//! The supervisor is that of [`ipc_safe::testing::intercept`]: it is asked before each call, looks at the arguments and lets the
//! kernel go on. What a call returned it never learns.

mod arguments;
mod calls;
mod flags;
mod words;

use crate::failure::{Failure, Result, complain, reason};
use arguments::{Arguments, Source};
use calls::Traced;
use clap::ValueEnum;
use ipc_safe::testing::{Answer, Call, CallRule, intercept};
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// What belongs together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Group {
    /// Queues, semaphore sets and segments of System V
    Sysv,
    /// Shared memory objects and semaphores of POSIX (files in /dev/shm), and its queues
    Posix,
    /// Shared mappings, memfds, seals
    Memory,
    /// Signals and the timers that send them
    Signals,
    /// Pipes and FIFOs
    Pipes,
    /// Sockets
    Sockets,
    /// Which programs are executed
    Programs,
    /// Sleeping and waking by words in memory: locks, threads
    Futex,
    /// All of these
    All,
}

/// Those that are shown when nothing else is said.
const USUAL: [&str; 7] = ["sysv", "posix", "memory", "signals", "pipes", "sockets", "programs"];

/// What is to be traced, and where to.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct Options {
    /// Show the IPC calls of the command and its children as they are made: of these groups only, or all but futex
    #[arg(long, value_name = "GROUP,...", value_enum, value_delimiter = ',')]
    #[arg(num_args = 0.., require_equals = true, default_missing_values = USUAL)]
    trace: Option<Vec<Group>>,
    /// Write the calls to this file instead of standard error
    #[arg(long, short = 'o', value_name = "FILE", requires = "trace")]
    trace_file: Option<PathBuf>,
    /// Begin each call with the seconds since the command was started
    #[arg(long, requires = "trace")]
    trace_times: bool,
}

impl Options {
    pub(super) const fn is_on(&self) -> bool {
        self.trace.is_some()
    }

    /// Makes the file, so that a path that is wrong is told before the command runs.
    pub(super) fn create_file(&self, has_namespaces: bool) -> Result<Option<File>> {
        let Some(path) = &self.trace_file else { return Ok(None) };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let is_shm = |folder: PathBuf| Path::new("/dev/shm").canonicalize().is_ok_and(|shm| folder.starts_with(shm));
        if has_namespaces && folder.canonicalize().is_ok_and(is_shm) {
            let words = "the command has a /dev/shm of its own; choose another folder, or --no-namespaces";
            return Err(Failure::new(format!("writing {}: {words}", path.display())));
        }
        File::create(path).map(Some).map_err(|error| Failure::file("writing", path, &error))
    }

    /// Opens the file that is there already.
    pub(super) fn open_file(&self) -> Result<Option<File>> {
        let Some(path) = &self.trace_file else { return Ok(None) };
        let file = OpenOptions::new().append(true).open(path);
        file.map(Some).map_err(|error| Failure::file("writing", path, &error))
    }

    /// Has the first process of the namespaces trace the same, to the same file.
    pub(super) fn pass_on(&self, to: &mut Command) {
        let Some(groups) = &self.trace else { return };
        let values = groups.iter().filter_map(Group::to_possible_value);
        let names: Vec<_> = values.map(|value| value.get_name().to_owned()).collect();
        to.arg(format!("--trace={}", names.join(",")));
        if let Some(path) = &self.trace_file {
            to.arg("--trace-file").arg(path);
        }
        if self.trace_times {
            to.arg("--trace-times");
        }
    }

    /// Runs `body`, which starts the command and sees to it that nothing of it is left.
    pub(super) fn run(&self, file: Option<File>, body: impl FnOnce() -> Result<u8> + Send) -> Result<u8> {
        let Some(groups) = &self.trace else { return body() };
        let wanted = |group| groups.contains(&Group::All) || groups.contains(&group);
        let traced = calls::table();
        let rules: Vec<CallRule> =
            traced.iter().filter(|it| wanted(it.group) || it.group == Group::Programs).map(|it| it.rule).collect();
        let mut trace = Trace { file, times: self.trace_times, start: Instant::now(), failure: None };
        let mut has_begun = false;
        let answer = |call: &Call| {
            // What this program does to start the command is not the command's, nor is what its child does before that.
            if call.is_by_body() {
                return Answer::Proceed;
            }
            has_begun = has_begun || executes(call);
            if has_begun {
                trace.show(&traced, call, wanted);
            }
            Answer::Proceed
        };
        let status = intercept(&rules, answer, body).map_err(|error| Failure::new(format!("no tracing: {error}")))?;
        if let Some(error) = trace.failure {
            complain(format!("writing the calls: {}; the rest of them is missing", reason(&error)));
        }
        status
    }
}

/// Whether the call executes a program that is there: it is looked for in one folder after the other.
fn executes(call: &Call) -> bool {
    let path = || Arguments::of(call).path(0);
    call.call().name() == Some("execve") && path().is_none_or(|path| Path::new(OsStr::from_bytes(&path)).exists())
}

/// Where the lines go.
struct Trace {
    file: Option<File>,
    times: bool,
    start: Instant,
    failure: Option<io::Error>,
}

impl Trace {
    fn show(&mut self, traced: &[Traced], call: &Call, wanted: impl Fn(Group) -> bool) {
        let Some(it) = traced.iter().find(|it| it.rule.call() == call.call()) else { return };
        let Some(words) = wanted(it.group).then(|| (it.decode)(&Arguments::of(call))).flatten() else { return };
        let thread = call.thread().map_or_else(|| "?".into(), |thread| thread.to_string());
        let time = match self.times {
            true => format!(" {:.6}", self.start.elapsed().as_secs_f64()),
            false => String::new(),
        };
        self.write(&format!("[{thread}]{time} {}{words}\n", call.call()));
    }

    /// In one piece, so that lines stay whole next to those of others.
    fn write(&mut self, line: &str) {
        match &mut self.file {
            Some(file) if self.failure.is_none() => self.failure = file.write_all(line.as_bytes()).err(),
            Some(_) => {}
            // Whether anybody reads it does not matter.
            None => drop(io::stderr().write_all(line.as_bytes())),
        }
    }
}

impl Source for Call {
    fn argument(&self, index: usize) -> u64 {
        Self::argument(self, index)
    }

    fn read(&self, address: u64, buffer: &mut [u8]) -> usize {
        self.read_memory(address, buffer).unwrap_or(0)
    }
}
