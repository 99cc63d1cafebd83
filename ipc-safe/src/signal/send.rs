//! Sending signals.

use super::raw;
use super::{Signal, Value};
use crate::error::{Errno, Error, ErrorKind, Result};
use crate::process::Pid;
use rustix::fd::AsFd;

/// Sends a signal to a process.
///
/// A process id may belong to another process by the time it is used; [`to_pidfd`] cannot hit the wrong one.
///
/// # Errors
///
/// [`NotFound`](crate::error::ErrorKind::NotFound) (`ESRCH`) when there is no such process,
/// [`PermissionDenied`](crate::error::ErrorKind::PermissionDenied) when it belongs to another user.
///
/// [kill(2)](https://man7.org/linux/man-pages/man2/kill.2.html)
#[doc(alias = "kill")]
#[inline]
pub fn to_process(pid: Pid, signal: Signal) -> Result<()> {
    let target = pid.as_raw_nonzero().get();
    raw::kill(target, signal.as_raw())
        .map_err(|errno| failed("kill", errno, format!("{signal} to process {target}"), NO_PROCESS))
}

/// Sends a signal to all processes of a process group.
///
/// # Errors
///
/// [`NotFound`](crate::error::ErrorKind::NotFound) (`ESRCH`) when there is no such group,
/// [`PermissionDenied`](crate::error::ErrorKind::PermissionDenied) when none of them may be signalled.
///
/// [killpg(3)](https://man7.org/linux/man-pages/man3/killpg.3.html)
#[doc(alias = "killpg")]
pub fn to_group(group: Pid, signal: Signal) -> Result<()> {
    let group = group.as_raw_nonzero().get();
    // `kill` takes -1 for everyone.
    if group == 1 {
        return Err(Error::invalid("kill", "group 1 would be taken for all processes").about("group 1"));
    }
    raw::kill(-group, signal.as_raw())
        .map_err(|errno| failed("kill", errno, format!("{signal} to group {group}"), "no process is in this group"))
}

/// Sends a signal to all processes of the caller's process group, itself among them.
///
/// # Errors
///
/// Only where a system call filter forbids the call.
#[doc(alias = "killpg")]
pub fn to_own_group(signal: Signal) -> Result<()> {
    raw::kill(0, signal.as_raw())
        .map_err(|errno| failed("kill", errno, format!("{signal} to the own group"), "no process is in this group"))
}

/// Sends a signal to every process that the caller may signal, except process 1 and itself.
///
/// That there are others, and none of them may be signalled, is no error to the kernel.
///
/// # Errors
///
/// [`NotFound`](crate::error::ErrorKind::NotFound) (`ESRCH`) when there is no other process.
#[doc(alias = "kill")]
pub fn to_everyone(signal: Signal) -> Result<()> {
    raw::kill(-1, signal.as_raw())
        .map_err(|errno| failed("kill", errno, format!("{signal} to everyone"), "there is no other process"))
}

/// Sends a signal to one thread of a process, by its thread id.
///
/// # Errors
///
/// [`NotFound`](crate::error::ErrorKind::NotFound) (`ESRCH`) when the process has no such thread,
/// [`PermissionDenied`](crate::error::ErrorKind::PermissionDenied) when it belongs to another user,
/// [`WouldBlock`](crate::error::ErrorKind::WouldBlock) for a real-time signal at the limit of pending ones, as [`queue`].
///
/// [tgkill(2)](https://man7.org/linux/man-pages/man2/tgkill.2.html)
#[doc(alias = "tgkill")]
#[doc(alias = "pthread_kill")]
pub fn to_thread(pid: Pid, thread: Pid, signal: Signal) -> Result<()> {
    let (process, thread) = (pid.as_raw_nonzero().get(), thread.as_raw_nonzero().get());
    raw::kill_thread(process, thread, signal.as_raw()).map_err(|errno| {
        let subject = || format!("{signal} to thread {thread} of process {process}");
        unless_full("tgkill", errno, subject, "the process has no such thread, or has ended")
    })
}

/// Sends a signal to the process that a pid descriptor names: never to another one that got its id.
///
/// # Errors
///
/// [`NotFound`](crate::error::ErrorKind::NotFound) (`ESRCH`) when it has ended and was waited for,
/// [`PermissionDenied`](crate::error::ErrorKind::PermissionDenied) when it belongs to another user,
/// [`InvalidInput`](crate::error::ErrorKind::InvalidInput) when the descriptor is none of a process (`EBADF`), or of one in a
/// pid namespace that is not this process's or below it (`EINVAL`).
///
/// [pidfd_send_signal(2)](https://man7.org/linux/man-pages/man2/pidfd_send_signal.2.html)
#[doc(alias = "pidfd_send_signal")]
pub fn to_pidfd(process: impl AsFd, signal: Signal) -> Result<()> {
    raw::pidfd_send(process.as_fd(), signal).map_err(|errno| {
        let error = failed("pidfd_send_signal", errno, signal.to_string(), "the process has ended");
        match errno.as_raw() {
            libc::EBADF => error.kind_of(ErrorKind::InvalidInput).because("the descriptor is not that of a process"),
            libc::EINVAL => error.because("the process is in a pid namespace that cannot be seen from here"),
            _ => error,
        }
    })
}

/// Sends a signal to the calling thread.
///
/// # Errors
///
/// [`WouldBlock`](crate::error::ErrorKind::WouldBlock) for a real-time signal at the limit of pending ones, as [`queue`].
///
/// [raise(3)](https://man7.org/linux/man-pages/man3/raise.3.html)
pub fn raise(signal: Signal) -> Result<()> {
    raw::raise(signal).map_err(|errno| unless_full("raise", errno, || signal.to_string(), NO_PROCESS))
}

/// Sends a signal with a value to a process. Real-time signals are queued, each with its value, up to the limit of pending
/// signals of the receiving user (`RLIMIT_SIGPENDING`). A standard signal that is pending already is lost, and its value; at
/// the limit it arrives without value and sender.
///
/// # Errors
///
/// [`WouldBlock`](crate::error::ErrorKind::WouldBlock) (`EAGAIN`) for a real-time signal at that limit, otherwise as
/// [`to_process`].
///
/// [sigqueue(3)](https://man7.org/linux/man-pages/man3/sigqueue.3.html)
#[doc(alias = "sigqueue")]
pub fn queue(pid: Pid, signal: Signal, value: impl Into<Value>) -> Result<()> {
    let target = pid.as_raw_nonzero().get();
    raw::queue(target, signal.as_raw(), value.into().as_u64())
        .map_err(|errno| unless_full("sigqueue", errno, || format!("{signal} to process {target}"), NO_PROCESS))
}

/// Sends a signal with a value to one thread of this process, by its thread id.
///
/// # Errors
///
/// [`NotFound`](crate::error::ErrorKind::NotFound) (`ESRCH`) when the process has no such thread, otherwise as [`queue`].
///
/// [pthread_sigqueue(3)](https://man7.org/linux/man-pages/man3/pthread_sigqueue.3.html)
#[doc(alias = "pthread_sigqueue")]
#[doc(alias = "rt_tgsigqueueinfo")]
pub fn queue_to_thread(thread: Pid, signal: Signal, value: impl Into<Value>) -> Result<()> {
    let (process, target) = (std::process::id().cast_signed(), thread.as_raw_nonzero().get());
    match raw::queue_to_thread(process, target, signal.as_raw(), value.into().as_u64()) {
        Err(Errno::AGAIN) => Err(Error::new("rt_tgsigqueueinfo", Errno::AGAIN)),
        other => other.map_err(|errno| {
            failed(
                "rt_tgsigqueueinfo",
                errno,
                format!("{signal} to thread {target}"),
                "this process has no such thread",
            )
        }),
    }
}

/// Whether a signal could be sent to the process.
///
/// # Errors
///
/// [`NotFound`](crate::error::ErrorKind::NotFound) (`ESRCH`) when there is no such process,
/// [`PermissionDenied`](crate::error::ErrorKind::PermissionDenied) when it exists and belongs to another user.
#[doc(alias = "kill")]
pub fn check(pid: Pid) -> Result<()> {
    let target = pid.as_raw_nonzero().get();
    raw::kill(target, 0).map_err(|errno| failed("kill", errno, format!("no signal to process {target}"), NO_PROCESS))
}

/// Ends the process by [`Signal::ABRT`], whatever its mask and action are: with a core dump where the system makes one,
/// without running destructors.
///
/// [abort(3)](https://man7.org/linux/man-pages/man3/abort.3.html)
pub fn abort() -> ! {
    std::process::abort()
}

const NO_PROCESS: &str = "there is no such process; it may have ended";

/// `gone` says what is not there when the kernel finds nobody.
fn failed(call: &'static str, errno: Errno, subject: String, gone: &'static str) -> Error {
    let error = Error::new(call, errno).about(subject);
    match errno.as_raw() {
        libc::ESRCH => error.kind_of(ErrorKind::NotFound).because(gone),
        libc::EPERM => error.because("it belongs to another user, or a security policy forbids it"),
        _ => error,
    }
}

/// As [`failed`], but without words where the receiver is only slow, which is frequent.
fn unless_full(call: &'static str, errno: Errno, subject: impl FnOnce() -> String, gone: &'static str) -> Error {
    match errno {
        Errno::AGAIN => Error::new(call, errno),
        _ => failed(call, errno, subject(), gone),
    }
}
