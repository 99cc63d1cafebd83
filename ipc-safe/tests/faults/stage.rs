//! The examples as programs on a stage: started, waited for, ended, and looked after.

use crate::program::example;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

/// Longer than any example waits by itself on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// What an example and its helpers do, in a folder of their own.
#[derive(Clone, Copy)]
pub(crate) struct Play {
    pub(crate) name: &'static str,
    pub(crate) script: fn(&mut Stage),
}

/// The programs of a play. Input and outputs are files, so that nobody waits for anybody.
pub(crate) struct Stage {
    folder: PathBuf,
    programs: Vec<Program>,
}

struct Program {
    name: &'static str,
    child: Child,
    ended: Option<ExitStatus>,
    /// Whether it was sent a `SIGTERM`.
    told: bool,
}

/// How a program ended.
pub(crate) struct Ended {
    pub(crate) name: &'static str,
    /// None when it had to be killed.
    pub(crate) status: Option<ExitStatus>,
    /// Whether it was sent a `SIGTERM`, which ends it where a fault keeps it from being taken.
    told: bool,
    pub(crate) errors: String,
}

impl Stage {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), programs: Vec::new() }
    }

    /// A path in the folder that is the play's own, and empty before and after it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join("own").join(name)
    }

    fn log(&self, index: usize, which: &str) -> PathBuf {
        self.folder.join(format!("{index}.{which}"))
    }

    /// Starts an example. None when there is no process to be had.
    pub(crate) fn start<const N: usize>(&mut self, name: &'static str, arguments: [&str; N], input: &str) -> usize {
        let index = self.programs.len();
        std::fs::write(self.log(index, "in"), input).expect("a file");
        let create = |which| File::create(self.log(index, which)).expect("a file");
        let child = Command::new(example(name))
            .args(arguments)
            .env("TMPDIR", self.folder.join("own"))
            .stdin(File::open(self.log(index, "in")).expect("a file"))
            .stdout(create("out"))
            .stderr(create("err"))
            .spawn()
            .expect("a process");
        self.programs.push(Program { name, child, ended: None, told: false });
        index
    }

    /// As [`start`](Self::start), and waits for the end.
    pub(crate) fn run<const N: usize>(&mut self, name: &'static str, arguments: [&str; N], input: &str) {
        let index = self.start(name, arguments, input);
        self.wait(index);
    }

    /// Waits until a program has printed this, or has ended; whether it has printed it.
    pub(crate) fn until(&mut self, index: usize, text: &str) -> bool {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let ended = self.has_ended(index);
            if self.output(index).contains(text) {
                return true;
            }
            if ended || Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(Duration::from_micros(500));
        }
    }

    pub(crate) fn output(&self, index: usize) -> String {
        std::fs::read_to_string(self.log(index, "out")).unwrap_or_default()
    }

    fn has_ended(&mut self, index: usize) -> bool {
        let program = &mut self.programs[index];
        if program.ended.is_none() {
            program.ended = program.child.try_wait().expect("a child");
        }
        program.ended.is_some()
    }

    /// Waits for the end; false when it does not come.
    pub(crate) fn wait(&mut self, index: usize) -> bool {
        let deadline = Instant::now() + PATIENCE;
        while !self.has_ended(index) {
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(Duration::from_micros(500));
        }
        true
    }

    pub(crate) fn pid(&self, index: usize) -> Pid {
        Pid::from_child(&self.programs[index].child)
    }

    /// Ends a server.
    pub(crate) fn terminate(&mut self, index: usize) {
        if !self.has_ended(index) {
            self.programs[index].told = true;
            let _ = kill_process(self.pid(index), Signal::TERM);
        }
    }

    /// Waits for all.
    pub(crate) fn finish(mut self) -> Vec<Ended> {
        for index in 0..self.programs.len() {
            if !self.wait(index) {
                let _ = self.programs[index].child.kill();
                let _ = self.programs[index].child.wait();
            }
        }
        let errors = |index| std::fs::read_to_string(self.log(index, "err")).unwrap_or_default();
        let ended = |(index, program): (usize, &Program)| Ended {
            name: program.name,
            status: program.ended,
            told: program.told,
            errors: errors(index),
        };
        self.programs.iter().enumerate().map(ended).collect()
    }
}

impl Ended {
    /// What is wrong with it: an example ends by itself, with 0, or with 1 or 2 and an error in words. Or it was killed.
    pub(crate) fn trouble(&self, may_be_killed: bool) -> Option<String> {
        let Self { name, status, errors, told } = self;
        let Some(status) = status else { return Some(format!("{name} does not end: {errors}")) };
        if errors.contains("panicked at") {
            return Some(format!("{name} panicked: {errors}"));
        }
        match status.code() {
            Some(0) => None,
            Some(1 | 2) if !errors.trim().is_empty() => None,
            Some(1 | 2) => Some(format!("{name} failed without a word")),
            None if *told && status.signal() == Some(libc::SIGTERM) => None,
            None if may_be_killed && status.signal() == Some(libc::SIGKILL) => None,
            _ => Some(format!("{name} ended with {status}, signal {:?}: {errors}", status.signal())),
        }
    }
}

/// Plays for all examples.
pub(crate) const PLAYS: &[Play] = &[
    Play { name: "alarm_clock", script: |stage| stage.run("alarm_clock", ["1", "1"], "") },
    Play { name: "blackboard", script: blackboard },
    Play { name: "channel_pair", script: |stage| stage.run("channel_pair", ["3"], "") },
    Play { name: "coprocess_add", script: |stage| stage.run("coprocess_add", [], "1 2\n3 four\n") },
    Play { name: "fifo_atomic", script: fifo_atomic },
    Play { name: "fifo", script: fifo },
    Play { name: "interval_timer_handler", script: |stage| stage.run("interval_timer", ["handler"], "line\n") },
    Play { name: "interval_timer_wait", script: |stage| stage.run("interval_timer", ["wait"], "") },
    Play { name: "mmap_anonymous", script: |stage| stage.run("mmap_anonymous", [], "") },
    Play { name: "mmap_copy", script: mmap_copy },
    Play { name: "mmap_counter", script: mmap_counter },
    Play { name: "mmap_file", script: mmap_file },
    Play { name: "msg", script: msg },
    Play { name: "pipe_parent_child", script: |stage| stage.run("pipe_parent_child", [], "") },
    Play { name: "pipeline", script: |stage| stage.run("pipeline", ["/proc/self/fdinfo"], "") },
    Play { name: "popen_read", script: |stage| stage.run("popen_read", ["echo hello"], "") },
    Play { name: "popen_write", script: |stage| stage.run("popen_write", ["cat"], "b\na\n") },
    Play { name: "reap_children", script: |stage| stage.run("reap_children", [], "") },
    Play { name: "rpc", script: |stage| stage.run("rpc", [], "") },
    Play { name: "sem_parent_child", script: |stage| stage.run("sem_parent_child", [], "") },
    Play { name: "shared_producer_consumer", script: |stage| stage.run("shared_producer_consumer", [], "") },
    Play { name: "shm_record", script: shm_record },
    Play { name: "signal_pending", script: |stage| stage.run("signal_pending", ["1"], "") },
    Play { name: "signal_send", script: |stage| stage.run("signal_send", [], "") },
    Play { name: "signal_sets", script: |stage| stage.run("signal_sets", [], "") },
    Play { name: "tcp", script: tcp },
    Play { name: "unix_echo", script: unix_echo },
];

/// The examples that the plays need.
pub(crate) const EXAMPLES: &[&str] = &[
    "alarm_clock",
    "blackboard_client",
    "blackboard_server",
    "channel_pair",
    "coprocess_add",
    "fifo_atomic",
    "fifo_reader",
    "fifo_writer",
    "interval_timer",
    "mmap_anonymous",
    "mmap_copy",
    "mmap_counter",
    "mmap_file",
    "msg_client",
    "msg_server",
    "pipe_parent_child",
    "pipeline",
    "popen_read",
    "popen_write",
    "reap_children",
    "rpc",
    "sem_parent_child",
    "shared_producer_consumer",
    "shm_record_read",
    "shm_record_write",
    "signal_pending",
    "signal_send",
    "signal_sets",
    "tcp_client",
    "tcp_server",
    "unix_echo_client",
    "unix_echo_server",
];

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of text")
}

fn fifo_atomic(stage: &mut Stage) {
    let path = stage.path("fifo");
    stage.run("fifo_atomic", [text(&path)], "");
}

fn fifo(stage: &mut Stage) {
    let path = stage.path("fifo");
    let writer = stage.start("fifo_writer", [text(&path), "1"], "");
    let reader = stage.start("fifo_reader", [text(&path)], "");
    stage.wait(writer);
    // Whoever lost the other one waits for somebody: give it what it waits for.
    if !stage.has_ended(reader) {
        std::thread::sleep(Duration::from_millis(20));
        if !stage.has_ended(reader) {
            let _ = File::options().write(true).open(&path);
        }
    }
    stage.wait(reader);
    let _ = std::fs::remove_file(path);
}

fn mmap_copy(stage: &mut Stage) {
    let (from, to) = (stage.path("from"), stage.path("to"));
    std::fs::write(&from, [7; 5000]).expect("a file");
    stage.run("mmap_copy", [text(&from), text(&to)], "");
    let _ = std::fs::remove_file(from);
    let _ = std::fs::remove_file(to);
}

fn mmap_counter(stage: &mut Stage) {
    let path = stage.path("counter");
    stage.run("mmap_counter", [text(&path), "3"], "");
    let _ = std::fs::remove_file(path);
}

fn mmap_file(stage: &mut Stage) {
    let path = stage.path("board");
    stage.run("mmap_file", [text(&path), "--write", "hello"], "");
    stage.run("mmap_file", [text(&path)], "");
    let _ = std::fs::remove_file(path);
}

fn msg(stage: &mut Stage) {
    let key = stage.path("");
    let server = stage.start("msg_server", [text(&key)], "");
    if stage.until(server, "is ready") {
        stage.run("msg_client", [text(&key), "hello"], "");
        stage.terminate(server);
    }
}

fn blackboard(stage: &mut Stage) {
    let key = stage.path("");
    let server = stage.start("blackboard_server", [text(&key)], "");
    if stage.until(server, "is ready") {
        stage.run("blackboard_client", [text(&key)], "hello\nq\n");
        stage.terminate(server);
    }
}

fn shm_record(stage: &mut Stage) {
    let key = stage.path("");
    stage.run("shm_record_write", [text(&key), "Ada", "36"], "");
    stage.run("shm_record_read", [text(&key)], "");
    // Again, where the first one failed.
    stage.run("shm_record_write", [text(&key), "--remove"], "");
    stage.run("shm_record_write", [text(&key), "--remove"], "");
}

fn tcp(stage: &mut Stage) {
    let server = stage.start("tcp_server", ["127.0.0.1:0"], "");
    if stage.until(server, "listens at") {
        let output = stage.output(server);
        let address = output.split_whitespace().last().expect("an address").to_owned();
        stage.run("tcp_client", [&address, "hello"], "");
        stage.terminate(server);
    }
}

fn unix_echo(stage: &mut Stage) {
    let path = stage.path("echo");
    let server = stage.start("unix_echo_server", [text(&path)], "");
    if stage.until(server, "listens at") {
        stage.run("unix_echo_client", [text(&path)], "hello\n");
        stage.terminate(server);
    }
}
