//! Tests that disturb nobody and that nobody disturbs.

use super::intercept::no_thread;
use super::{Resources, Snapshot, raw};
use crate::error::{Errno, Error, Result};
use core::fmt;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::process::{Command, Output};
use std::thread::{self, Builder};

/// Where a body ran that was to be [isolated].
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "it may not have run at all"]
pub enum Isolation {
    /// On a thread of this process, in an IPC namespace of its own.
    Thread,
    /// In another process, whose only test this is, in an IPC namespace of its own.
    Process,
    /// This is that other process, and the body ran here.
    Inside,
    /// Nowhere.
    Skipped {
        /// Why.
        reason: String,
    },
}

impl Isolation {
    /// Whether the body ran.
    #[must_use]
    pub const fn ran(&self) -> bool {
        !matches!(self, Self::Skipped { .. })
    }
}

/// `ran on a thread in a namespace of its own`, ..., `skipped: ` and why.
impl fmt::Display for Isolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Thread => f.write_str("ran on a thread in a namespace of its own"),
            Self::Process => f.write_str("ran in a process in a namespace of its own"),
            Self::Inside => f.write_str("ran here, in a namespace of its own"),
            Self::Skipped { reason } => write!(f, "skipped: {reason}"),
        }
    }
}

/// Runs `body` on a fresh thread that has an IPC namespace of its own: no System V object is there, the ids begin anew, and who is
/// root may set the limits in `/proc/sys/kernel`. The namespace and all in it goes with its last thread.
///
/// The thread is a fresh one because the kernel gives back what a thread holds with `SEM_UNDO` when it leaves its namespace.
///
/// ```
/// use ipc_safe::error::ErrorKind;
/// use ipc_safe::sysv::MessageQueue;
/// use ipc_safe::testing::in_ipc_namespace;
///
/// match in_ipc_namespace(|| MessageQueue::list().map(|queues| queues.len())) {
///     Ok(queues) => assert_eq!(queues?, 0),
///     Err(error) => assert_eq!(error.kind(), ErrorKind::PermissionDenied), // not root
/// }
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [ipc_namespaces(7)](https://man7.org/linux/man-pages/man7/ipc_namespaces.7.html)
///
/// # Errors
///
/// [`PermissionDenied`](crate::error::ErrorKind::PermissionDenied) without `CAP_SYS_ADMIN`; [`isolated`] knows a way around. The body is
/// not run then.
///
/// # Panics
///
/// When `body` does.
#[doc(alias = "unshare")]
#[doc(alias = "CLONE_NEWIPC")]
pub fn in_ipc_namespace<T: Send>(body: impl FnOnce() -> T + Send) -> Result<T> {
    let name = thread::current().name().unwrap_or("isolated").to_owned();
    let run = || raw::unshare_ipc().map(|()| body());
    let done = thread::scope(|scope| {
        let thread = Builder::new().name(name).spawn_scoped(scope, run).map_err(no_thread)?;
        Ok::<_, Error>(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })?;
    done.map_err(|errno| match errno {
        Errno::PERM => {
            Error::new("unshare", errno).because("only root, and who has CAP_SYS_ADMIN, may make a namespace")
        }
        _ => Error::new("unshare", errno),
    })
}

/// Runs the body of a test in an IPC namespace of its own: [on a thread](in_ipc_namespace), or without the right to that in a
/// process, as root of a user namespace. What it leaves in the namespace fails the test.
///
/// The process is this program once more, told to run this one test: call it first thing in the function of a test, whose name
/// is that of the thread. What the test does before happens in both processes, what it does after in this one.
///
/// A segment stays for as long as any process has it attached, and a child that another test forks has a copy of every attachment:
/// in a program that forks, a test that attaches runs [in a process of its own](in_process), and isolated there.
///
/// ```
/// use ipc_safe::sysv::{Key, MessageQueue};
/// use ipc_safe::testing::isolated;
///
/// let isolation = isolated(|| {
///     let queue = MessageQueue::options().create_new(true).open(Key::new(1)).unwrap(); // nobody else has key 1 here
///     queue.remove().unwrap();
/// });
/// println!("{isolation}");
/// ```
///
/// # Panics
///
/// When `body` does, when it leaves a System V object, and when it fails in the other process, with what that printed.
pub fn isolated(body: impl FnOnce() + Send) -> Isolation {
    if inside().is_some_and(|inside| inside == IN_NAMESPACE) {
        run_clean(body);
        return Isolation::Inside;
    }
    // The body is kept for the case that there is no namespace to be had on a thread: then only the other process runs it.
    match in_ipc_namespace(|| run_clean(body)) {
        Ok(()) => Isolation::Thread,
        Err(error) => match again(IN_NAMESPACE) {
            Again::Passed => Isolation::Process,
            Again::Skipped(reason) => Isolation::Skipped { reason: format!("{error}; {reason}") },
        },
    }
}

/// Runs the body of a test in a process of its own, which runs nothing else: it may look at
/// [everything that a process has](Resources::ALL), change limits and actions of signals, and fork.
///
/// The process is this program once more, told to run this one test, as [`isolated`] does it. It has one thread more, which waits for
/// the test to end; a signal to the whole process may be delivered there.
///
/// ```no_run
/// use ipc_safe::testing::{LeakGuard, in_process, isolated};
///
/// #[test]
/// fn leaves_nothing() {
///     in_process(|| {
///         // System V objects are everybody's, also in a process of its own.
///         let isolation = isolated(|| {
///             let _guard = LeakGuard::new().unwrap();
///             // ...
///         });
///         println!("{isolation}");
///     });
/// }
/// ```
///
/// # Panics
///
/// When `body` fails, with what the other process printed; when this is not the thread of a test.
pub fn in_process(body: impl FnOnce()) {
    if inside().is_some() {
        return body();
    }
    if let Again::Skipped(reason) = again(IN_PROCESS) {
        panic!("not in a process of its own: {reason}");
    }
}

fn run_clean(body: impl FnOnce()) {
    body();
    let left = Snapshot::options().only(Resources::OBJECTS).take().expect("the kernel lists its objects");
    let left = Snapshot::empty().difference(&left);
    assert!(left.is_empty(), "left in the namespace:\n{left}");
}

/// Set in the other process, to what it has of its own.
const INSIDE: &str = "IPC_SAFE_TESTING_INSIDE";
const IN_PROCESS: &str = "process";
const IN_NAMESPACE: &str = "namespace";

fn inside() -> Option<OsString> {
    std::env::var_os(INSIDE)
}

enum Again {
    Passed,
    Skipped(String),
}

/// Runs the test of the calling thread again, in a process of its own.
fn again(inside: &str) -> Again {
    let thread = thread::current();
    let Some(name) = thread.name().filter(|name| *name != "main") else {
        return Again::Skipped(
            "the thread has no name of a test, by which another process could be told to run it".into(),
        );
    };
    let mut command = match std::env::current_exe() {
        Ok(program) => Command::new(program),
        Err(error) => return Again::Skipped(format!("the path of this program is not known: {error}")),
    };
    command.args(["--exact", name, "--nocapture", "--include-ignored", "--test-threads=2"]).env(INSIDE, inside);
    if inside == IN_NAMESPACE {
        raw::in_user_namespace(&mut command);
    }
    match command.output() {
        Ok(output) => check(name, &output),
        Err(error) if error.kind() == ErrorKind::NotFound => Again::Skipped(format!("this program is gone: {error}")),
        Err(error) => Again::Skipped(format!("no process in a user namespace: {error}")),
    }
}

/// The test passed there; that it ran at all is told by the harness.
fn check(name: &str, output: &Output) -> Again {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{name} failed in a process of its own ({}):\n{out}{err}", output.status);
    assert!(out.contains("test result: ok. 1 passed"), "no test {name} ran in a process of its own:\n{out}{err}");
    Again::Passed
}
