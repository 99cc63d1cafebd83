//! What the modules have in common: expected failures, the three kinds as one, threads that wait, signals.

pub(crate) use crate::support::waiting::{PLAIN, RESTARTING, Waiting, sleeps_in};
use crate::support::{as_nobody, fork, has_capability, in_namespace, watchdog};
use ipc_safe::error::{Errno, Error, ErrorKind, Result};
use ipc_safe::sysv::{Handle, Key, MessageQueue, MessageType, Owned, Permissions, Segment, SemaphoreSet};
use std::os::unix::process::ExitStatusExt;
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

/// [`alone`], and in an IPC namespace of its own, which is empty at the end.
pub(crate) fn alone_in_namespace(body: impl FnOnce() + Send) {
    in_namespace(|| alone(body));
}
