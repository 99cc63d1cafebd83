//! `signal.h`: signals, their actions, masks, delivery and what a handler is told.
//!
//! Manual pages: signal(7), sigaction(2), sigprocmask(2), sigwaitinfo(2), sigqueue(3), sigaltstack(2), sigevent(7),
//! sigsetops(3).

use core::ffi::{c_int, c_long, c_short, c_uint, c_void};

#[cfg(target_arch = "aarch64")]
pub use crate::aarch64::*;
pub use crate::bindings::signal::*;
pub use crate::types::{pid_t, pthread_attr_t, pthread_t, size_t, time_t, timespec, uid_t};

/// The default action.
pub const SIG_DFL: sighandler_t = 0;
/// The signal is ignored.
pub const SIG_IGN: sighandler_t = 1;
/// What `sigset` takes to add the signal to the mask, and returns when it was there.
pub const SIG_HOLD: sighandler_t = 2;
/// What `signal`, `sigset` and their like return when they fail.
pub const SIG_ERR: sighandler_t = usize::MAX;

/// The name of [`sigcontext`] in old kernel headers.
#[cfg(target_arch = "x86_64")]
pub type sigcontext_struct = sigcontext;

/// The first real-time signal that programs may use.
#[must_use]
pub fn SIGRTMIN() -> c_int {
    // SAFETY: The function takes nothing, has no precondition and only returns a number.
    unsafe { __libc_current_sigrtmin() }
}

/// The last real-time signal.
#[must_use]
pub fn SIGRTMAX() -> c_int {
    // SAFETY: The function takes nothing, has no precondition and only returns a number.
    unsafe { __libc_current_sigrtmax() }
}

// unistd.h, through which signal.h asks for the size of a signal stack since glibc 2.34.
const _SC_SIGSTKSZ: c_int = 250;
unsafe extern "C" {
    safe fn sysconf(name: c_int) -> c_long;
}

/// A size for an alternate signal stack that suffices for ordinary handlers on this processor.
#[must_use]
pub fn SIGSTKSZ() -> c_long {
    sysconf(_SC_SIGSTKSZ)
}

/// As [`SIGSTKSZ()`]: glibc 2.34 and later make no difference.
#[must_use]
pub fn MINSIGSTKSZ() -> c_long {
    SIGSTKSZ()
}

/// The bit of a signal in the masks of [`sigblock`] and [`sigsetmask`]; signals from 1 to 32.
#[must_use]
pub const fn sigmask(signal: c_int) -> c_int {
    1_i32.wrapping_shl((signal - 1).cast_unsigned())
}

/// A handler that is told why.
pub type sigaction_handler = unsafe extern "C" fn(c_int, *mut siginfo_t, *mut c_void);

impl sigaction {
    /// The handler without `SA_SIGINFO`: the C macro `sa_handler`.
    #[must_use]
    pub const fn sa_handler(&self) -> sighandler_t {
        // SAFETY: Both members are one address wide and every value of it is a `sighandler_t`.
        unsafe { self.__sigaction_handler.sa_handler }
    }

    /// Sets the handler without `SA_SIGINFO`.
    pub const fn set_sa_handler(&mut self, handler: sighandler_t) {
        self.__sigaction_handler = sigaction_sigaction_handler { sa_handler: handler };
    }

    /// The handler with `SA_SIGINFO`: the C macro `sa_sigaction`.
    ///
    /// # Safety
    ///
    /// The action holds such a handler (or zero), and not `SIG_IGN` or its like, which are no functions.
    #[must_use]
    pub const unsafe fn sa_sigaction(&self) -> Option<sigaction_handler> {
        // SAFETY: The caller says that the member holds this type.
        unsafe { self.__sigaction_handler.sa_sigaction }
    }

    /// Sets the handler with `SA_SIGINFO`.
    pub const fn set_sa_sigaction(&mut self, handler: Option<sigaction_handler>) {
        self.__sigaction_handler = sigaction_sigaction_handler { sa_sigaction: handler };
    }
}

impl sigevent {
    /// The function of `SIGEV_THREAD`: the C macro `sigev_notify_function`.
    ///
    /// # Safety
    ///
    /// `sigev_notify` is `SIGEV_THREAD` and the function was set, or the structure was zeroed.
    #[must_use]
    pub const unsafe fn sigev_notify_function(&self) -> Option<unsafe extern "C" fn(sigval_t)> {
        // SAFETY: The caller says that this member is the one in use.
        unsafe { self._sigev_un._sigev_thread._function }
    }

    /// The attributes of the thread of `SIGEV_THREAD`: the C macro `sigev_notify_attributes`.
    ///
    /// # Safety
    ///
    /// `sigev_notify` is `SIGEV_THREAD` and the attributes were set, or the structure was zeroed.
    #[must_use]
    pub const unsafe fn sigev_notify_attributes(&self) -> *mut pthread_attr_t {
        // SAFETY: The caller says that this member is the one in use.
        unsafe { self._sigev_un._sigev_thread._attribute }
    }

    /// Sets the function and the attributes of the thread of `SIGEV_THREAD`.
    pub const fn set_sigev_notify_thread(
        &mut self,
        function: Option<unsafe extern "C" fn(sigval_t)>,
        attributes: *mut pthread_attr_t,
    ) {
        let thread = sigevent_sigev_un_sigev_thread { _function: function, _attribute: attributes };
        self._sigev_un = sigevent_sigev_un { _sigev_thread: thread };
    }

    /// The thread of `SIGEV_THREAD_ID`.
    ///
    /// # Safety
    ///
    /// `sigev_notify` is `SIGEV_THREAD_ID` and the thread was set, or the structure was zeroed.
    #[must_use]
    pub const unsafe fn sigev_notify_thread_id(&self) -> pid_t {
        // SAFETY: The caller says that this member is the one in use.
        unsafe { self._sigev_un._tid }
    }

    /// Sets the thread of `SIGEV_THREAD_ID`.
    pub const fn set_sigev_notify_thread_id(&mut self, thread: pid_t) {
        self._sigev_un = sigevent_sigev_un { _tid: thread };
    }
}

/// Methods under the names of the C macros.
macro_rules! accessors {
    ($($name:ident: $type:ty = $($member:ident).+, $text:literal;)+) => {
        /// The members that depend on the signal and on `si_code`, under the names of the C macros.
        impl siginfo_t {
            $(
                #[doc = $text]
                ///
                /// # Safety
                ///
                /// The structure was zeroed or filled by the kernel. Another member's bytes are a wrong number and no harm.
                #[must_use]
                pub const unsafe fn $name(&self) -> $type {
                    // SAFETY: The caller says that the bytes are initialised, and every value of them is one of this type.
                    unsafe { self._sifields.$($member).+ }
                }
            )+
        }
    };
}

accessors! {
    si_pid: pid_t = _kill.si_pid, "The process that sent the signal, or the child.";
    si_uid: uid_t = _kill.si_uid, "The real user of the sender, or of the child.";
    si_timerid: c_int = _timer.si_tid, "The kernel's number of the timer.";
    si_overrun: c_int = _timer.si_overrun, "How often the timer ran out without a signal of its own.";
    si_status: c_int = _sigchld.si_status, "The exit value of the child, or the signal that ended or stopped it.";
    si_utime: c_long = _sigchld.si_utime, "The child's user time in clock ticks.";
    si_stime: c_long = _sigchld.si_stime, "The child's system time in clock ticks.";
    si_value: sigval_t = _rt.si_sigval, "The value that the sender gave.";
    si_int: c_int = _rt.si_sigval.sival_int, "The value that the sender gave, as a number.";
    si_ptr: *mut c_void = _rt.si_sigval.sival_ptr, "The value that the sender gave, as an address.";
    si_addr: *mut c_void = _sigfault.si_addr, "The address of the access or of the instruction that failed.";
    si_addr_lsb: c_short = _sigfault.si_addr_lsb, "The lowest bit of the address that counts (`BUS_MCEERR_*`).";
    si_lower: *mut c_void = _sigfault._bounds._addr_bnd._lower, "The lower bound that was missed (`SEGV_BNDERR`).";
    si_upper: *mut c_void = _sigfault._bounds._addr_bnd._upper, "The upper bound that was missed (`SEGV_BNDERR`).";
    si_pkey: c_uint = _sigfault._bounds._pkey, "The protection key of the page (`SEGV_PKUERR`).";
    si_band: c_long = _sigpoll.si_band, "The events of the descriptor (`SIGPOLL`).";
    si_fd: c_int = _sigpoll.si_fd, "The descriptor (`SIGPOLL`).";
    si_call_addr: *mut c_void = _sigsys._call_addr, "The address of the system call instruction (`SIGSYS`).";
    si_syscall: c_int = _sigsys._syscall, "The number of the system call (`SIGSYS`).";
    si_arch: c_uint = _sigsys._arch, "The architecture of the system call (`SIGSYS`).";
}
