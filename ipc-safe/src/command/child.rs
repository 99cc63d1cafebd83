//! A program that runs, and that nobody else waits for.

use crate::error::{Errno, Error, ErrorKind, Result, keeping_errno};
use crate::pipe::{PipeReader, PipeWriter, no_descriptor, ours};
use crate::process::{ChildStatus, Children, Generation, Pid};
use crate::signal::{self, SignalSet};
use crate::wait::Wait;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::process::{PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::process::Command;
use std::thread::Builder;
use std::time::{Duration, Instant};

/// A child of this process. When it is dropped and the program runs on, a thread waits for its end.
#[derive(Debug)]
pub(super) struct Child {
    pid: Pid,
    /// What it is signalled and waited by: its process id may become another process's. None when it was gone at once, and left
    /// no status.
    descriptor: Option<OwnedFd>,
    made_in: Generation,
    ended: Option<Result<ChildStatus>>,
}

/// A program that was started, with this process's ends of the pipes that its command asked for.
pub(super) struct Started {
    pub(super) child: Child,
    pub(super) input: Option<PipeWriter>,
    pub(super) output: Option<PipeReader>,
}

/// Starts a program.
pub(super) fn start(command: &mut Command) -> Result<Started> {
    let mut child = command.spawn().map_err(|error| refused(command, &error))?;
    let pid = Pid::from_child(&child);
    let descriptor = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(descriptor) => Some(descriptor),
        Err(rustix::io::Errno::SRCH) => None,
        Err(number) => {
            // Nothing is left half started. Both fail only when it is over already.
            let _ = child.kill();
            let _ = child.wait();
            return Err(no_descriptor(Error::new("pidfd_open", ours(number))));
        }
    };
    let ended = if descriptor.is_none() { Some(Err(lost(pid))) } else { None };
    let (input, output) = (child.stdin.take().map(PipeWriter::from), child.stdout.take().map(PipeReader::from));
    Ok(Started { child: Child { pid, descriptor, made_in: Generation::current(), ended }, input, output })
}

impl Child {
    pub(super) const fn pid(&self) -> Pid {
        self.pid
    }

    pub(super) fn pidfd(&self) -> Option<BorrowedFd<'_>> {
        self.descriptor.as_ref().map(AsFd::as_fd)
    }

    /// That this process started it.
    pub(super) fn check(&self, call: &'static str) -> Result<()> {
        self.made_in.check(call)
    }

    /// How it ended.
    pub(super) fn wait(&mut self, wait: Wait) -> Result<ChildStatus> {
        self.check("waitid")?;
        if let Some(ended) = &self.ended {
            return ended.clone();
        }
        let result = match &self.descriptor {
            Some(descriptor) => by(descriptor.as_fd(), wait),
            None => Err(lost(self.pid)),
        };
        let result = match result {
            Err(error) if error.kind() == ErrorKind::NotFound => Err(lost(self.pid)),
            Err(error) => return Err(error),
            status => status,
        };
        self.ended = Some(result.clone());
        result
    }

    /// How it ended, when that was asked before.
    pub(super) const fn ended(&self) -> Option<&Result<ChildStatus>> {
        self.ended.as_ref()
    }

    /// Ends it, when it did not end yet.
    pub(super) fn kill(&self) {
        if let (Some(descriptor), None, true) = (&self.descriptor, &self.ended, self.made_in.is_current()) {
            // An error means that it is gone.
            let _ = pidfd_send_signal(descriptor, Signal::KILL);
        }
    }

    /// Ends it, and waits for that; not for ever, in case that the kernel cannot end it now.
    pub(super) fn end(&mut self) {
        const LONGEST: Duration = Duration::from_secs(1);
        self.kill();
        let _ = self.wait(Wait::at_most(LONGEST));
    }

    /// How it is, in words, for an error about it.
    pub(super) fn describe(&mut self, patience: Duration) -> String {
        match self.wait(Wait::at_most(patience)) {
            Ok(status) => status.to_string(),
            Err(error) if error.is_timed_out() => "it still runs".to_owned(),
            Err(_) => "its status is lost".to_owned(),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.ended.is_some() || !self.made_in.is_current() {
            return;
        }
        keeping_errno(|| {
            if let (Err(error), Some(descriptor)) = (self.wait(Wait::No), self.descriptor.take())
                && error.is_would_block()
            {
                // Without a thread it stays a zombie until this process ends.
                let _ = signal::spawn(Builder::new(), SignalSet::all(), move || {
                    drop(Children::pidfd(descriptor.as_fd()).wait());
                });
            }
        });
    }
}

fn by(descriptor: BorrowedFd<'_>, wait: Wait) -> Result<ChildStatus> {
    let child = Children::pidfd(descriptor);
    let event = match wait {
        Wait::Forever => child.wait(),
        Wait::No => child.try_wait(),
        Wait::Until(deadline) => child.wait_timeout(deadline.saturating_duration_since(Instant::now())),
        Wait::Interruptible => child.wait_interruptible(),
    };
    event.map(|event| event.status)
}

#[cold]
fn lost(pid: Pid) -> Error {
    Error::new("waitid", Errno::from_raw(libc::ECHILD))
        .kind_of(ErrorKind::NotFound)
        .about(format!("child {}", pid.as_raw_nonzero()))
        .because("its status is lost: SIGCHLD is ignored, or somebody else waited for it")
}

#[cold]
fn refused(command: &Command, error: &std::io::Error) -> Error {
    let program = format!("{:?}", command.get_program());
    let Some(number) = error.raw_os_error() else {
        return Error::invalid("execve", error.to_string()).without_errno().about(program);
    };
    let error = no_descriptor(Error::new("execve", Errno::from_raw(number))).about(program);
    match number {
        libc::ENOENT => {
            error.because("there is no such program, or not the interpreter or the directory that it needs")
        }
        libc::EACCES => error.because("it may not be executed"),
        libc::ENOEXEC => error.because("it is no program that the kernel can execute"),
        libc::E2BIG => error.because("the arguments and the environment are too long"),
        libc::EAGAIN => error
            .kind_of(ErrorKind::LimitReached)
            .because("there are as many processes as there may be (RLIMIT_NPROC, kernel.pid_max, pids.max)"),
        _ => error,
    }
}
