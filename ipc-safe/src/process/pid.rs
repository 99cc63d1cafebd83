//! Process ids.

pub use rustix::process::{Pid, getpid};

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

/// The process id that the kernel reports in a status, where 0 stands for none, or for one in another namespace.
pub(crate) fn from_status(raw: i32) -> Option<Pid> {
    if raw > 0 { Pid::from_raw(raw) } else { None }
}
