//! What the modules have in common.

use crate::support::eventually;
use ipc_safe::error::{Error, ErrorKind, Result};
use ipc_safe::socket::{Connected, Incoming, Kind, LocalAddress, LocalSocket, Received};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;
use tempfile::TempDir;

/// Long enough that running out means a fault, short enough to wait for it.
pub(crate) const LONG: Duration = Duration::from_secs(20);
/// Short enough to wait for its end.
pub(crate) const SHORT: Duration = Duration::from_millis(20);

/// Expects a failure of this kind and, unless 0, number; hands the error out.
#[track_caller]
pub(crate) fn fails<T, E: Into<Error>>(result: Result<T, E>, kind: ErrorKind, errno: i32) -> Error {
    let Err(error) = result else { panic!("succeeded, expected {kind:?}") };
    let error = error.into();
    assert_eq!((error.kind(), error.raw_os_error().unwrap_or(0)), (kind, errno), "{error}");
    error
}

/// Expects a failure of a call of std or socket2.
#[track_caller]
pub(crate) fn io_fails<T>(result: std::io::Result<T>, errno: i32) {
    let Err(error) = result else { panic!("succeeded, expected errno {errno}") };
    assert_eq!(error.raw_os_error(), Some(errno), "{error}");
}

/// A folder for the paths of a test.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder for temporary files")
}

pub(crate) fn path_in(folder: &TempDir, name: &str) -> LocalAddress {
    LocalAddress::path(folder.path().join(name)).expect("a short path")
}

pub(crate) fn pair<K: Kind>() -> (LocalSocket<K>, LocalSocket<K>) {
    LocalSocket::pair().expect("a pair")
}

/// A listener at a name that the kernel chose, and a connection.
pub(crate) fn connection<K: Connected>() -> (LocalSocket<K>, LocalSocket<K>) {
    let listener = ipc_safe::socket::Listener::<K>::bind(&LocalAddress::UNNAMED).expect("a listener");
    let client = LocalSocket::connect(&listener.local_address().expect("a name")).expect("connected");
    (client, listener.accept().expect("a connection"))
}

/// Receives a message with room for so many descriptors.
#[track_caller]
pub(crate) fn receive<K: Kind>(socket: &LocalSocket<K>, descriptors: usize) -> (Vec<u8>, Received) {
    let mut bytes = vec![0; 1 << 16];
    let received = socket.receive_message(&mut Incoming::new(&mut bytes).descriptors(descriptors)).expect("a message");
    bytes.truncate(received.len);
    (bytes, received)
}

/// Fills a socket until nothing more goes in without waiting. How many bytes that were.
pub(crate) fn fill<K: Kind>(socket: &LocalSocket<K>, message: &[u8]) -> usize {
    let mut sent = 0;
    loop {
        match socket.try_send(message) {
            Ok(len) => sent += len,
            Err(error) if error.is_would_block() => return sent,
            Err(error) => panic!("{error}"),
        }
    }
}

pub(crate) fn is_close_on_exec(descriptor: impl AsFd) -> bool {
    let flags = rustix::io::fcntl_getfd(descriptor).expect("the flags of a descriptor");
    flags.contains(rustix::io::FdFlags::CLOEXEC)
}

/// Which file this is.
pub(crate) fn identity(descriptor: impl AsFd) -> (u64, u64) {
    let status = rustix::fs::fstat(descriptor).expect("the status of an open file");
    (status.st_dev, status.st_ino)
}

/// The numbers of the open descriptors, found without one.
pub(crate) fn open_descriptors() -> Vec<i32> {
    // SAFETY: asks about a number, whatever it is.
    (0..4096).filter(|&number| unsafe { libc::fcntl(number, libc::F_GETFD) } != -1).collect()
}

/// Lets this process have so many descriptors more than it has. For forked children.
pub(crate) fn allow_more(count: u64) {
    let open = open_descriptors();
    let highest = open.last().copied().unwrap_or(0);
    for hole in (0..highest).filter(|number| !open.contains(number)) {
        // SAFETY: a number that is free.
        assert_eq!(unsafe { libc::dup2(2, hole) }, hole);
    }
    let most = highest.cast_unsigned() as u64 + 1 + count;
    let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
    // SAFETY: reads a structure; concerns this process only.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
}

/// Returns when a process sleeps in one of these system calls.
pub(crate) fn wait_until_in(calls: &[libc::c_long], process: i32) {
    let path = format!("/proc/{process}/syscall");
    eventually("the process waits in the call", || {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let number = text.split_whitespace().next().and_then(|number| number.parse().ok());
        number.is_some_and(|number: libc::c_long| calls.contains(&number))
    });
}

pub(crate) fn number(descriptor: &impl AsRawFd) -> i32 {
    descriptor.as_raw_fd()
}

/// A thread of its own for one side.
pub(crate) fn aside<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> std::thread::JoinHandle<T> {
    std::thread::spawn(body)
}

/// Says so, past the test harness, which does not hear forked children.
pub(crate) fn skipped(why: &str) {
    let _ = rustix::io::write(std::io::stderr(), format!("skipped: {why}\n").as_bytes());
}

/// How much memory this process has had at most, in KiB.
pub(crate) fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a process has a status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
