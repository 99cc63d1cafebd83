//! One error type for every call: what was tried on what, why it failed, what to do.
//!
//! ```
//! use ipc_safe::error::ErrorKind;
//! use ipc_safe::sysv::{Key, MessageQueue};
//!
//! let error = MessageQueue::open(Key::new(0x7fff_1234)).unwrap_err();
//! assert_eq!(error.kind(), ErrorKind::NotFound);
//! assert_eq!(
//!     error.to_string(),
//!     "msgget of key 0x7fff1234: ENOENT: no queue has this key",
//! );
//! ```
//!
//! The frequent outcomes ([`WouldBlock`](ErrorKind::WouldBlock), [`TimedOut`](ErrorKind::TimedOut),
//! [`Interrupted`](ErrorKind::Interrupted)) allocate nothing and read nothing. The rare ones take the time to find out what
//! a person needs to know: the limit that is reached and its value, the rule that was broken.

mod errno;
mod kind;
mod object;
mod rejected;

pub use errno::Errno;
pub use kind::ErrorKind;
pub(crate) use object::Object;
pub use rejected::Rejected;

use core::fmt;
use std::borrow::Cow;

/// The result of a call of this crate.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// A failed call: its kind, the error number, the call, its object and the reason in words.
#[derive(Clone)]
pub struct Error {
    call: &'static str,
    words: Option<Box<Words>>,
    object: Object,
    errno: Option<Errno>,
    kind: ErrorKind,
}

/// The parts of an error that only the rare ones have.
#[derive(Clone, Default)]
struct Words {
    subject: Cow<'static, str>,
    reason: Cow<'static, str>,
}

impl Error {
    /// `call` failed with `errno`.
    pub(crate) const fn new(call: &'static str, errno: Errno) -> Self {
        Self { call, words: None, object: Object::None, errno: Some(errno), kind: ErrorKind::of(errno) }
    }

    /// `call` was refused before the kernel saw it, as the kernel would have with `EINVAL`.
    pub(crate) fn invalid(call: &'static str, reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(call, Errno::INVAL).because(reason)
    }

    /// The object of the call.
    pub(crate) const fn on(mut self, object: Object) -> Self {
        self.object = object;
        self
    }

    /// Another kind than the number usually means.
    pub(crate) const fn kind_of(mut self, kind: ErrorKind) -> Self {
        self.kind = kind;
        self
    }

    /// No error number belongs to this: the kernel was not asked, or said nothing.
    pub(crate) const fn without_errno(mut self) -> Self {
        self.errno = None;
        self
    }

    /// What else the call was made with: `"type 0"`, `"1048576 bytes"`.
    pub(crate) fn about(mut self, subject: impl Into<Cow<'static, str>>) -> Self {
        self.words.get_or_insert_default().subject = subject.into();
        self
    }

    /// Why it failed and what to do.
    pub(crate) fn because(mut self, reason: impl Into<Cow<'static, str>>) -> Self {
        self.words.get_or_insert_default().reason = reason.into();
        self
    }

    /// What went wrong, for a program to decide on.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The error number, unless the crate itself found the fault.
    #[must_use]
    pub const fn errno(&self) -> Option<Errno> {
        self.errno
    }

    /// The error number as std has it; the same as [`errno`](Self::errno).
    #[must_use]
    pub fn raw_os_error(&self) -> Option<i32> {
        self.errno.map(Errno::as_raw)
    }

    /// The call that failed, by its C name: `"msgsnd"`.
    #[must_use]
    pub const fn call(&self) -> &'static str {
        self.call
    }

    /// Whether the object is gone.
    #[must_use]
    pub const fn is_removed(&self) -> bool {
        matches!(self.kind, ErrorKind::Removed)
    }

    /// Whether the call would have had to wait.
    #[must_use]
    pub const fn is_would_block(&self) -> bool {
        matches!(self.kind, ErrorKind::WouldBlock)
    }

    /// Whether the time ran out.
    #[must_use]
    pub const fn is_timed_out(&self) -> bool {
        matches!(self.kind, ErrorKind::TimedOut)
    }

    /// Whether a signal handler interrupted the wait.
    #[must_use]
    pub const fn is_interrupted(&self) -> bool {
        matches!(self.kind, ErrorKind::Interrupted)
    }

    /// The reason: the one found for this error, or that of its kind.
    fn reason(&self) -> &str {
        match &self.words {
            Some(words) if !words.reason.is_empty() => &words.reason,
            _ => self.kind.describe(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.call, self.object)?;
        match &self.words {
            Some(words) if !words.subject.is_empty() && self.object == Object::None => {
                write!(f, " of {}", words.subject)?;
            }
            Some(words) if !words.subject.is_empty() => write!(f, ", {}", words.subject)?,
            _ => {}
        }
        if let Some(errno) = self.errno {
            write!(f, ": {errno}")?;
        }
        write!(f, ": {}", self.reason())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({self})", self.kind)
    }
}

impl core::error::Error for Error {}

/// Keeps the error number: `raw_os_error` of the result is that of the error. An error without a number becomes a custom
/// one that wraps it.
impl From<Error> for std::io::Error {
    fn from(error: Error) -> Self {
        use std::io::ErrorKind as Io;
        let kind = match error.kind {
            ErrorKind::TimedOut | ErrorKind::NotInitialised => Io::TimedOut,
            ErrorKind::WouldBlock => Io::WouldBlock,
            ErrorKind::InvalidInput | ErrorKind::OutOfRange => Io::InvalidInput,
            ErrorKind::Closed => Io::BrokenPipe,
            ErrorKind::Corrupt => Io::InvalidData,
            _ => Io::Other,
        };
        match error.errno {
            Some(errno) => errno.into(),
            None => Self::new(kind, error),
        }
    }
}

/// Runs `body` and puts the thread's `errno` back as it was, for `Drop`.
#[inline]
#[expect(unsafe_code, reason = "errno is a thread-local behind a C function")]
pub(crate) fn keeping_errno<T>(body: impl FnOnce() -> T) -> T {
    // SAFETY: `__errno_location` takes no argument and always returns the address of this thread's `errno`.
    let location = unsafe { libc::__errno_location() };
    // SAFETY: the address is valid, aligned and ours alone for as long as this thread runs.
    let saved = unsafe { location.read() };
    let value = body();
    // SAFETY: as above; `body` ran on this thread.
    unsafe { location.write(saved) };
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::{CStr, c_char, c_int};

    #[expect(unsafe_code, reason = "the C library is the witness")]
    mod glibc {
        use super::{CStr, c_char, c_int};

        unsafe extern "C" {
            safe fn strerrorname_np(errno: c_int) -> *const c_char;
        }

        pub(super) fn name(errno: c_int) -> Option<&'static str> {
            let name = strerrorname_np(errno);
            // SAFETY: glibc returns null or a string in its static data.
            (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) }.to_str().unwrap())
        }
    }

    #[test]
    fn names_are_those_of_glibc() {
        for raw in -5..5000 {
            let ours = Errno::from_raw(raw).name();
            let theirs = glibc::name(raw).filter(|&name| name != "0");
            assert_eq!(ours, theirs, "errno {raw}");
        }
    }

    #[test]
    fn every_number_becomes_an_error_and_comes_back() {
        for raw in 1..200 {
            let error = Error::new("call", Errno::from_raw(raw));
            assert_eq!(error.raw_os_error(), Some(raw));
            assert_eq!(std::io::Error::from(error).raw_os_error(), Some(raw));
        }
    }

    #[test]
    fn an_error_is_small() {
        assert!(size_of::<Error>() <= 48, "{}", size_of::<Error>());
        assert_eq!(size_of::<Result<()>>(), size_of::<Error>());
    }

    #[test]
    fn an_error_says_call_object_subject_number_and_reason() {
        let error = Error::invalid("msgsnd", "a message type is at least 1").on(Object::Queue(3)).about("type 0");
        assert_eq!(error.to_string(), "msgsnd on queue 3, type 0: EINVAL: a message type is at least 1");
        let error = Error::new("shmget", Errno::NOSPC).about("1048576 bytes");
        assert_eq!(error.to_string(), "shmget of 1048576 bytes: ENOSPC: a limit of the system is reached");
        let error = Error::new("semop", Errno::AGAIN).on(Object::Semaphore(7, 2));
        assert_eq!(error.to_string(), "semop on semaphore 2 of set 7: EAGAIN: the call would have to wait");
    }

    #[test]
    fn keeping_errno_restores_it() {
        assert!(std::fs::metadata("/no/such/file").is_err());
        assert_eq!(Errno::last(), Errno::NOENT);
        keeping_errno(|| {
            assert!(std::fs::metadata("/proc/self/status/below").is_err());
            assert_ne!(Errno::last(), Errno::NOENT);
        });
        assert_eq!(Errno::last(), Errno::NOENT);
    }
}
