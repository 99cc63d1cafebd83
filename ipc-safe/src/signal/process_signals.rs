//! What the signals of a process are set to.

use super::SignalSet;
use crate::error::{Errno, Error, ErrorKind, Result};
use crate::process::Pid;

/// The signals of a process, or of one of its threads, as `/proc` shows them to everybody.
///
/// ```
/// use ipc_safe::process::getpid;
/// use ipc_safe::signal::{HandlerOptions, ProcessSignals, Signal};
///
/// let _flag = HandlerOptions::new().flag(Signal::USR1)?;
/// assert!(ProcessSignals::of(getpid())?.caught.contains(Signal::USR1));
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [proc_pid_status(5)](https://man7.org/linux/man-pages/man5/proc_pid_status.5.html)
#[doc(alias = "SigBlk")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProcessSignals {
    /// Wait for the thread.
    #[doc(alias = "SigPnd")]
    pub pending: SignalSet,
    /// Wait for any thread of the process.
    #[doc(alias = "ShdPnd")]
    pub process_pending: SignalSet,
    /// Blocked in the thread.
    pub blocked: SignalSet,
    /// Ignored by the process.
    #[doc(alias = "SigIgn")]
    pub ignored: SignalSet,
    /// Handled by the process.
    #[doc(alias = "SigCgt")]
    pub caught: SignalSet,
    /// How many signals are queued for the real user of the process.
    #[doc(alias = "SigQ")]
    pub queued: u64,
    /// How many may be.
    #[doc(alias = "RLIMIT_SIGPENDING")]
    pub queue_limit: u64,
}

impl ProcessSignals {
    /// Those of a process; what belongs to threads is that of its first one.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) when there is no such process, or `/proc` does not show it.
    pub fn of(pid: Pid) -> Result<Self> {
        read(&format!("/proc/{}/status", pid.as_raw_nonzero()))
    }

    /// Those of a thread of a process.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) when there is no such thread, or `/proc` does not show it.
    pub fn of_thread(pid: Pid, thread: Pid) -> Result<Self> {
        read(&format!("/proc/{}/task/{}/status", pid.as_raw_nonzero(), thread.as_raw_nonzero()))
    }
}

fn read(path: &str) -> Result<ProcessSignals> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let errno = Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO));
        let error = Error::new("open", errno).about(path.to_owned());
        match errno.as_raw() {
            libc::ENOENT | libc::ESRCH => error.kind_of(ErrorKind::NotFound).because("there is no such process"),
            _ => error,
        }
    })?;
    parse(&text).ok_or_else(|| {
        Error::invalid("read", "it does not say what signals it has").without_errno().about(path.to_owned())
    })
}

fn parse(text: &str) -> Option<ProcessSignals> {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
    let set = |name| u64::from_str_radix(field(name)?, 16).ok().map(SignalSet::from_bits);
    let (queued, queue_limit) = field("SigQ")?.split_once('/')?;
    Some(ProcessSignals {
        pending: set("SigPnd")?,
        process_pending: set("ShdPnd")?,
        blocked: set("SigBlk")?,
        ignored: set("SigIgn")?,
        caught: set("SigCgt")?,
        queued: queued.parse().ok()?,
        queue_limit: queue_limit.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Signal;

    #[test]
    fn the_lines_are_found_and_anything_else_is_refused() {
        let text = "Name:\tSigBlk:\nSigQ:\t2/95000\nSigPnd:\t0000000000000001\nShdPnd:\t8000000000000000\n\
                    SigBlk:\t0000000000000002\nSigIgn:\t0000000000001000\nSigCgt:\t0000000180000000\n";
        let signals = parse(text).unwrap();
        assert_eq!((signals.queued, signals.queue_limit), (2, 95000));
        assert_eq!(signals.pending, Signal::HUP.into());
        assert_eq!(signals.process_pending, Signal::from_raw(64).unwrap().into());
        assert_eq!(signals.blocked, Signal::INT.into());
        assert_eq!(signals.ignored, Signal::PIPE.into());
        assert_eq!(signals.caught.bits(), 0b11 << 31);
        for broken in ["", "SigQ:\t2", &text.replace("SigIgn", "X"), &text.replace("2/95000", "2/x")] {
            assert_eq!(parse(broken), None);
        }
    }
}
