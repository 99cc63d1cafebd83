//! Which call can fail with which number, and what that may look like to the caller.

use ipc_safe::error::{Errno, ErrorKind};
use ipc_safe::testing::SystemCall;

/// A C function, and the numbers that its calls fail with in the sweep.
struct Row {
    function: &'static str,
    numbers: &'static [i32],
}

const fn row(function: &'static str, numbers: &'static [i32]) -> Row {
    Row { function, numbers }
}

use libc::{
    E2BIG, EACCES, EADDRINUSE, EAGAIN, EBUSY, ECHILD, ECONNABORTED, ECONNREFUSED, ECONNRESET, EEXIST, EFAULT, EFBIG,
    EIDRM, EINTR, EINVAL, EIO, EMFILE, EMSGSIZE, ENFILE, ENOBUFS, ENODEV, ENOENT, ENOLCK, ENOMEM, ENOMSG, ENOSPC,
    ENOSYS, ENOTCONN, ENXIO, EOPNOTSUPP, EPERM, EPIPE, ERANGE, EROFS, ESRCH, ETIMEDOUT, EXDEV,
};

/// The calls of the matrix, and the others that the crate makes. `recorded` calls are made to fail with each of the numbers.
const ROWS: &[Row] = &[
    row("msgget", &[ENOSPC, ENOMEM, EACCES, EEXIST, ENOENT, ENOSYS]),
    row("msgsnd", &[EINTR, EAGAIN, EIDRM, EINVAL, EACCES, EFAULT, ENOMEM]),
    row("msgrcv", &[EINTR, E2BIG, ENOMSG, EIDRM, EINVAL, EACCES]),
    row("msgctl", &[EACCES, EINVAL, EPERM, EIDRM, EFAULT]),
    row("semget", &[ENOSPC, EEXIST, ENOENT, EACCES, ENOMEM, ENOSYS]),
    row("semctl", &[EINVAL, EIDRM, EPERM, EACCES, ERANGE, ENOMEM]),
    row("semop", &[EINTR, EAGAIN, EIDRM, EINVAL, ERANGE, ENOSPC, ENOMEM, EACCES]),
    row("shmget", &[ENOSPC, EINVAL, ENOMEM, ENFILE, EEXIST, ENOENT, EACCES, EPERM]),
    row("shmat", &[ENOMEM, EACCES, EIDRM, EINVAL]),
    row("shmdt", &[EINVAL]),
    row("shmctl", &[EPERM, EINVAL, EIDRM, EACCES, ENOMEM]),
    row("mmap", &[ENOMEM, EAGAIN, ENODEV, EACCES, EPERM, ENFILE]),
    row("munmap", &[ENOMEM, EINVAL]),
    row("msync", &[EIO, EBUSY, ENOMEM]),
    row("mremap", &[ENOMEM, EFAULT, EAGAIN]),
    row("mprotect", &[ENOMEM, EACCES]),
    row("pkey_mprotect", &[ENOMEM, EACCES, EINVAL]),
    row("pkey_alloc", &[ENOSPC, ENOSYS]),
    row("madvise", &[ENOMEM, EINVAL, EIO, EAGAIN, EPERM]),
    row("mincore", &[ENOMEM, EAGAIN]),
    row("mlock", &[ENOMEM, EPERM, EAGAIN]),
    row("mlock2", &[ENOMEM, EPERM, EAGAIN]),
    row("mlockall", &[ENOMEM, EPERM]),
    row("munlock", &[ENOMEM]),
    row("munlockall", &[EPERM]),
    row("memfd_create", &[EMFILE, ENFILE, ENOMEM, EINVAL, EPERM]),
    row("ftruncate", &[EINTR, EFBIG, EIO, EINVAL, EPERM, ENOSPC]),
    row("fallocate", &[EINTR, ENOSPC, EFBIG, EIO]),
    row("fstat", &[ENOMEM, EIO, EACCES]),
    row("fcntl", &[EPERM, EBUSY, EINVAL, ENOMEM, EMFILE]),
    row("flock", &[EINTR, EAGAIN, ENOLCK, EOPNOTSUPP]),
    row("fchmod", &[EPERM, EROFS, EIO]),
    row("fchmodat", &[EPERM, EROFS, EIO]),
    row("process_vm_readv", &[EFAULT, EPERM, ENOMEM]),
    row("process_vm_writev", &[EFAULT, EPERM, ENOMEM]),
    row("process_madvise", &[EINTR, EPERM, ENOMEM, EAGAIN]),
    row("pipe", &[EMFILE, ENFILE, ENOMEM]),
    row("read", &[EINTR, EAGAIN, EIO]),
    row("pread64", &[EINTR, EIO]),
    row("readv", &[EINTR, EAGAIN, EIO]),
    row("write", &[EINTR, EAGAIN, EPIPE, EIO, ENOSPC]),
    row("writev", &[EINTR, EAGAIN, EPIPE, EIO]),
    row("splice", &[EINTR, EAGAIN, EINVAL, ENOMEM, EPIPE]),
    row("tee", &[EINTR, EAGAIN, EINVAL, ENOMEM]),
    row("vmsplice", &[EINTR, EAGAIN, EINVAL, ENOMEM]),
    row("open", &[EINTR, ENOENT, EACCES, ENXIO, EMFILE, ENFILE, ENOMEM]),
    row("mkfifo", &[EEXIST, EROFS, ENOSPC, EACCES]),
    row("link", &[EEXIST, ENOSPC, EXDEV, EACCES]),
    row("rename", &[EEXIST, ENOSPC, EINVAL, EACCES]),
    row("unlink", &[ENOENT, EACCES, EBUSY, EROFS]),
    row("close", &[EINTR, EIO]),
    row("dup3", &[EINTR, EBUSY, EMFILE]),
    row("fork", &[EAGAIN, ENOMEM]),
    row("waitpid", &[EINTR, ECHILD]),
    row("kill", &[EPERM, ESRCH]),
    row("raise", &[EAGAIN, EPERM, ESRCH]),
    row("sigqueue", &[EAGAIN, EPERM, ESRCH]),
    row("rt_tgsigqueueinfo", &[EAGAIN, EPERM, ESRCH]),
    row("sigaction", &[EINVAL, EFAULT]),
    row("sigprocmask", &[EINVAL, EFAULT]),
    row("sigpending", &[EFAULT]),
    row("sigtimedwait", &[EINTR, EAGAIN, EINVAL]),
    row("sigsuspend", &[EFAULT]),
    row("sigaltstack", &[ENOMEM, EPERM, EINVAL]),
    row("signalfd", &[EMFILE, ENFILE, ENOMEM, ENODEV]),
    row("eventfd2", &[EMFILE, ENFILE, ENOMEM, ENODEV]),
    row("setitimer", &[EINVAL, EFAULT]),
    row("getitimer", &[EFAULT]),
    row("timer_create", &[EAGAIN, EINVAL, ENOMEM]),
    row("timer_settime", &[EINVAL]),
    row("timer_gettime", &[EINVAL]),
    row("timer_getoverrun", &[EINVAL]),
    row("timer_delete", &[EINVAL]),
    row("clock_gettime", &[EINVAL]),
    row("nanosleep", &[EINTR]),
    row("socket", &[EMFILE, ENFILE, ENOBUFS, ENOMEM]),
    row("socketpair", &[EMFILE, ENFILE, ENOBUFS, ENOMEM]),
    row("bind", &[EADDRINUSE, EACCES, ENOMEM, ENOENT]),
    row("listen", &[EADDRINUSE]),
    row("accept", &[EMFILE, ENFILE, ENOBUFS, ECONNABORTED, EINTR, EAGAIN]),
    row("connect", &[EINTR, EAGAIN, ECONNREFUSED, ETIMEDOUT, EACCES]),
    row("send", &[EINTR, EAGAIN, ECONNRESET, EPIPE, EMSGSIZE, ENOBUFS]),
    row("sendmsg", &[EINTR, EAGAIN, ECONNRESET, EPIPE, EMSGSIZE, ENOBUFS]),
    row("recv", &[EINTR, EAGAIN, ECONNRESET, ENOMEM]),
    row("recvmsg", &[EINTR, EAGAIN, ECONNRESET, ENOMEM]),
    row("getsockopt", &[EINVAL, ENOMEM]),
    row("setsockopt", &[EINVAL, ENOMEM, EPERM]),
    row("getsockname", &[ENOBUFS]),
    row("getpeername", &[ENOTCONN, ENOBUFS]),
    row("shutdown", &[ENOTCONN]),
    row("poll", &[EINTR, ENOMEM]),
    row("futex", &[EINTR, EAGAIN, ENOMEM]),
    row("membarrier", &[EINVAL, EPERM, ENOSYS]),
    row("pidfd_open", &[EMFILE, ENFILE, ENOMEM, ESRCH]),
    row("pidfd_send_signal", &[EPERM, ESRCH]),
    row("ioctl", &[EINVAL, ENOMEM]),
    row("getrandom", &[EINTR, EAGAIN]),
    row("prctl", &[EINVAL]),
];

/// The calls that a sweep looks for.
pub(crate) fn calls() -> Vec<SystemCall> {
    let mut calls: Vec<_> = ROWS.iter().flat_map(|row| SystemCall::behind(row.function).unwrap_or_default()).collect();
    calls.sort_unstable();
    calls.dedup();
    calls
}

/// What is left out of some scenarios.
const LEFT_OUT: &[(&str, &str, &[i32])] = &[
    // glibc ends the process when it cannot wait for a thread.
    ("tools::namespace", "futex", &[ENOMEM]),
    ("signals::thread_that_handles", "futex", &[ENOMEM]),
    ("signals::masks_of_threads_and_programs", "futex", &[ENOMEM]),
    // std panics when what its child has to say cannot be read.
    ("signals::masks_of_threads_and_programs", "recvfrom", &[EAGAIN, ENOMEM, ECONNRESET]),
    // Into an eventfd, which takes it. The thread that was not told would stay.
    ("signals::thread_that_handles", "write", &[EAGAIN, EPIPE, EIO, ENOSPC]),
];

/// The numbers that a call of a scenario is made to fail with.
pub(crate) fn numbers_in(scenario: &str, call: SystemCall) -> Vec<i32> {
    let is_left_out = |number: i32| {
        let fits = |(within, name, numbers): &(&str, &str, &[i32])| {
            *within == scenario && call.name() == Some(name) && numbers.contains(&number)
        };
        LEFT_OUT.iter().any(fits)
    };
    numbers(call).into_iter().filter(|number| !is_left_out(*number)).collect()
}

/// The numbers that a call is made to fail with.
pub(crate) fn numbers(call: SystemCall) -> Vec<i32> {
    let rows = ROWS.iter().filter(|row| SystemCall::behind(row.function).is_ok_and(|calls| calls.contains(&call)));
    let mut numbers: Vec<_> = rows.flat_map(|row| row.numbers).copied().collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

/// What a number means where the call has no meaning of its own for it.
fn usual(number: i32) -> ErrorKind {
    use ErrorKind as Kind;
    match number {
        EIDRM => Kind::Removed,
        EAGAIN | ENOMSG => Kind::WouldBlock,
        ETIMEDOUT => Kind::TimedOut,
        EINTR => Kind::Interrupted,
        ENOENT => Kind::NotFound,
        EEXIST | EADDRINUSE => Kind::AlreadyExists,
        EACCES | EPERM => Kind::PermissionDenied,
        ENOSPC | EMFILE | ENFILE => Kind::LimitReached,
        E2BIG | EMSGSIZE => Kind::TooBig,
        ERANGE | EFBIG => Kind::OutOfRange,
        EINVAL => Kind::InvalidInput,
        ENOMEM => Kind::OutOfMemory,
        ENOSYS => Kind::Unsupported,
        EPIPE | ECONNRESET | ENOTCONN => Kind::Closed,
        ECONNREFUSED => Kind::Refused,
        _ => Kind::Other,
    }
}

/// The scenarios in which a call is interrupted that is to be, and where in them; what std opens for us is, too, but never is.
const INTERRUPTIBLE: &[(&str, &[&str])] = &[
    ("sysv::queue_messages", &["msgrcv"]),
    ("sysv::queue_waits", &["msgsnd"]),
    ("sysv::set_waits", &["semtimedop"]),
    ("sysv::semaphore_guards", &["semtimedop"]),
    ("memory::posix_object", &["openat"]),
    ("memory::process_advised", &["process_madvise"]),
    ("signals::waits", &["rt_sigtimedwait"]),
    ("pipes::reads", &["read"]),
    ("pipes::writes", &["write"]),
    ("sockets::bytes", &["sendto", "sendmsg", "recvfrom", "recvmsg"]),
    ("sockets::connect", &["connect"]),
    ("tools::snapshot", &["openat"]),
    ("tools::leak_guard", &["openat"]),
];

/// Whether a public operation of a scenario may answer with this kind when a call of it failed with this number.
pub(crate) fn is_documented(scenario: &str, call: SystemCall, number: i32, kind: ErrorKind) -> bool {
    let name = call.name().unwrap_or("");
    // All else is done again, with the time that remains.
    if kind == ErrorKind::Interrupted {
        return INTERRUPTIBLE.iter().any(|(where_it_is, calls)| *where_it_is == scenario && calls.contains(&name));
    }
    kind == usual(number) || special(name, number).contains(&kind)
}

/// What else a number means to the callers of some calls.
fn special(call: &str, number: i32) -> &'static [ErrorKind] {
    use ErrorKind as Kind;
    match (call, number) {
        // All else is checked before: only the length is left to be wrong.
        ("msgsnd", EINVAL) => &[Kind::TooBig],
        // More than may be locked.
        ("mmap" | "mremap", EAGAIN) => &[Kind::OutOfMemory, Kind::LimitReached],
        ("mlock" | "mlock2", EAGAIN) => &[Kind::OutOfMemory],
        ("mmap", ENODEV) => &[Kind::Unsupported],
        // A sandbox; a page of the object that cannot be had.
        ("process_vm_readv" | "process_vm_writev", EPERM) => &[Kind::Unsupported],
        ("process_vm_readv" | "process_vm_writev", EFAULT) => &[Kind::OutOfMemory, Kind::Truncated],
        // What is still mapped cannot be sealed, and is in the way.
        ("munmap", _) => &[Kind::Other, Kind::AlreadyExists],
        // A wait with a limit ends by it; a timer that was left is not the guard's any more.
        ("rt_sigtimedwait" | "semtimedop", EAGAIN) => &[Kind::TimedOut],
        ("setitimer" | "getitimer", _) => &[Kind::Removed],
        // A FIFO that nobody reads.
        ("openat", ENXIO) => &[Kind::WouldBlock],
        // No process, no thread.
        ("clone" | "clone3", EAGAIN | ENOMEM) => &[Kind::LimitReached, Kind::WouldBlock],
        // Somebody else waited for the child.
        ("waitid" | "wait4", ECHILD) | ("pidfd_open", ESRCH) => &[Kind::NotFound],
        // Whether a path is stale cannot be told: then it is taken.
        ("connect", _) => &[Kind::AlreadyExists],
        // The user's signals are used up.
        ("timer_create", EAGAIN) => &[Kind::LimitReached],
        (_, ESRCH) => &[Kind::NotFound],
        // A name that was left because nobody could tell what it means is in the way of the next one.
        ("newfstatat" | "statx" | "unlinkat", _) => &[Kind::AlreadyExists],
        // What follows an error that ended a connection.
        ("sendto" | "sendmsg", EMSGSIZE | ENOBUFS) => &[Kind::Closed],
        ("membarrier", _) => &[Kind::Unsupported],
        _ => &[],
    }
}

/// The name of a number.
pub(crate) fn name(number: i32) -> String {
    Errno::from_raw(number).name().map_or_else(|| format!("errno {number}"), ToOwned::to_owned)
}
