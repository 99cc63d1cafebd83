//! Process ids.

pub use rustix::process::{Pid, getpid};

use super::raw;
use crate::error::{Error, ErrorKind, Result};
use rustix::fd::AsFd;
use rustix::io::Errno;
use rustix::process::test_kill_process;

/// Whether a process with this id exists in the caller's pid namespace; one that is dead but not yet waited for counts.
///
/// The answer is about the number: it may belong to another process than the one meant.
///
/// ```
/// use ipc_safe::process::{Pid, is_alive};
///
/// assert!(is_alive(Pid::INIT));
/// ```
///
/// [kill(2)](https://man7.org/linux/man-pages/man2/kill.2.html)
#[doc(alias = "kill")]
#[must_use]
pub fn is_alive(pid: Pid) -> bool {
    test_kill_process(pid) != Err(Errno::SRCH)
}

/// Frees the memory of a process that was killed, without waiting until it gets round to it itself.
///
/// For who ends processes because memory is short. The process is named by a pid descriptor.
///
/// # Errors
///
/// [`InvalidInput`](crate::error::ErrorKind::InvalidInput) when it is not ending,
/// [`NotFound`](crate::error::ErrorKind::NotFound) (`ESRCH`) when it has ended,
/// [`WouldBlock`](crate::error::ErrorKind::WouldBlock) when its memory was busy: try again;
/// [`Unsupported`](crate::error::ErrorKind::Unsupported) before Linux 5.15.
///
/// [process_mrelease(2)](https://man7.org/linux/man-pages/man2/process_mrelease.2.html)
#[doc(alias = "process_mrelease")]
pub fn release_memory(process: impl AsFd) -> Result<()> {
    raw::release_memory(process.as_fd()).map_err(|errno| {
        let error = Error::new("process_mrelease", errno);
        match errno.as_raw() {
            libc::ESRCH => error.kind_of(ErrorKind::NotFound).because("the process has ended"),
            libc::EINVAL => error.because("the process is not ending: kill it first"),
            _ => error,
        }
    })
}

/// The process id that the kernel reports in a status, where 0 stands for none, or for one in another namespace.
pub(crate) fn from_status(raw: i32) -> Option<Pid> {
    if raw > 0 { Pid::from_raw(raw) } else { None }
}
