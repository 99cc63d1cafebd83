//! What the modules have in common: expected failures, the three kinds as one, threads that wait, signals.

use crate::support::{as_nobody, eventually, fork, has_capability, watchdog};
use ipc_safe::error::{Errno, Error, ErrorKind, Result};
use ipc_safe::sysv::{Handle, Key, MessageQueue, MessageType, Owned, Permissions, Segment, SemaphoreSet};
use std::cell::Cell;
use std::os::unix::process::ExitStatusExt;
use std::os::unix::thread::JoinHandleExt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Once, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

/// Long enough that running out means a fault, short enough to wait for it.
pub(crate) const LONG: Duration = Duration::from_secs(20);
/// Short enough to wait for its end.
pub(crate) const SHORT: Duration = Duration::from_millis(20);

/// Expects a failure of this kind and number, and hands the error out.
#[track_caller]
pub(crate) fn fails<T>(result: Result<T>, kind: ErrorKind, errno: i32) -> Error {
    let Err(error) = result else { panic!("succeeded, expected {kind:?}") };
    assert_eq!((error.kind(), error.errno()), (kind, Some(Errno::from_raw(errno))), "{error}");
    error
}

/// Expects a failure of this kind that the kernel had no part in.
#[track_caller]
pub(crate) fn fails_here<T>(result: Result<T>, kind: ErrorKind) -> Error {
    let Err(error) = result else { panic!("succeeded, expected {kind:?}") };
    assert_eq!((error.kind(), error.errno()), (kind, None), "{error}");
    error
}

pub(crate) fn kind(raw: i64) -> MessageType {
    MessageType::new(raw).expect("a message type")
}

/// Whether this process is root of the whole system, who can become any other user. Root of a user namespace cannot.
pub(crate) fn is_root() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let whole = map.split_whitespace().eq(["0", "0", "4294967295"]);
    // SAFETY: takes no argument and cannot fail.
    let root = unsafe { libc::geteuid() } == 0;
    if !(root && whole) {
        println!("skipped a part that needs root to become another user");
    }
    root && whole
}

/// What the three kinds of objects share.
pub(crate) trait Noun: Handle + PartialEq + Send + Sync + 'static {
    const GET: &'static str;
    const CONTROL: &'static str;

    fn make(key: Key, create: bool, create_new: bool, mode: u32) -> Result<Self>;
    fn find(key: Key) -> Result<Self>;
    fn of_id(id: i32) -> Result<Self>;
    fn permissions(self) -> Result<Permissions>;
    fn chmod(self, mode: u32) -> Result<()>;
    fn chown(self, uid: u32, gid: u32) -> Result<()>;
    /// Something that needs the right to change the object.
    fn touch(self) -> Result<()>;

    fn new(key: Key) -> Owned<Self> {
        Owned::new(Self::make(key, false, true, 0o600).expect("a new object"))
    }
}

impl Noun for MessageQueue {
    const GET: &'static str = "msgget";
    const CONTROL: &'static str = "msgctl";

    fn make(key: Key, create: bool, create_new: bool, mode: u32) -> Result<Self> {
        Self::options().create(create).create_new(create_new).mode(mode).open(key)
    }
    fn find(key: Key) -> Result<Self> {
        Self::open(key)
    }
    fn of_id(id: i32) -> Result<Self> {
        Self::from_id(id)
    }
    fn permissions(self) -> Result<Permissions> {
        self.status().map(|status| status.permissions)
    }
    fn chmod(self, mode: u32) -> Result<()> {
        self.set_mode(mode)
    }
    fn chown(self, uid: u32, gid: u32) -> Result<()> {
        self.set_owner(uid, gid)
    }
    fn touch(self) -> Result<()> {
        self.try_send(MessageType::MIN, "x")
    }
}

impl Noun for SemaphoreSet {
    const GET: &'static str = "semget";
    const CONTROL: &'static str = "semctl";

    fn make(key: Key, create: bool, create_new: bool, mode: u32) -> Result<Self> {
        Self::options().create(create).create_new(create_new).mode(mode).open(key, &[1])
    }
    fn find(key: Key) -> Result<Self> {
        Self::open(key)
    }
    fn of_id(id: i32) -> Result<Self> {
        Self::from_id(id)
    }
    fn permissions(self) -> Result<Permissions> {
        self.status().map(|status| status.permissions)
    }
    fn chmod(self, mode: u32) -> Result<()> {
        self.set_mode(mode)
    }
    fn chown(self, uid: u32, gid: u32) -> Result<()> {
        self.set_owner(uid, gid)
    }
    fn touch(self) -> Result<()> {
        self.semaphore(0).add(1)
    }
}

impl Noun for Segment {
    const GET: &'static str = "shmget";
    const CONTROL: &'static str = "shmctl";

    fn make(key: Key, create: bool, create_new: bool, mode: u32) -> Result<Self> {
        Self::options().create(create).create_new(create_new).mode(mode).open(key, 100)
    }
    fn find(key: Key) -> Result<Self> {
        Self::open(key)
    }
    fn of_id(id: i32) -> Result<Self> {
        Self::from_id(id)
    }
    fn permissions(self) -> Result<Permissions> {
        self.status().map(|status| status.permissions)
    }
    fn chmod(self, mode: u32) -> Result<()> {
        self.set_mode(mode)
    }
    fn chown(self, uid: u32, gid: u32) -> Result<()> {
        self.set_owner(uid, gid)
    }
    fn touch(self) -> Result<()> {
        self.attach().map(drop)
    }
}

/// A thread that sleeps in a system call.
pub(crate) struct Waiting<T> {
    thread: JoinHandle<T>,
    tid: i32,
    handled: Arc<AtomicU32>,
}

impl<T: Send + 'static> Waiting<T> {
    /// Runs `body` in a thread and returns when that sleeps in the system call of this number.
    pub(crate) fn in_call(call: libc::c_long, body: impl FnOnce() -> T + Send + 'static) -> Self {
        count_signals();
        let (say, said) = mpsc::channel();
        let handled = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&handled);
        let thread = std::thread::spawn(move || {
            COUNTER.set(Arc::as_ptr(&counter));
            // SAFETY: takes no argument and cannot fail.
            say.send(unsafe { libc::gettid() }).expect("the test waits for it");
            let result = body();
            COUNTER.set(std::ptr::null());
            result
        });
        let tid = said.recv().expect("a thread id");
        let waiting = Self { thread, tid, handled };
        waiting.sleeps_in(call);
        waiting
    }

    /// Returns when the thread sleeps in the system call of this number.
    pub(crate) fn sleeps_in(&self, call: libc::c_long) {
        eventually("the thread waits in the call", || {
            assert!(!self.thread.is_finished(), "the call did not wait");
            sleeps_in(self.tid, call)
        });
    }

    /// Signals the thread and returns when its handler ran.
    pub(crate) fn signal(&self, signal: i32) {
        let before = self.handled.load(Ordering::SeqCst);
        self.send(signal);
        eventually("the handler ran", || self.handled.load(Ordering::SeqCst) > before || self.thread.is_finished());
    }

    fn send(&self, signal: i32) {
        // SAFETY: the thread is not joined yet, so that its handle is good; the signals are those with a handler.
        unsafe { libc::pthread_kill(self.thread.as_pthread_t(), signal) };
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// The result of `body`.
    pub(crate) fn finish(self) -> T {
        self.thread.join().expect("the thread did not panic")
    }

    /// Interrupts the thread a hundred times while it waits, then calls `act`, which is to end the wait, while signals go on
    /// coming. Returns the result of the body.
    pub(crate) fn finish_in_storm(self, act: impl FnOnce()) -> T {
        for round in 0..100 {
            self.signal(if round % 2 == 0 { RESTARTING } else { PLAIN });
            assert!(!self.thread.is_finished(), "a signal ended the wait");
        }
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !self.thread.is_finished() {
                    self.send(RESTARTING);
                    // A pause: a thread that gets signals faster than it leaves their handler never gets further.
                    std::thread::sleep(Duration::from_micros(50));
                }
            });
            act();
        });
        self.finish()
    }
}

/// Whether a thread, of this process or a forked child, sleeps in the system call of this number.
pub(crate) fn sleeps_in(tid: i32, call: libc::c_long) -> bool {
    let own = std::fs::read_to_string(format!("/proc/{tid}/syscall"));
    own.is_ok_and(|text| text.split_whitespace().next() == Some(&call.to_string()))
}

/// A signal whose handler has `SA_RESTART`.
pub(crate) const RESTARTING: i32 = libc::SIGUSR1;
/// A signal whose handler has not.
pub(crate) const PLAIN: i32 = libc::SIGUSR2;

thread_local! {
    /// Where the handler counts for this thread.
    static COUNTER: Cell<*const AtomicU32> = const { Cell::new(std::ptr::null()) };
}

extern "C" fn count(_signal: i32) {
    let counter = COUNTER.get();
    if !counter.is_null() {
        // SAFETY: the thread that this runs in keeps the counter for as long as the pointer is set.
        unsafe { (*counter).fetch_add(1, Ordering::SeqCst) };
    }
}

/// Installs a handler for both signals, once and for all threads.
pub(crate) fn count_signals() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for (signal, flags) in [(RESTARTING, libc::SA_RESTART), (PLAIN, 0)] {
            // SAFETY: an all-zero `sigaction` is a valid one; the handler does nothing but count in an atomic.
            let installed = unsafe {
                let mut action: libc::sigaction = std::mem::zeroed();
                action.sa_sigaction = count as *const () as usize;
                action.sa_flags = flags;
                libc::sigaction(signal, &raw const action, std::ptr::null_mut())
            };
            assert_eq!(installed, 0);
        }
    });
}

/// The `errno` of this thread.
pub(crate) fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().expect("an error number")
}

/// Runs `body` in a forked child that may not do more than any ordinary user. False, after saying so, where such a child is not
/// to be had.
pub(crate) fn as_ordinary_user(body: impl FnOnce() -> i32) -> bool {
    const CAP_IPC_OWNER: u32 = 15;
    let _watchdog = watchdog();
    if is_root() {
        return as_nobody(body);
    }
    if has_capability(CAP_IPC_OWNER) {
        println!("skipped a part that needs an ordinary user");
        return false;
    }
    fork(body).succeed();
    true
}

/// Lowers a limit of the calling process, for good. For a forked child.
pub(crate) fn lower_limit(resource: libc::__rlimit_resource_t, to: u64) {
    let limit = libc::rlimit { rlim_cur: to, rlim_max: to };
    // SAFETY: the kernel reads one structure.
    assert_eq!(unsafe { libc::setrlimit(resource, &raw const limit) }, 0, "{}", std::io::Error::last_os_error());
}

/// The bytes of a page.
pub(crate) fn page() -> usize {
    // SAFETY: takes an integer.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).expect("a page size")
}

/// Runs `body` in a forked child and expects this signal to end it.
#[track_caller]
pub(crate) fn dies_of(signal: i32, body: impl FnOnce()) {
    let _watchdog = watchdog();
    let status = fork(|| {
        lower_limit(libc::RLIMIT_CORE, 0);
        // SAFETY: the default action, which the test harness's own handler would hide.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
        body();
        0
    })
    .wait();
    assert_eq!(status.signal(), Some(signal), "{status}");
}

/// Runs `body` in a process of its own. In this one, other tests map and unmap at any moment, and their forked children have a
/// copy of every attachment there is, which counts.
#[track_caller]
pub(crate) fn alone(body: impl FnOnce()) {
    let _watchdog = watchdog();
    fork(|| {
        body();
        0
    })
    .succeed();
}
