//! What the kernel says about a signal that was taken.

use super::{Signal, Value, raw};
use crate::error::Errno;
use crate::process::{ChildStatus, Pid, from_status};
use ipc_sys::signal::siginfo_t;
use std::time::Duration;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// A signal, and where it comes from.
///
/// Whoever may send this process a signal may send it with made-up information. True are, unless this process sent it to
/// itself:
///
/// - [`Child`](Origin::Child), [`Fault`](Origin::Fault), [`SystemCall`](Origin::SystemCall), [`Kernel`](Origin::Kernel), and
///   [`Ready`](Origin::Ready) with a code above 0: only the kernel makes them;
/// - the sender of [`Kill`](Origin::Kill) and [`Thread`](Origin::Thread), if it has a [`pid`](Sender::pid).
///
/// [sigaction(2)](https://man7.org/linux/man-pages/man2/sigaction.2.html), "The `siginfo_t` argument"
#[doc(alias = "siginfo_t")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Information {
    /// The signal.
    #[doc(alias = "si_signo")]
    pub signal: Signal,
    /// The kernel's number for the origin.
    #[doc(alias = "si_code")]
    pub code: i32,
    /// An error number that belongs to it; rarely used.
    #[doc(alias = "si_errno")]
    pub errno: Option<Errno>,
    /// Where it comes from.
    pub origin: Origin,
}

impl Information {
    /// The value that the sender gave along, or that the timer was made with.
    #[doc(alias = "si_value")]
    #[must_use]
    pub const fn value(&self) -> Option<Value> {
        match self.origin {
            Origin::Queue(_, value)
            | Origin::Timer { value, .. }
            | Origin::MessageQueue(_, value)
            | Origin::AsynchronousIo(_, value) => Some(value),
            _ => None,
        }
    }

    /// The process that sent it, when one did.
    #[must_use]
    pub const fn sender(&self) -> Option<Sender> {
        match self.origin {
            Origin::Kill(sender)
            | Origin::Thread(sender)
            | Origin::Queue(sender, _)
            | Origin::MessageQueue(sender, _)
            | Origin::AsynchronousIo(sender, _) => Some(sender),
            _ => None,
        }
    }
}

/// The process that sent a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sender {
    /// Its id, unless it is in a pid namespace that the receiver cannot see, or the kernel had no room to note it: at the
    /// limit of pending signals a signal arrives as [`Kill`](Origin::Kill) of nobody.
    #[doc(alias = "si_pid")]
    pub pid: Option<Pid>,
    /// Its real user id. Without a [`pid`](Self::pid) it proves nothing: a sender that the kernel had no room to note has 0
    /// here, as root has.
    #[doc(alias = "si_uid")]
    pub uid: u32,
}

/// Where a signal comes from, with what the kernel says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// `kill`.
    #[doc(alias = "SI_USER")]
    Kill(Sender),
    /// `raise`, `pthread_kill`, `tgkill`.
    #[doc(alias = "SI_TKILL")]
    Thread(Sender),
    /// `sigqueue`.
    #[doc(alias = "SI_QUEUE")]
    Queue(Sender, Value),
    /// A POSIX timer ran out.
    #[doc(alias = "SI_TIMER")]
    Timer {
        /// The kernel's number of the timer.
        timer: i32,
        /// How often it ran out beyond this time, because the signal was still pending.
        overruns: u32,
        /// The value that it was made with.
        value: Value,
    },
    /// A POSIX message queue that was empty got a message.
    #[doc(alias = "SI_MESGQ")]
    MessageQueue(Sender, Value),
    /// Asynchronous input or output of the C library ended.
    #[doc(alias = "SI_ASYNCIO")]
    AsynchronousIo(Sender, Value),
    /// A child changed its state.
    #[doc(alias = "CLD_EXITED")]
    Child {
        /// The child's process id; none when it cannot be seen from here.
        pid: Option<Pid>,
        /// Its real user id.
        uid: u32,
        /// What happened.
        status: ChildStatus,
        /// The user time that it used, in clock ticks of 10 ms.
        user_time: Duration,
        /// The system time that it used, in clock ticks of 10 ms.
        system_time: Duration,
    },
    /// An instruction failed.
    #[doc(alias = "si_addr")]
    Fault {
        /// The address of the access, or of the instruction.
        address: usize,
    },
    /// A descriptor became ready that signals were asked for (`F_SETSIG`).
    #[doc(alias = "SI_SIGIO")]
    Ready {
        /// The events, as of `poll`.
        #[doc(alias = "si_band")]
        events: i64,
        /// The number of the descriptor.
        #[doc(alias = "si_fd")]
        descriptor: i32,
    },
    /// A system call that a filter forbids.
    #[doc(alias = "SYS_SECCOMP")]
    SystemCall {
        /// The address of the instruction.
        address: usize,
        /// The number of the call.
        number: i32,
        /// The architecture that the number belongs to.
        architecture: u32,
    },
    /// The kernel itself: the keyboard, a timer of `alarm` or `setitimer`, a broken pipe.
    #[doc(alias = "SI_KERNEL")]
    Kernel,
    /// Something that this crate has no name for; [`Information::code`] has its number.
    Other,
}

/// The members of a `siginfo_t` or `signalfd_siginfo` that mean something, depending on signal and code.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub(super) struct Fields {
    value: u64,
    address: u64,
    user_time: i64,
    system_time: i64,
    band: i64,
    pub(super) signal: i32,
    code: i32,
    errno: i32,
    pid: i32,
    uid: u32,
    timer: i32,
    overruns: i32,
    status: i32,
    descriptor: i32,
    call: i32,
    architecture: u32,
    /// So that there is no padding.
    unused: u32,
}

impl Fields {
    /// Of a `siginfo_t`: each member of its union, as if it were the one that means something.
    pub(super) fn of(info: &siginfo_t) -> Self {
        let words = raw::words(info);
        let long =
            |index: usize| u64::from(words[index].cast_unsigned()) | u64::from(words[index + 1].cast_unsigned()) << 32;
        Self {
            signal: info.si_signo,
            code: info.si_code,
            errno: info.si_errno,
            pid: words[0],
            uid: words[1].cast_unsigned(),
            value: long(2),
            timer: words[0],
            overruns: words[1],
            status: words[2],
            user_time: long(4).cast_signed(),
            system_time: long(6).cast_signed(),
            address: long(0),
            // All events are in the lower half; a signal descriptor has no more.
            band: i64::from(words[0].cast_unsigned()),
            descriptor: words[2],
            call: words[2],
            architecture: words[3].cast_unsigned(),
            unused: 0,
        }
    }

    /// Of what a signal descriptor gives.
    pub(super) fn of_descriptor(info: &libc::signalfd_siginfo) -> Self {
        Self {
            signal: info.ssi_signo.cast_signed(),
            code: info.ssi_code,
            errno: info.ssi_errno,
            pid: info.ssi_pid.cast_signed(),
            uid: info.ssi_uid,
            value: info.ssi_ptr,
            timer: info.ssi_tid.cast_signed(),
            overruns: info.ssi_overrun.cast_signed(),
            status: info.ssi_status,
            user_time: info.ssi_utime.cast_signed(),
            system_time: info.ssi_stime.cast_signed(),
            // The call's address has a place of its own here; one of the two is zero.
            address: info.ssi_addr | info.ssi_call_addr,
            band: i64::from(info.ssi_band),
            descriptor: info.ssi_fd,
            unused: 0,
            call: info.ssi_syscall,
            architecture: info.ssi_arch,
        }
    }

    /// The information; `None` when the signal is none that a program may use.
    pub(super) fn decode(&self) -> Option<Information> {
        let signal = Signal::try_from_raw(self.signal)?;
        let errno = (self.errno != 0).then(|| Errno::from_raw(self.errno));
        Some(Information { signal, code: self.code, errno, origin: self.origin(signal) })
    }

    fn sender(&self) -> Sender {
        Sender { pid: from_status(self.pid), uid: self.uid }
    }

    fn origin(&self, signal: Signal) -> Origin {
        let value = Value::from(self.value);
        match self.code {
            libc::SI_USER => Origin::Kill(self.sender()),
            libc::SI_TKILL => Origin::Thread(self.sender()),
            libc::SI_QUEUE => Origin::Queue(self.sender(), value),
            libc::SI_TIMER => {
                Origin::Timer { timer: self.timer, overruns: self.overruns.try_into().unwrap_or(0), value }
            }
            libc::SI_MESGQ => Origin::MessageQueue(self.sender(), value),
            libc::SI_ASYNCIO => Origin::AsynchronousIo(self.sender(), value),
            libc::SI_KERNEL => Origin::Kernel,
            libc::SI_SIGIO => self.ready(),
            1..libc::SI_KERNEL => self.of_kernel(signal),
            _ => Origin::Other,
        }
    }

    /// Positive codes mean something of their own for each signal.
    fn of_kernel(&self, signal: Signal) -> Origin {
        match signal {
            Signal::CHLD => self.child(),
            Signal::SYS => Origin::SystemCall {
                address: self.address as usize,
                number: self.call,
                architecture: self.architecture,
            },
            signal if signal.is_fault() => Origin::Fault { address: self.address as usize },
            // SIGIO, and whatever signal a descriptor was given in its place (`F_SETSIG`).
            _ if (1..=6).contains(&self.code) => self.ready(),
            _ => Origin::Other,
        }
    }

    const fn ready(&self) -> Origin {
        Origin::Ready { events: self.band, descriptor: self.descriptor }
    }

    fn child(&self) -> Origin {
        let status = match self.code {
            libc::CLD_EXITED => ChildStatus::Exited(self.status),
            libc::CLD_KILLED => ChildStatus::Killed { signal: self.status, core_dumped: false },
            libc::CLD_DUMPED => ChildStatus::Killed { signal: self.status, core_dumped: true },
            libc::CLD_TRAPPED | libc::CLD_STOPPED => ChildStatus::Stopped { signal: self.status },
            libc::CLD_CONTINUED => ChildStatus::Continued,
            _ => return Origin::Other,
        };
        Origin::Child {
            pid: from_status(self.pid),
            uid: self.uid,
            status,
            user_time: ticks(self.user_time),
            system_time: ticks(self.system_time),
        }
    }
}

/// Clock ticks are a hundredth of a second on all Linux of today (`USER_HZ`).
fn ticks(ticks: i64) -> Duration {
    Duration::from_millis(10) * u32::try_from(ticks.max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use ipc_sys::signal as c;

    #[test]
    fn the_words_of_the_union_are_where_the_members_are() {
        use core::mem::offset_of;
        let word = |index: usize| index * 4;
        assert_eq!(offset_of!(c::siginfo_t, _sifields), 16);
        assert_eq!(offset_of!(c::siginfo_t_sifields_kill, si_pid), word(0));
        assert_eq!(offset_of!(c::siginfo_t_sifields_kill, si_uid), word(1));
        assert_eq!(offset_of!(c::siginfo_t_sifields_timer, si_tid), word(0));
        assert_eq!(offset_of!(c::siginfo_t_sifields_timer, si_overrun), word(1));
        assert_eq!(offset_of!(c::siginfo_t_sifields_timer, si_sigval), word(2));
        assert_eq!(offset_of!(c::siginfo_t_sifields_rt, si_sigval), word(2));
        assert_eq!(offset_of!(c::siginfo_t_sifields_sigchld, si_status), word(2));
        assert_eq!(offset_of!(c::siginfo_t_sifields_sigchld, si_utime), word(4));
        assert_eq!(offset_of!(c::siginfo_t_sifields_sigchld, si_stime), word(6));
        assert_eq!(offset_of!(c::siginfo_t_sifields_sigfault, si_addr), word(0));
        assert_eq!(offset_of!(c::siginfo_t_sifields_sigpoll, si_band), word(0));
        assert_eq!(offset_of!(c::siginfo_t_sifields_sigpoll, si_fd), word(2));
        assert_eq!(offset_of!(c::siginfo_t_sifields_sigsys, _call_addr), word(0));
        assert_eq!(offset_of!(c::siginfo_t_sifields_sigsys, _syscall), word(2));
        assert_eq!(offset_of!(c::siginfo_t_sifields_sigsys, _arch), word(3));
    }
}
