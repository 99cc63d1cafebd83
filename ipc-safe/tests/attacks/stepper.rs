//! A child that runs one instruction at a time.

use crate::support::{Forked, fork};
use ipc_safe::shared::{ReadWrite, SharedBytes};
use std::process::ExitStatus;

/// A forked child that stands between two instructions. Killed and reaped when dropped.
pub(crate) struct Stepped {
    child: Forked,
    /// A signal that it was about to get when it stopped.
    signal: i32,
}

impl Stepped {
    /// Forks a child that runs `prepare` and then stands before `body`. `None`, after saying so, where nobody may trace.
    pub(crate) fn before<T>(prepare: impl FnOnce() -> T, body: impl FnOnce(T)) -> Option<Self> {
        let child = fork(|| {
            let prepared = prepare();
            // SAFETY: asks to be traced by the parent, and stops until it goes on.
            unsafe {
                let me = libc::getpid();
                if libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) != 0 {
                    libc::_exit(77);
                }
                libc::kill(me, libc::SIGSTOP);
            }
            body(prepared);
            0
        });
        let stepped = Self { child, signal: 0 };
        if stepped.is_stopped().is_none() {
            println!("skipped: no right to trace a child");
            std::mem::forget(stepped.child);
            return None;
        }
        Some(stepped)
    }

    /// The signal that it stopped with; `None` when it has ended, and is reaped.
    fn is_stopped(&self) -> Option<i32> {
        let mut status = 0;
        // SAFETY: a child of this thread that is not reaped yet; the status is ours.
        assert_eq!(unsafe { libc::waitpid(self.child.pid(), &raw mut status, libc::__WALL) }, self.child.pid());
        libc::WIFSTOPPED(status).then(|| libc::WSTOPSIG(status))
    }

    /// Runs one instruction, or into one system call; `None` when the child ended instead.
    pub(crate) fn step(mut self) -> Option<Self> {
        // SAFETY: a child of this thread that stands still.
        let stepped = unsafe { libc::ptrace(libc::PTRACE_SINGLESTEP, self.child.pid(), 0, self.signal) };
        assert_eq!(stepped, 0, "ptrace: {}", std::io::Error::last_os_error());
        match self.is_stopped() {
            Some(libc::SIGTRAP) => self.signal = 0,
            Some(signal) => self.signal = signal,
            None => {
                std::mem::forget(self.child);
                return None;
            }
        }
        Some(self)
    }

    /// Runs instructions until the memory is another one than `last`, which it then is; `None` when the child ended instead.
    pub(crate) fn until_change(mut self, memory: SharedBytes<'_, ReadWrite>, last: &mut Vec<u8>) -> Option<Self> {
        let mut now = vec![0; memory.len()];
        loop {
            self = self.step()?;
            memory.read(0, &mut now).unwrap();
            if now != *last {
                *last = now;
                return Some(self);
            }
        }
    }

    /// Lets it run at full speed.
    pub(crate) fn run(self) -> Forked {
        // SAFETY: a child of this thread that stands still.
        let detached = unsafe { libc::ptrace(libc::PTRACE_DETACH, self.child.pid(), 0, self.signal) };
        assert_eq!(detached, 0, "ptrace: {}", std::io::Error::last_os_error());
        self.child
    }

    /// Kills it where it stands.
    pub(crate) fn kill(self) -> ExitStatus {
        self.child.signal(libc::SIGKILL);
        self.child.wait()
    }
}
