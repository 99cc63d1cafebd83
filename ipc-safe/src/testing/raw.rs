//! The calls that the other modules of this area need: namespaces, forks, system call filters, dispositions.
#![expect(unsafe_code, reason = "the calls into the C library and the kernel")]

use crate::error::{Errno, keeping_errno};
use crate::process::Pid;
use core::ffi::{c_int, c_uint, c_ulong};
use core::mem::MaybeUninit;
use rustix::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

/// The result of a call: what it returns, or the error number.
pub(super) type Raw<T> = Result<T, Errno>;

/// -1 is failure, anything else the result.
fn returned(result: c_int) -> Raw<c_int> {
    if result == -1 { Err(Errno::last()) } else { Ok(result) }
}

/// Gives the calling thread an IPC namespace of its own.
pub(super) fn unshare_ipc() -> Raw<()> {
    // SAFETY: takes a number, and changes which System V objects and POSIX queues the thread finds by key or id. Attached segments
    // stay attached; an id that means another object now is an error or another object to every caller, which no other code
    // rules out either.
    returned(unsafe { libc::unshare(libc::CLONE_NEWIPC) }).map(drop)
}

/// Lets the program of a command start in an IPC namespace of its own, as root of a user namespace of its own.
pub(super) fn in_user_namespace(command: &mut Command) {
    let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
    let maps = [
        (c"/proc/self/setgroups", "deny".to_owned()),
        (c"/proc/self/uid_map", format!("0 {} 1", user.as_raw())),
        (c"/proc/self/gid_map", format!("0 {} 1", group.as_raw())),
    ];
    let enter = move || {
        // SAFETY: takes numbers. The child has one thread, its memory is a copy, and a program is executed next.
        returned(unsafe { libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWIPC) })?;
        maps.iter().try_for_each(|(path, text)| write_file(path, text.as_bytes()))?;
        Ok(())
    };
    // SAFETY: the closure makes system calls only, on memory that was allocated before the fork: nothing that another thread
    // could have been in the middle of.
    unsafe { command.pre_exec(enter) };
}

/// Writes a file that is there, in one piece. Allocates nothing.
fn write_file(path: &core::ffi::CStr, bytes: &[u8]) -> Raw<()> {
    // SAFETY: the path ends with a zero.
    let file = returned(unsafe { libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC) })?;
    // SAFETY: the call just made the descriptor, and nobody else knows it.
    let file = unsafe { OwnedFd::from_raw_fd(file) };
    // SAFETY: reads as many bytes as the slice has.
    let written = unsafe { libc::write(file.as_raw_fd(), bytes.as_ptr().cast(), bytes.len()) };
    if written == -1 { Err(Errno::last()) } else { Ok(()) }
}

/// Forks. `None` in the child.
///
/// # Safety
///
/// What [`fork`](super::fork) asks for.
pub(super) unsafe fn fork() -> Raw<Option<Pid>> {
    // SAFETY: the caller sees to what the child does.
    let pid = returned(unsafe { libc::fork() })?;
    Ok(Pid::from_raw(pid))
}

/// Ends the process at once: no destructor and no exit handler runs.
pub(super) fn exit_now(status: c_int) -> ! {
    // SAFETY: takes a number. That destructors do not run is never a promise that soundness rests on.
    unsafe { libc::_exit(status) }
}

/// What a process does about a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Action {
    /// The address of the handler, or `SIG_DFL` or `SIG_IGN`.
    pub(super) handler: usize,
    pub(super) flags: c_int,
    /// What is blocked meanwhile.
    pub(super) mask: u64,
}

/// What the process does about a signal; `EINVAL` for the numbers that belong to the C library.
pub(super) fn action(signal: c_int) -> Raw<Action> {
    let mut action = MaybeUninit::<ipc_sys::signal::sigaction>::zeroed();
    // SAFETY: with no new action, the call only writes one structure.
    returned(unsafe { ipc_sys::signal::sigaction(signal, core::ptr::null(), action.as_mut_ptr()) })?;
    // SAFETY: zeroed before the call; zero is a value of its integers and of its optional functions.
    let action = unsafe { action.assume_init() };
    Ok(Action { handler: action.sa_handler(), flags: action.sa_flags, mask: action.sa_mask.__val[0] })
}

/// Whether an interval timer (`ITIMER_REAL`, ...) runs; if so, its interval.
pub(super) fn interval(which: c_int) -> Raw<Option<Duration>> {
    let mut value = MaybeUninit::<libc::itimerval>::zeroed();
    // SAFETY: writes one `itimerval`.
    returned(unsafe { libc::getitimer(which as _, value.as_mut_ptr()) })?;
    // SAFETY: zeroed before the call, and integers all through: any bytes are a value.
    let value = unsafe { value.assume_init() };
    let time = |time: libc::timeval| Duration::from_micros((time.tv_sec * 1_000_000 + time.tv_usec).unsigned_abs());
    Ok((!time(value.it_value).is_zero()).then(|| time(value.it_interval)))
}

/// Puts a system call filter on the calling thread and all that it starts, for good.
pub(super) fn install_filter(filter: &[libc::sock_filter]) -> Raw<()> {
    seccomp(filter, 0).map(drop)
}

/// As [`install_filter`], and gives the descriptor by which calls are told that the filter leaves to a supervisor.
pub(super) fn install_supervised_filter(filter: &[libc::sock_filter]) -> Raw<OwnedFd> {
    let listen = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
    // With the second flag, a signal does not make a call that was told already look like two. Linux 5.19.
    let descriptor = match seccomp(filter, listen | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV) {
        Err(Errno::INVAL) => seccomp(filter, listen)?,
        result => result?,
    };
    // SAFETY: with the flag NEW_LISTENER a call that succeeds returns a new descriptor, which nobody else knows.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

fn seccomp(filter: &[libc::sock_filter], flags: c_ulong) -> Raw<c_int> {
    let len = filter.len().try_into().map_err(|_| Errno::INVAL)?;
    let program = libc::sock_fprog { len, filter: filter.as_ptr().cast_mut() };
    // SAFETY: takes numbers. That the thread gains no rights by executing programs is asked for: without it, only root may filter.
    returned(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) })?;
    let operation = libc::SECCOMP_SET_MODE_FILTER;
    // SAFETY: the kernel reads `len` instructions, which the slice has, copies and checks them. A filter of this module lets calls
    // through or makes them fail, with a number that is an error: it never pretends that a call was made.
    let result = unsafe { libc::syscall(libc::SYS_seccomp, operation, flags, &raw const program) };
    if result == -1 { Err(Errno::last()) } else { Ok(result as c_int) }
}

/// A call that a filter left to its supervisor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Notification {
    id: u64,
    /// The thread that makes it.
    pub(super) thread: u32,
    pub(super) number: c_int,
    pub(super) arguments: [u64; 6],
}

/// Room for a notification, more than any kernel to come is likely to write.
#[repr(C, align(8))]
struct Room([u8; 4096]);

/// Whether the structures of this kernel have room in ours.
pub(super) fn check_notification_sizes() -> Raw<()> {
    let mut sizes = MaybeUninit::<libc::seccomp_notif_sizes>::zeroed();
    let operation: c_uint = libc::SECCOMP_GET_NOTIF_SIZES;
    // SAFETY: writes one structure.
    let result = unsafe { libc::syscall(libc::SYS_seccomp, operation, 0, sizes.as_mut_ptr()) };
    if result == -1 {
        return Err(Errno::last());
    }
    // SAFETY: zeroed before the call, and integers all through: any bytes are a value.
    let sizes = unsafe { sizes.assume_init() };
    let largest = sizes.seccomp_notif.max(sizes.seccomp_notif_resp);
    if usize::from(largest) > size_of::<Room>() { Err(Errno::NOSYS) } else { Ok(()) }
}

/// Takes the next call from a listener; `ENOENT` when whoever made it is gone.
pub(super) fn take(listener: BorrowedFd<'_>) -> Raw<Notification> {
    let mut room = Room([0; 4096]);
    // SAFETY: `check_notification_sizes` found that the kernel writes no more than the room has; it wants zeros there, which it
    // finds. On a descriptor that is no listener the call fails.
    returned(unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV as _, room.0.as_mut_ptr()) })?;
    // SAFETY: the room is aligned to 8, larger than the structure, and all of it is initialised; the structure is made of
    // integers, so that any bytes are a value.
    let told = unsafe { room.0.as_ptr().cast::<libc::seccomp_notif>().read() };
    Ok(Notification { id: told.id, thread: told.pid, number: told.data.nr, arguments: told.data.args })
}

/// Lets the kernel make the call (`None`), or fails it with this number, which is positive. An error means that whoever made it
/// is gone.
pub(super) fn answer(listener: BorrowedFd<'_>, told: &Notification, failure: Option<Errno>) -> Raw<()> {
    let (error, flags) = match failure {
        None => (0, libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32),
        Some(errno) => (-errno.as_raw(), 0),
    };
    let mut room = Room([0; 4096]);
    let response = libc::seccomp_notif_resp { id: told.id, val: 0, error, flags };
    // SAFETY: the room is aligned to 8 and larger than the structure.
    unsafe { room.0.as_mut_ptr().cast::<libc::seccomp_notif_resp>().write(response) };
    // SAFETY: the kernel reads the structure, of which it may know more fields: zeros, which the room has.
    returned(unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND as _, room.0.as_mut_ptr()) })
        .map(drop)
}

/// Whether the call still waits for its answer: no error. The listener may be any descriptor, or none any more.
pub(super) fn is_waiting(listener: RawFd, told: &Notification) -> Raw<()> {
    let mut id = told.id;
    // SAFETY: reads one number of 64 bits. Of a listener it changes nothing; to other kinds of descriptors the request means nothing
    // (its type, '!', is seccomp's), and they refuse it.
    returned(unsafe { libc::ioctl(listener, libc::SECCOMP_IOCTL_NOTIF_ID_VALID as _, &raw mut id) }).map(drop)
}

/// Copies bytes from another process's memory, or from that of this one.
pub(super) fn read_memory(process: Pid, address: u64, bytes: &mut [u8]) -> Raw<usize> {
    let to = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    let from = libc::iovec { iov_base: core::ptr::without_provenance_mut(address as usize), iov_len: bytes.len() };
    let process = process.as_raw_nonzero().get();
    // SAFETY: writes no more bytes than the slice has, to where it is. The other address is one of that process, and the kernel
    // checks it.
    let count = unsafe { libc::process_vm_readv(process, &raw const to, 1, &raw const from, 1, 0) };
    usize::try_from(count).map_err(|_| Errno::last())
}

/// Ends the calling process with `SIGKILL` when the thread that forked it ends.
pub(super) fn end_with_parent() {
    // SAFETY: takes numbers only. That it may fail changes nothing: the process lives longer then.
    keeping_errno(|| unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) });
}
