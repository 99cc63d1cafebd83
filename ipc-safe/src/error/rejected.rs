//! What went in comes back out.

use super::Error;
use core::fmt;

/// A value that an operation consumed and could not change, with the reason. Converts into [`Error`], dropping the value.
///
/// ```
/// use ipc_safe::shared::Shared;
/// use ipc_safe::sysv::Segment;
/// use std::sync::atomic::AtomicU64;
///
/// let small = Segment::private(4)?.attach()?;
/// let rejected = Shared::<AtomicU64, _>::bare(small).unwrap_err();
/// assert!(rejected.error().to_string().ends_with("the region has 4 bytes, the record needs 8 at offset 0"));
/// let attachment = rejected.into_inner(); // still attached
/// assert_eq!(attachment.len(), 4);
/// # Ok::<(), ipc_safe::Error>(())
/// ```
#[derive(Clone)]
pub struct Rejected<T> {
    value: T,
    error: Error,
}

impl<T> Rejected<T> {
    pub(crate) const fn new(value: T, error: Error) -> Self {
        Self { value, error }
    }

    /// The value, as it was.
    pub fn into_inner(self) -> T {
        self.value
    }

    /// Why it was rejected.
    pub const fn error(&self) -> &Error {
        &self.error
    }

    /// Both.
    pub fn into_parts(self) -> (T, Error) {
        (self.value, self.error)
    }
}

impl<T> fmt::Debug for Rejected<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.error, f)
    }
}

impl<T> fmt::Display for Rejected<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, f)
    }
}

impl<T> core::error::Error for Rejected<T> {}

impl<T> From<Rejected<T>> for Error {
    fn from(rejected: Rejected<T>) -> Self {
        rejected.error
    }
}
