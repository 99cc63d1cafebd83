//! Ends what hangs, and says what it was.

use super::proc::{Stat, numbers, read};
use super::{SystemCall, children};
use crate::signal::SignalSet;
use core::fmt;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Ends the process, naming what hangs, unless it is dropped in time.
///
/// A test that waits for ever blocks all others and says nothing. This one says its name, and what each thread and child waits
/// in; then it kills the children, which might hold the pipe that the output goes to, and aborts.
///
/// ```
/// use ipc_safe::testing::Watchdog;
/// use std::time::Duration;
///
/// let _watchdog = Watchdog::new(Duration::from_secs(60)); // named like the thread, and that like the test
/// // ... what may hang ...
/// ```
#[derive(Debug)]
#[must_use = "it stands down when it is dropped"]
pub struct Watchdog {
    done: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    /// Watches over the calling thread, which has the name of its test.
    ///
    /// # Panics
    ///
    /// When there can be no thread that watches.
    pub fn new(patience: Duration) -> Self {
        let name = thread::current().name().unwrap_or("a thread without name").to_owned();
        Self::named(name, patience)
    }

    /// Watches over something of this name.
    ///
    /// # Panics
    ///
    /// As [`new`](Self::new).
    pub fn named(name: impl Into<String>, patience: Duration) -> Self {
        Self::calling(name, patience, |hang| {
            tell(&format!("{hang}\n"));
            kill_children();
            std::process::abort();
        })
    }

    /// Calls `act` when it takes too long, and does nothing else about it. Dropping the watchdog waits for `act`.
    ///
    /// ```
    /// use ipc_safe::testing::Watchdog;
    /// use std::time::Duration;
    ///
    /// let (tell, told) = std::sync::mpsc::channel();
    /// let watchdog = Watchdog::calling("the lunch", Duration::from_millis(1), move |hang| tell.send(hang).unwrap());
    /// let hang = told.recv().unwrap();
    /// assert!(hang.to_string().starts_with("the lunch hangs: not done after 1ms"));
    /// # drop(watchdog);
    /// ```
    ///
    /// # Panics
    ///
    /// As [`new`](Self::new).
    pub fn calling(name: impl Into<String>, patience: Duration, act: impl FnOnce(Hang) + Send + 'static) -> Self {
        let name = name.into();
        let (done, ended) = channel();
        let watch = move || {
            if ended.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
                act(Hang::look(name, patience));
            }
        };
        // It has handlers run elsewhere: a signal to the process is meant for who is watched.
        let _mask = SignalSet::all().block().expect("a mask");
        let thread = thread::Builder::new().name("watchdog".to_owned()).spawn(watch);
        Self { done: Some(done), thread: Some(thread.expect("a thread that watches")) }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.done.take());
        // So that it is no thread that is left. It waits for nothing but its own time, which just ended.
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Tells whoever runs the program. Not `eprintln`: what that prints in a thread of a test, the harness keeps, and loses when the process
/// ends here; nor through std's lock, which a thread that hangs may hold.
fn tell(text: &str) {
    // Where nobody can be told, the process is ended all the same.
    let _ = rustix::io::write(rustix::stdio::stderr(), text.as_bytes());
}

/// What took too long, and what everybody was doing.
#[derive(Clone, Debug)]
pub struct Hang {
    name: String,
    patience: Duration,
    lines: Vec<String>,
}

impl Hang {
    fn look(name: String, patience: Duration) -> Self {
        let mut lines = Vec::new();
        for thread in numbers("/proc/self/task").unwrap_or_default() {
            lines.extend(waits("thread", thread, &format!("/proc/self/task/{thread}")));
        }
        for child in children::pids().unwrap_or_default() {
            lines.extend(waits("child", child, &format!("/proc/{child}")));
        }
        Self { name, patience, lines }
    }

    /// What was watched over.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The threads of this process and its children: `thread 77 (the test): sleeping in semtimedop`.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        &self.lines
    }
}

/// `the test hangs: not done after 60s`, and the lines.
impl fmt::Display for Hang {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} hangs: not done after {:?}", self.name, self.patience)?;
        self.lines.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

fn waits(what: &str, id: u32, folder: &str) -> Option<String> {
    let stat = Stat::read(&format!("{folder}/stat"))?;
    let text = read(&format!("{folder}/syscall")).unwrap_or_default();
    let call = text.split(' ').next().and_then(|number| number.parse().ok()).map(SystemCall::from_raw);
    let call = call.map(|call| format!(" in {call}")).unwrap_or_default();
    Some(format!("{what} {id} ({}): {}{call}", stat.name, stat.state()))
}

/// Kills all children of this process. A number that came to belong to another process is left alone.
fn kill_children() {
    for pid in children::pids().unwrap_or_default() {
        let Some(id) = Pid::from_raw(pid.cast_signed()) else { continue };
        let Ok(child) = pidfd_open(id, PidfdFlags::empty()) else { continue };
        // From here on the descriptor means one process; whether that is the child is asked now.
        if Stat::read(&format!("/proc/{pid}/stat")).is_some_and(|stat| stat.parent == std::process::id()) {
            let _ = pidfd_send_signal(&child, Signal::KILL);
        }
    }
}
