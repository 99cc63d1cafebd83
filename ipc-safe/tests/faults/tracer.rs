//! A child that is stopped at each system call, before and after it, and killed at one of them.

use crate::support::{Forked, fork};

/// A forked child, before it has done anything. The thread that forked it must be the one that goes on with it.
pub(crate) struct Traced(Forked);

impl Traced {
    /// Forks a child that will run `body`. `None` where nobody may trace.
    pub(crate) fn start(body: impl FnOnce()) -> Option<Self> {
        let child = fork(|| {
            // SAFETY: asks to be traced by the parent, and stops until it goes on. A child that is left ends with its parent.
            unsafe {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                if libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) != 0 {
                    libc::_exit(77);
                }
                libc::raise(libc::SIGSTOP);
            }
            body();
            0
        });
        let traced = Self(child);
        if traced.stopped_by().is_none() {
            std::mem::forget(traced.0);
            return None;
        }
        // SAFETY: a child of this thread that stands still.
        unsafe { libc::ptrace(libc::PTRACE_SETOPTIONS, traced.0.pid(), 0, libc::PTRACE_O_TRACESYSGOOD) };
        Some(traced)
    }

    /// The signal that it stopped with; `None` when it has ended, and is reaped.
    fn stopped_by(&self) -> Option<i32> {
        let mut status = 0;
        // SAFETY: a child of this thread that is not reaped yet; the status is ours.
        assert_eq!(unsafe { libc::waitpid(self.0.pid(), &raw mut status, libc::__WALL) }, self.0.pid());
        if libc::WIFEXITED(status) {
            assert_eq!(libc::WEXITSTATUS(status), 0, "the child failed");
        }
        libc::WIFSTOPPED(status).then(|| libc::WSTOPSIG(status))
    }

    /// Kills it at the nth stop: odd ones are just before a call, even ones just after it. False when it ended before that.
    pub(crate) fn kill_at(self, nth: u32) -> bool {
        const CALL: i32 = libc::SIGTRAP | 0x80;
        let (mut seen, mut signal) = (0, 0);
        loop {
            // SAFETY: a child of this thread that stands still.
            unsafe { libc::ptrace(libc::PTRACE_SYSCALL, self.0.pid(), 0, signal) };
            match self.stopped_by() {
                None => {
                    std::mem::forget(self.0);
                    return false;
                }
                Some(CALL) => {
                    (seen, signal) = (seen + 1, 0);
                    if seen == nth {
                        drop(self.0);
                        return true;
                    }
                }
                Some(other) => signal = other,
            }
        }
    }
}

/// A system call that does nothing: one more place to be killed at, between two accesses to memory.
pub(crate) fn point() {
    // SAFETY: takes no argument.
    unsafe { libc::syscall(libc::SYS_getppid) };
}
