//! What a message carries besides its bytes, and how one is chosen.

use crate::error::{Error, Result};
use crate::process::Pid;
use core::ffi::{c_int, c_long};
use core::fmt;
use core::num::{NonZeroI64, NonZeroU32};

/// The type of a message: a number of at least 1 that receivers choose by.
///
/// ```
/// use ipc_safe::sysv::MessageType;
///
/// let request = MessageType::new(888).unwrap();
/// assert_eq!(request.get(), 888);
/// let error = MessageType::try_from(0).unwrap_err();
/// assert_eq!(error.to_string(), "MessageType of type 0: EINVAL: a message type is at least 1");
/// ```
#[doc(alias = "mtype")]
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageType(NonZeroI64);

impl MessageType {
    /// Type 1, the lowest.
    pub const MIN: Self = Self::new(1).unwrap();

    /// The type `raw`, unless it is zero or negative.
    #[must_use]
    pub const fn new(raw: i64) -> Option<Self> {
        match NonZeroI64::new(raw) {
            Some(positive) if raw > 0 => Some(Self(positive)),
            _ => None,
        }
    }

    /// The process id as a type: how a reply finds the client that asked.
    #[must_use]
    pub fn from_pid(pid: Pid) -> Self {
        Self(pid.as_raw_nonzero().into())
    }

    /// The number, at least 1.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0.get()
    }
}

impl TryFrom<i64> for MessageType {
    type Error = Error;

    fn try_from(raw: i64) -> Result<Self> {
        Self::new(raw)
            .ok_or_else(|| Error::invalid("MessageType", "a message type is at least 1").about(format!("type {raw}")))
    }
}

impl From<NonZeroU32> for MessageType {
    fn from(raw: NonZeroU32) -> Self {
        Self(raw.into())
    }
}

impl From<MessageType> for i64 {
    fn from(kind: MessageType) -> Self {
        kind.get()
    }
}

impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageType({self})")
    }
}

/// Which message to receive. Among those that fit, the one sent first.
///
/// ```
/// use ipc_safe::sysv::{MessageQueue, MessageType, Selector};
///
/// let queue = MessageQueue::private()?;
/// for number in [3, 1, 2] {
///     queue.send(MessageType::new(number).unwrap(), &number)?;
/// }
/// let two = MessageType::new(2).unwrap();
/// let (kind, _) = queue.receive_value::<i64>(Selector::AtMost(two))?;
/// assert_eq!(kind.get(), 1); // the lowest type first
/// let (kind, _) = queue.receive_value::<i64>(Selector::First)?;
/// assert_eq!(kind.get(), 3); // the oldest
/// # Ok::<(), ipc_safe::sysv::ReceiveError>(())
/// ```
///
/// [msgrcv(2)](https://man7.org/linux/man-pages/man2/msgrcv.2.html)
#[doc(alias = "msgtyp")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Selector {
    /// The first message of any type.
    First,
    /// The first of this type.
    Exactly(MessageType),
    /// The first of any other type.
    #[doc(alias = "MSG_EXCEPT")]
    Except(MessageType),
    /// The first of the lowest type that is not above this one.
    AtMost(MessageType),
}

impl Selector {
    /// The `msgtyp` and the flag that say so to the kernel.
    pub(super) const fn as_raw(self) -> (c_long, c_int) {
        match self {
            Self::First => (0, 0),
            Self::Exactly(kind) => (kind.get(), 0),
            Self::Except(kind) => (kind.get(), ipc_sys::msg::MSG_EXCEPT),
            Self::AtMost(kind) => (-kind.get(), 0),
        }
    }
}

impl From<MessageType> for Selector {
    fn from(kind: MessageType) -> Self {
        Self::Exactly(kind)
    }
}

/// A message as an owned value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// Its type.
    pub kind: MessageType,
    /// Its text.
    pub bytes: Vec<u8>,
}

/// The type that the kernel reports for a message; it never queues one below 1.
pub(super) const fn received(raw: c_long) -> MessageType {
    match MessageType::new(raw) {
        Some(kind) => kind,
        None => MessageType::MIN,
    }
}
