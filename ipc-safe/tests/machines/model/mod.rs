//! What the kernel does, written down as small types: the reference that the machines compare with.
//!
//! A model answers a call as the kernel would, in the kernel's order of checks, and reports an error as the crate does: the
//! number and the kind.

pub(crate) mod mapping;
pub(crate) mod mask;
pub(crate) mod pending;
pub(crate) mod pipe;
pub(crate) mod queue;
pub(crate) mod segment;
pub(crate) mod set;
pub(crate) mod table;

use ipc_safe::Error;
use ipc_safe::error::{Errno, ErrorKind};

/// A refusal: the error number, where there is one, and what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) errno: Option<Errno>,
    pub(crate) kind: ErrorKind,
}

/// What a call answers.
pub(crate) type Answer<T> = Result<T, Fault>;

impl Fault {
    /// The object is gone: the kernel finds no such id.
    pub(crate) const GONE: Self = Self::new(Errno::INVAL, ErrorKind::Removed);
    /// An argument that the call does not take.
    pub(crate) const INVALID: Self = Self::new(Errno::INVAL, ErrorKind::InvalidInput);
    /// There is nothing of this key.
    pub(crate) const NOT_FOUND: Self = Self::new(Errno::NOENT, ErrorKind::NotFound);
    /// There is something of this key.
    pub(crate) const EXISTS: Self = Self::new(Errno::EXIST, ErrorKind::AlreadyExists);
    /// The table, or what it may hold in all, is full.
    pub(crate) const LIMIT: Self = Self::new(Errno::NOSPC, ErrorKind::LimitReached);
    /// It would have to wait.
    pub(crate) const WOULD_BLOCK: Self = Self::new(Errno::AGAIN, ErrorKind::WouldBlock);
    /// A range that leaves the view.
    pub(crate) const OUT_OF_VIEW: Self = Self { errno: None, kind: ErrorKind::OutOfRange };

    pub(crate) const fn new(errno: Errno, kind: ErrorKind) -> Self {
        Self { errno: Some(errno), kind }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self { errno: error.errno(), kind: error.kind() }
    }
}
