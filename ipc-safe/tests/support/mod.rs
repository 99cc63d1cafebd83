//! What the tests have in common: namespaces of their own, forked children, deadlines.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(unreachable_pub, reason = "one module of several programs")]
#![allow(clippy::missing_panics_doc, clippy::missing_errors_doc, reason = "test code")]

pub mod waiting;

use ipc_safe::testing::{Watchdog, isolated};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Once;
use std::time::{Duration, Instant};

/// Longer than any test takes on a slow machine, shorter than anybody waits.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a test may take: `IPC_SAFE_PATIENCE` times as long where somebody asked for that, for more rounds or slower code.
fn patience() -> Duration {
    let times = std::env::var("IPC_SAFE_PATIENCE").map_or(1, |times| times.parse().expect("a number"));
    PATIENCE * times
}

/// Ends the whole test program, naming the test and what it waits in, when the test does not drop this in time.
pub fn watchdog() -> Watchdog {
    Watchdog::new(patience())
}

/// Hands figures to the report, when somebody wants one: `IPC_SAFE_FIGURES` names the folder that they go to, as `name`.json.
pub fn figures<'a>(name: &str, figures: impl IntoIterator<Item = (&'a str, u64)>) {
    let Some(folder) = std::env::var_os("IPC_SAFE_FIGURES") else { return };
    let lines: Vec<_> = figures.into_iter().map(|(figure, number)| format!("  \"{figure}\": {number}")).collect();
    let path = std::path::Path::new(&folder).join(format!("{name}.json"));
    std::fs::write(&path, format!("{{\n{}\n}}\n", lines.join(",\n"))).expect("the folder for figures");
}

/// Waits until `condition` holds; fails the test when it does not in time.
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + patience() / 2;
    while !condition() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// A forked child. Killed and reaped when dropped.
pub struct Forked {
    pid: libc::pid_t,
}

/// Runs `body` in a forked child of this thread; its result is the exit status, 101 when it panics.
#[must_use]
pub fn fork(body: impl FnOnce() -> i32) -> Forked {
    tell_panics_of_children();
    // SAFETY: the child runs on a copy of this thread only. glibc makes `malloc` usable after `fork`, and the bodies of the
    // tests take no other lock that another thread could have held.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "fork: {}", std::io::Error::last_os_error());
    if pid == 0 {
        let code = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).unwrap_or(101);
        // SAFETY: ends the child without running the destructors and exit handlers of the parent's copy.
        unsafe { libc::_exit(code) };
    }
    Forked { pid }
}

/// The test harness keeps what a test prints; what a child prints would be lost with it, so its panics go to the error output
/// as they are. The parent sees to it: in a child, the lock of the hook may be held by a thread that it does not have.
fn tell_panics_of_children() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let program = std::process::id();
        let harness = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| match std::process::id() == program {
            true => harness(panic),
            false => say(&format!("in a forked child: {panic}")),
        }));
    });
}

/// A line for whoever runs the tests. Not `println`: what that prints in a child, the test harness keeps to itself.
pub fn say(text: &str) {
    let text = format!("{text}\n");
    // SAFETY: reads the text. Without the lock that std would take, which a thread may hold that a child does not have.
    unsafe { libc::write(libc::STDERR_FILENO, text.as_ptr().cast(), text.len()) };
}

impl Forked {
    /// A child that was made in another way.
    #[must_use]
    pub fn adopt(pid: i32) -> Self {
        Self { pid }
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Sends a signal.
    pub fn signal(&self, signal: i32) {
        // SAFETY: the child is not reaped yet, so the number is its own.
        let sent = unsafe { libc::kill(self.pid, signal) };
        assert_eq!(sent, 0, "kill: {}", std::io::Error::last_os_error());
    }

    /// Waits for one of these changes (`WEXITED` and its like), and leaves it to be waited for again.
    #[must_use]
    pub fn look(&self, changes: i32) -> libc::siginfo_t {
        // SAFETY: all-zero is a value of the structure.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        let id = self.pid.cast_unsigned();
        // SAFETY: writes the information; the child is not reaped yet, so the number is its own.
        while unsafe { libc::waitid(libc::P_PID, id, &raw mut info, changes | libc::WNOWAIT) } == -1 {
            let error = std::io::Error::last_os_error();
            assert_eq!(error.kind(), std::io::ErrorKind::Interrupted, "waitid: {error}");
        }
        info
    }

    /// Waits for the end.
    #[must_use]
    pub fn wait(self) -> ExitStatus {
        let status = reap(self.pid);
        std::mem::forget(self);
        status
    }

    /// Waits for the end and expects exit status 0.
    pub fn succeed(self) {
        let status = self.wait();
        assert!(status.success(), "the child ended with {status}");
    }
}

impl Drop for Forked {
    fn drop(&mut self) {
        self.signal(libc::SIGKILL);
        let _ = reap(self.pid);
    }
}

fn reap(pid: libc::pid_t) -> ExitStatus {
    let mut status = 0;
    loop {
        // SAFETY: `status` is ours; `pid` is a child of this process that is not reaped yet.
        let reaped = unsafe { libc::waitpid(pid, &raw mut status, 0) };
        if reaped == pid {
            return ExitStatus::from_raw(status);
        }
        let error = std::io::Error::last_os_error();
        assert_eq!(error.kind(), std::io::ErrorKind::Interrupted, "waitpid: {error}");
    }
}

/// Runs `body` in an IPC namespace of its own: empty tables, and limits that root of the namespace may change through
/// `/proc/sys/kernel`; nothing may be left there. Where none is to be had, the test is skipped, saying so. Must be called by the
/// test function itself: its name is that of the thread.
pub fn in_namespace(body: impl FnOnce() + Send) {
    let isolation = isolated(body);
    if !isolation.ran() {
        println!("{isolation}");
    }
}

/// Whether the calling thread now has an IPC namespace of its own.
#[must_use]
pub fn unshare_ipc() -> bool {
    // SAFETY: only changes which System V objects this thread sees.
    unsafe { libc::unshare(libc::CLONE_NEWIPC) == 0 }
}

/// Fails when the calling thread's IPC namespace has any object.
pub fn assert_nothing_left() {
    for table in ["msg", "sem", "shm"] {
        let text = std::fs::read_to_string(format!("/proc/sysvipc/{table}")).expect("a table of the kernel");
        assert_eq!(text.lines().count(), 1, "left behind:\n{text}");
    }
}

/// Sets a limit of the calling thread's IPC namespace.
pub fn set_sysctl(name: &str, value: &str) {
    std::fs::write(format!("/proc/sys/kernel/{name}"), value).unwrap_or_else(|error| panic!("kernel.{name}: {error}"));
}

/// Whether this process has the capability of this number (`CAP_SYS_RESOURCE` is 24, `CAP_IPC_LOCK` 14).
#[must_use]
pub fn has_capability(number: u32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").expect("a process has a status");
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:")).expect("capabilities");
    u64::from_str_radix(effective.trim(), 16).expect("a hexadecimal number") >> number & 1 == 1
}

/// Runs `body` in a forked child without root's rights: user and group 65534, no capabilities. False, after saying so, when
/// this process may not change them (it is an ordinary user itself).
pub fn as_nobody(body: impl FnOnce() -> i32) -> bool {
    // SAFETY: takes no argument and cannot fail.
    if unsafe { libc::geteuid() } != 0 {
        println!("skipped a part that needs root to become another user");
        return false;
    }
    fork(|| {
        // SAFETY: changes the identity of the child only. The raw calls: glibc's would signal threads that the child lacks.
        let changed = unsafe {
            libc::syscall(libc::SYS_setgroups, 0, std::ptr::null::<libc::gid_t>()) == 0
                && libc::syscall(libc::SYS_setresgid, 65534, 65534, 65534) == 0
                && libc::syscall(libc::SYS_setresuid, 65534, 65534, 65534) == 0
        };
        assert!(changed, "not another user: {}", std::io::Error::last_os_error());
        body()
    })
    .succeed();
    true
}
