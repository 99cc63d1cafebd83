//! The examples as programs: built once, run, talked to.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(unreachable_pub, reason = "one module of several programs")]

use ipc_safe::sysv::Key;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::num::NonZeroU8;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The executable of an example, built with the profile and in the target folder of this test program, once.
///
/// Cargo builds the examples for some ways of running the tests and not for others, so it is asked here; where there is
/// nothing to do, it says so soon. It has released its lock on the target folder when it runs tests.
pub fn example(name: &'static str) -> PathBuf {
    static BUILT: Mutex<BTreeMap<&str, PathBuf>> = Mutex::new(BTreeMap::new());
    // A panic under the lock is a build that failed, which the others may try again.
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    built.entry(name).or_insert_with(|| build(name)).clone()
}

fn build(name: &str) -> PathBuf {
    let place = TargetFolder::of_this_program();
    let executable = place.folder.join("examples").join(name);
    // A test program that was not started by cargo, perhaps by a user who may not write to the target folder, takes what
    // was built before.
    let Some(cargo) = std::env::var_os("CARGO") else {
        assert!(executable.exists(), "{} is not there: run cargo build --examples", executable.display());
        return executable;
    };
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--package", "ipc-safe", "--example", name, "--profile", &place.profile]);
    command.arg("--target-dir").arg(&place.target);
    if let Some(triple) = &place.triple {
        command.arg("--target").arg(triple);
    }
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("cargo starts");
    assert!(output.status.success(), "cargo build failed:\n{}", String::from_utf8_lossy(&output.stderr));
    executable
}

/// Where this test program lies: `<target>/[<triple>/]<profile>/deps/<program>`.
struct TargetFolder {
    target: PathBuf,
    triple: Option<String>,
    profile: String,
    folder: PathBuf,
}

impl TargetFolder {
    fn of_this_program() -> Self {
        let program = std::env::current_exe().expect("the path of the test program");
        let folder = program.parent().and_then(Path::parent).expect("<profile>/deps/<program>").to_owned();
        let profile = match name_of(&folder).as_str() {
            "debug" => "dev".to_owned(),
            other => other.to_owned(),
        };
        let parent = folder.parent().expect("<target>/<profile>");
        // Cargo keeps this file at the top of a target folder, not in the folder of a triple.
        if parent.join(".rustc_info.json").exists() {
            return Self { target: parent.to_owned(), triple: None, profile, folder };
        }
        let target = parent.parent().expect("<target>/<triple>").to_owned();
        Self { target, triple: Some(name_of(parent)), profile, folder }
    }
}

fn name_of(folder: &Path) -> String {
    folder.file_name().and_then(OsStr::to_str).expect("a folder with a name").to_owned()
}

/// A folder of one test, whose key no other test has at the same time: 24 bits of device and inode are few.
pub struct Place {
    folder: TempDir,
    /// A name in the kernel that only one process can have, and that goes with it.
    _claim: UnixListener,
}

impl Place {
    pub fn new() -> Self {
        let mut in_use = Vec::new(); // Kept, so that the next one has another inode.
        loop {
            let folder = tempfile::tempdir().expect("a folder for temporary files");
            let bits = key(folder.path(), u8::MAX).as_raw() & 0x00ff_ffff;
            let name = SocketAddr::from_abstract_name(format!("ipc-safe test, key {bits:06x}")).expect("a short name");
            match UnixListener::bind_addr(&name) {
                Ok(claim) => return Self { folder, _claim: claim },
                Err(_) if in_use.len() < 1000 => in_use.push(folder),
                Err(error) => panic!("no key for the test: {error}"),
            }
        }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The key that an example with this project number uses.
    pub fn key(&self, project: u8) -> Key {
        key(self.path(), project)
    }
}

fn key(path: &Path, project: u8) -> Key {
    Key::from_path(path, NonZeroU8::new(project).expect("not 0")).expect("a folder that exists")
}

/// A program that runs, with its input and output. Told to end when dropped, and killed if it does not.
pub struct Running {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

/// What a program that ended left.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    /// What was not read before.
    pub output: String,
    pub errors: String,
}

impl Running {
    /// Starts an example with these arguments.
    pub fn example<A: AsRef<OsStr>>(name: &'static str, arguments: impl IntoIterator<Item = A>) -> Self {
        let mut command = Command::new(example(name));
        command.args(arguments);
        Self::start(command)
    }

    /// Starts a program.
    pub fn start(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A shell that has the tests in the background has them ignore this one.
        // SAFETY: the default action; `signal` may be called after `fork`.
        unsafe {
            command.pre_exec(|| {
                libc::signal(libc::SIGINT, libc::SIG_DFL);
                Ok(())
            });
        }
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, input, output }
    }

    /// The process id.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// The next line of output, without its end.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("output is text");
        if line.is_empty() {
            let mut errors = String::new();
            let _ = self.child.stderr.take().map(|mut stderr| stderr.read_to_string(&mut errors));
            panic!("the program ended without another line: {errors}");
        }
        line.trim_end_matches('\n').to_owned()
    }

    /// Writes to its input.
    pub fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let input = self.input.as_mut().expect("the input is still open");
        input.write_all(bytes.as_ref()).expect("the program reads");
    }

    /// Closes its input.
    pub fn close_input(&mut self) {
        self.input = None;
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("a child that is not reaped can be signalled");
    }

    /// The state of the process as the kernel shows it: `S` when it waits, `T` when it is stopped.
    pub fn state(&self) -> char {
        let path = format!("/proc/{}/stat", self.child.id());
        let stat = std::fs::read_to_string(path).expect("a child that is not reaped");
        let (_, rest) = stat.rsplit_once(") ").expect("a name in parentheses");
        rest.chars().next().expect("a state")
    }

    /// Closes its input and waits for the end.
    pub fn end(mut self) -> Ended {
        self.close_input();
        let (mut output, mut errors) = (String::new(), String::new());
        self.output.read_to_string(&mut output).expect("output is text");
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_string(&mut errors).expect("errors are text");
        }
        Ended { status: self.child.wait().expect("a child"), output, errors }
    }

    /// As [`end`](Self::end), for a program that must succeed; returns the rest of its output.
    pub fn succeed(self) -> String {
        let ended = self.end();
        assert!(ended.status.success(), "{ended:?}");
        ended.output
    }

    /// As [`end`](Self::end), for a program that must fail in an orderly way; returns its error messages.
    pub fn fail(self) -> String {
        let ended = self.end();
        assert_eq!(ended.status.code(), Some(1), "{ended:?}");
        ended.errors
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(2);
        while let Ok(None) = self.child.try_wait() {
            if Instant::now() < deadline {
                // Examples clean up then. Stopped ones go on first.
                let _ = kill_process(self.pid(), Signal::TERM);
                let _ = kill_process(self.pid(), Signal::CONT);
            } else {
                let _ = self.child.kill();
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
