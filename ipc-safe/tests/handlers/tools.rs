//! What the modules have in common: processes of their own, the kernel's view of a disposition, handlers of other code.

use crate::support::watchdog;
use ipc_safe::error::{Error, ErrorKind, Result};
use ipc_safe::process::getpid;
use ipc_safe::signal::{self, Signal, SignalSet};
use ipc_safe::sys::signal as c;
use std::any::type_name_of_val;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

const INSIDE: &str = "IPC_SAFE_TEST_ALONE";

/// Runs the calling test in a process of its own: this program again, with the name of the test, which is the name of the
/// function that `body` stands in.
pub(crate) fn alone(body: impl FnOnce()) {
    let _watchdog = watchdog();
    if std::env::var_os(INSIDE).is_some() {
        return body();
    }
    let name = type_name_of_val(&body).trim_end_matches("::{{closure}}");
    let (_, name) = name.split_once("::").expect("a path that begins with the crate");
    let mut command = Command::new(std::env::current_exe().expect("the path of the test program"));
    command.args(["--exact", name, "--nocapture", "--test-threads=2"]).env(INSIDE, "1");
    let output = command.output().expect("the test program starts");
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} ended with {}:\n{text}{errors}", output.status);
    assert!(text.contains("test result: ok. 1 passed"), "no test {name}:\n{text}");
    text.lines().filter(|line| line.starts_with("skipped")).for_each(|line| println!("{line}"));
}

/// A disposition as the kernel has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Action {
    pub(crate) handler: usize,
    pub(crate) flags: i32,
    pub(crate) mask: SignalSet,
}

/// `SA_RESTORER`, which the C library adds.
const RESTORER: i32 = 0x0400_0000;

impl Action {
    pub(crate) const DEFAULT: Self = Self { handler: c::SIG_DFL, flags: 0, mask: SignalSet::empty() };
    pub(crate) const IGNORE: Self = Self { handler: c::SIG_IGN, flags: 0, mask: SignalSet::empty() };

    /// A handler of other code, without `SA_SIGINFO`.
    pub(crate) fn plain(handler: extern "C" fn(i32), flags: i32) -> Self {
        Self { handler: handler as *const () as usize, flags, mask: SignalSet::empty() }
    }

    /// A handler of other code, with `SA_SIGINFO`.
    pub(crate) fn informed(handler: Informed, flags: i32) -> Self {
        Self { handler: handler as *const () as usize, flags: flags | c::SA_SIGINFO, mask: SignalSet::empty() }
    }

    /// What the process does now.
    pub(crate) fn of(signal: Signal) -> Self {
        Self::exchange(signal, None)
    }

    /// Sets it, as other code would; what was there before.
    pub(crate) fn set(self, signal: Signal) -> Self {
        Self::exchange(signal, Some(self))
    }

    fn exchange(signal: Signal, new: Option<Self>) -> Self {
        let raw = |action: Self| c::sigaction {
            __sigaction_handler: c::sigaction_sigaction_handler { sa_handler: action.handler },
            sa_mask: sigset(action.mask),
            sa_flags: action.flags,
            sa_restorer: None,
        };
        let new = new.map(raw);
        let new = new.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        let mut old = raw(Self::DEFAULT);
        // SAFETY: reads one `sigaction` unless it is null, and writes one. The handlers of the tests are async-signal-safe.
        let result = unsafe { c::sigaction(signal.as_raw(), new, &raw mut old) };
        assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
        Self {
            handler: old.sa_handler(),
            flags: old.sa_flags & !RESTORER,
            mask: SignalSet::from_bits(old.sa_mask.__val[0]),
        }
    }

    pub(crate) fn is_function(self) -> bool {
        self.handler != c::SIG_DFL && self.handler != c::SIG_IGN
    }

    /// Calls the handler, as other code that is installed on top of it does.
    pub(crate) fn call(self, signal: i32, info: *mut c::siginfo_t, context: *mut libc::c_void) {
        if !self.is_function() {
            return;
        }
        if self.flags & c::SA_SIGINFO != 0 {
            // SAFETY: a function that was installed with this flag; the arguments are the kernel's.
            unsafe { std::mem::transmute::<usize, Informed>(self.handler)(signal, info, context) };
        } else {
            // SAFETY: as above, without the flag.
            unsafe { std::mem::transmute::<usize, extern "C" fn(i32)>(self.handler)(signal) };
        }
    }
}

/// A handler that is told why.
pub(crate) type Informed = extern "C" fn(i32, *mut c::siginfo_t, *mut libc::c_void);

fn sigset(set: SignalSet) -> c::sigset_t {
    let mut raw = c::sigset_t::default();
    raw.__val[0] = set.bits();
    raw
}

/// All dispositions.
pub(crate) fn snapshot() -> Vec<(Signal, usize)> {
    SignalSet::all().iter().map(|signal| (signal, Action::of(signal).handler)).collect()
}

/// How often a handler of other code ran.
pub(crate) struct Ran(AtomicU32);

impl Ran {
    pub(crate) const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    /// How often since the last look.
    pub(crate) fn take(&self) -> u32 {
        self.0.swap(0, Ordering::SeqCst)
    }
}

/// A real-time signal by number.
pub(crate) fn real_time(number: u8) -> Signal {
    Signal::real_time(number).expect("a real-time signal")
}

/// Expects a failure of this kind, and hands its words out.
#[track_caller]
pub(crate) fn refused<T>(result: Result<T>, kind: ErrorKind) -> Error {
    let Err(error) = result else { panic!("succeeded, expected {kind:?}") };
    assert_eq!(error.kind(), kind, "{error}");
    error
}

#[track_caller]
pub(crate) fn raise(signal: Signal) {
    signal::raise(signal).unwrap();
}

/// Sends to the process, and returns when somebody took it.
pub(crate) fn queue(signal: Signal, value: i32) {
    signal::queue(getpid(), signal, value).unwrap();
}

/// The id of the calling thread.
pub(crate) fn thread_id() -> ipc_safe::process::Pid {
    // SAFETY: takes no argument and cannot fail.
    let raw = unsafe { libc::gettid() };
    ipc_safe::process::Pid::from_raw(raw).expect("an id")
}

/// The open descriptors of this process.
pub(crate) fn descriptors() -> usize {
    // The one that reads the folder is always among them.
    std::fs::read_dir("/proc/self/fd").expect("a folder of the kernel").count()
}

/// `errno` of this thread.
pub(crate) fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().expect("an error number")
}

pub(crate) fn set_errno(errno: i32) {
    // SAFETY: the address of this thread's `errno`.
    unsafe { *libc::__errno_location() = errno };
}

/// `waitpid`: what it returned, and the status.
pub(crate) fn wait_for(pid: i32, flags: i32) -> std::io::Result<(i32, i32)> {
    let mut status = 0;
    // SAFETY: writes one integer.
    match unsafe { libc::waitpid(pid, &raw mut status, flags) } {
        -1 if errno() == libc::EINTR => wait_for(pid, flags),
        -1 => Err(std::io::Error::last_os_error()),
        pid => Ok((pid, status)),
    }
}

/// The mask of the calling thread; in a handler too.
pub(crate) fn mask_of_thread() -> SignalSet {
    let mut mask = c::sigset_t::default();
    // SAFETY: null changes nothing; writes one `sigset_t`.
    unsafe { c::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), &raw mut mask) };
    SignalSet::from_bits(mask.__val[0])
}

/// Sends with a value to a thread, which `sigqueue` cannot.
pub(crate) fn queue_to_thread(thread: ipc_safe::process::Pid, signal: Signal, value: u64) {
    let mut info = [0_u64; 16];
    let code = i64::from(libc::SI_QUEUE) as u64 & 0xffff_ffff;
    info[0] = u64::from(signal.as_raw().cast_unsigned()); // si_signo, si_errno
    info[1] = code; // si_code, padding
    info[2] = u64::from(std::process::id()); // si_pid, si_uid
    info[3] = value;
    let (process, thread) = (std::process::id(), thread.as_raw_nonzero().get());
    // SAFETY: reads 128 bytes, which a `siginfo_t` has.
    let result = unsafe { libc::syscall(libc::SYS_rt_tgsigqueueinfo, process, thread, signal.as_raw(), info.as_ptr()) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}

/// Says that the test is over when it is dropped, also by a panic, so that the threads that wait for that end.
pub(crate) struct Over<'a>(pub(crate) &'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}
