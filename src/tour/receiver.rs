//! The receiver: a forked child of the sender.

use super::conversation;
use super::mechanism::{End, Objects};
use crate::failure::{Failure, Result, reason};
use crate::inventory::Name;
use ipc_safe::process::Pid;
use rustix::process::{Signal, WaitOptions, getpid, getppid, kill_process, set_parent_process_death_signal, waitpid};
use signal_hook::consts::SIGTERM;
use signal_hook::iterator::Signals;
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The receiver as the sender sees it. Killed and reaped when dropped.
pub(super) struct Receiver {
    pid: Pid,
    /// How it ended; after that the process id may be another process's.
    status: Option<ExitStatus>,
}

impl Receiver {
    /// Starts it. To be called while this process has no other thread, from the thread that lives as long as the process:
    /// the receiver notices its end.
    pub(super) fn start(objects: &dyn Objects, file: &Path, unit: usize) -> Result<Self> {
        let sender = getpid();
        if let Some(pid) = fork()? {
            return Ok(Self { pid, status: None });
        }
        // Whatever happens in the child, it does not go on with what the sender was about to do.
        let life = Life { objects, file, unit, sender };
        let status = catch_unwind(AssertUnwindSafe(|| life.run()));
        let _no_cleaning_under_way = ENDING.lock();
        if life.is_left_behind() {
            cancel(&objects.names());
        }
        std::process::exit(status.unwrap_or(101))
    }

    pub(super) const fn pid(&self) -> Pid {
        self.pid
    }

    /// How it ended, if it did.
    pub(super) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        if self.status.is_none() {
            let waited = waitpid(Some(self.pid), WaitOptions::NOHANG)
                .map_err(|errno| Failure::new(format!("waiting for the receiver: {}", reason(&errno))))?;
            self.status = waited.map(|(_, status)| ExitStatus::from_raw(status.as_raw()));
        }
        Ok(self.status)
    }

    /// Ends it, when it did not end yet: a sender that waits for it, or for room in a pipe to it, goes on.
    pub(super) fn kill(&self) {
        if self.status.is_none() {
            // An error means that it is over already.
            let _ = kill_process(self.pid, Signal::KILL);
        }
    }

    /// Waits for one that has said all it had to say.
    pub(super) fn finish(mut self) {
        const PATIENCE: Duration = Duration::from_secs(2);
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline && matches!(self.ended(), Ok(None)) {
            std::thread::sleep(Duration::from_micros(200));
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if self.status.is_none() {
            // Both fail only when it is over already.
            let _ = kill_process(self.pid, Signal::KILL);
            let _ = waitpid(Some(self.pid), WaitOptions::empty());
        }
    }
}

/// The child, or none in the child.
#[expect(unsafe_code, reason = "neither std nor rustix forks")]
fn fork() -> Result<Option<Pid>> {
    // SAFETY: a child of a process with several threads may do only what a signal handler may. This process has one: the
    // watcher of the row before is joined, and nothing else here starts threads.
    match unsafe { libc::fork() } {
        -1 => Err(Failure::new(format!("starting the receiver: {}", reason(&std::io::Error::last_os_error())))),
        pid => Ok(Pid::from_raw(pid)),
    }
}

/// Ends the wait of both ends by removing what they wait on. What is gone already, is.
pub(super) fn cancel(names: &[Name]) {
    for name in names {
        let _ = name.remove();
    }
}

/// What the child does.
struct Life<'o> {
    objects: &'o dyn Objects,
    file: &'o Path,
    unit: usize,
    sender: Pid,
}

impl Life<'_> {
    fn run(&self) -> i32 {
        let names = self.objects.names();
        match self.outlive_nobody(&names).and_then(|()| self.receive()) {
            Ok(()) => 0,
            Err(failure) => {
                // When the objects are gone, the sender removed them, and knows why.
                if names.iter().all(Name::exists) {
                    failure.report();
                }
                1
            }
        }
    }

    /// When the sender dies, which it may do without a chance to clean up, the receiver does that and ends. Ctrl-C is the
    /// sender's to handle.
    fn outlive_nobody(&self, names: &[Name]) -> Result {
        let cannot = |error: std::io::Error| Failure::new(format!("the receiver's signals: {}", reason(&error)));
        let mut signals = Signals::new([SIGTERM]).map_err(cannot)?;
        set_parent_process_death_signal(Some(Signal::TERM)).map_err(|errno| cannot(errno.into()))?;
        // It may have died before it was asked to tell.
        if self.is_alone() {
            leave(names);
        }
        let names = names.to_vec();
        std::thread::spawn(move || {
            if signals.forever().next().is_some() {
                leave(&names);
            }
        });
        Ok(())
    }

    fn is_alone(&self) -> bool {
        getppid() != Some(self.sender)
    }

    /// Whether the sender has died, or is about to. It closes its descriptors some time before its children are told: the
    /// end of a stream may be all that this one ever hears of it.
    fn is_left_behind(&self) -> bool {
        /// A flag of the kernel's (`include/linux/sched.h`): the thread is ending.
        const PF_EXITING: u32 = 0x4;
        let stat = std::fs::read(format!("/proc/{}/stat", self.sender.as_raw_pid())).unwrap_or_default();
        // The seventh field behind the name, which may have spaces and parentheses itself.
        let fields = stat.rsplit(|&byte| byte == b')').next().unwrap_or_default();
        let flags =
            fields.split(|&byte| byte == b' ').nth(7).and_then(|flags| std::str::from_utf8(flags).ok()?.parse().ok());
        self.is_alone() || flags.is_some_and(|flags: u32| flags & PF_EXITING != 0)
    }

    fn receive(&self) -> Result {
        let mut channel = self.objects.connect(End::Receiver)?;
        conversation::receive(&mut *channel, self.file, self.unit)
    }
}

/// Held by the thread that ends the process: no other one may do so when it has removed one object and not yet the next.
static ENDING: Mutex<()> = Mutex::new(());

fn leave(names: &[Name]) -> ! {
    let _others_wait = ENDING.lock();
    cancel(names);
    std::process::exit(128 + SIGTERM)
}
