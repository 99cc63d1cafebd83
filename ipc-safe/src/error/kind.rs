//! What went wrong, as a program wants to tell it apart.

use super::Errno;

/// The kind of an [`Error`](super::Error): what a program decides on.
///
/// ```
/// use ipc_safe::error::ErrorKind;
/// use ipc_safe::sysv::{MessageBuffer, MessageQueue, Selector};
///
/// let queue = MessageQueue::private()?;
/// let mut buffer = MessageBuffer::with_capacity(64);
/// let nothing = queue.try_receive(Selector::First, &mut buffer).unwrap_err();
/// assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
/// # Ok::<(), ipc_safe::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The object is gone: removed while the call waited, or before it was made.
    Removed,
    /// The call would have to wait: the queue is full or has no such message, the semaphore has too few units.
    WouldBlock,
    /// The time given ran out.
    TimedOut,
    /// A signal handler ran. Only the `_interruptible` forms report it.
    Interrupted,
    /// No object with this key, path or index.
    NotFound,
    /// The object exists, and a new one was asked for.
    AlreadyExists,
    /// The permission bits, the owner or a missing capability forbid it.
    PermissionDenied,
    /// A limit of the system, a namespace or a user is reached.
    LimitReached,
    /// A message longer than the buffer or than the system allows, or too many operations in one call.
    TooBig,
    /// The value leaves its range: above 32767 for a semaphore, outside the view for shared bytes.
    OutOfRange,
    /// The object ends before the bytes that were asked for.
    Truncated,
    /// An argument that makes no sense for the call.
    InvalidInput,
    /// The object is there, its creator has not initialised it in the time given.
    NotInitialised,
    /// Nobody is there who would take the connection, or the message.
    Refused,
    /// The kernel is out of memory.
    OutOfMemory,
    /// This kernel, or this kind of object, lacks the operation.
    Unsupported,
    /// The other end is closed, or there is none: nobody is left to read what would be written, or to write what is waited for.
    Closed,
    /// The caller holds the lock already, or waits in a ring with others.
    Deadlock,
    /// The holder of the lock died, and whoever came next did not make the data consistent.
    NotRecoverable,
    /// Somebody wrote nonsense into the shared memory.
    Corrupt,
    /// Anything else; [`Error::errno`](super::Error::errno) has the number.
    Other,
}

impl ErrorKind {
    /// The kind that an error number usually means.
    pub(crate) const fn of(errno: Errno) -> Self {
        match errno {
            Errno::IDRM => Self::Removed,
            Errno::AGAIN | Errno::NOMSG => Self::WouldBlock,
            Errno::TIMEDOUT => Self::TimedOut,
            Errno::INTR => Self::Interrupted,
            Errno::NOENT => Self::NotFound,
            Errno::EXIST => Self::AlreadyExists,
            Errno::ACCES | Errno::PERM => Self::PermissionDenied,
            Errno::NOSPC => Self::LimitReached,
            Errno::TOOBIG => Self::TooBig,
            Errno::RANGE | Errno::FBIG => Self::OutOfRange,
            Errno::INVAL => Self::InvalidInput,
            Errno::NOMEM => Self::OutOfMemory,
            Errno::NOSYS => Self::Unsupported,
            _ => match errno.as_raw() {
                libc::EMFILE | libc::ENFILE | libc::EDQUOT => Self::LimitReached,
                libc::EOPNOTSUPP | libc::EAFNOSUPPORT => Self::Unsupported,
                libc::EMSGSIZE => Self::TooBig,
                libc::EADDRINUSE => Self::AlreadyExists,
                libc::EPIPE | libc::ECONNRESET | libc::ENOTCONN => Self::Closed,
                libc::ECONNREFUSED => Self::Refused,
                libc::EDEADLK => Self::Deadlock,
                libc::ENOTRECOVERABLE => Self::NotRecoverable,
                _ => Self::Other,
            },
        }
    }

    /// The outcome in words, for an error that has no better reason.
    pub(crate) const fn describe(self) -> &'static str {
        match self {
            Self::Removed => "the object was removed",
            Self::WouldBlock => "the call would have to wait",
            Self::TimedOut => "the time ran out",
            Self::Interrupted => "a signal handler interrupted the wait",
            Self::NotFound => "there is no such object",
            Self::AlreadyExists => "the object exists",
            Self::PermissionDenied => "permission denied",
            Self::LimitReached => "a limit of the system is reached",
            Self::TooBig => "too big",
            Self::OutOfRange => "out of range",
            Self::Truncated => "the object ends before that",
            Self::InvalidInput => "an argument is not valid",
            Self::NotInitialised => "nobody initialised the object in time",
            Self::Refused => "nobody is there",
            Self::OutOfMemory => "the kernel is out of memory",
            Self::Unsupported => "not supported here",
            Self::Closed => "the other end is closed",
            Self::Deadlock => "it would wait for itself",
            Self::NotRecoverable => "its holder died, and nobody made the data consistent",
            Self::Corrupt => "somebody wrote nonsense into the shared memory",
            Self::Other => "the call failed",
        }
    }
}
