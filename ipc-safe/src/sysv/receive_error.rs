//! Why a value was not received.

use super::message::Message;
use crate::error::{Error, ErrorKind};

/// Why [`MessageQueue::receive_value`](super::MessageQueue::receive_value) gave no value. Nothing is lost: what was taken
/// out of the queue is here.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// The message was shorter than the value. It is out of the queue, and handed over as it came.
    #[error("msgrcv: the message of type {} has {} bytes, the value {expected}", .message.kind, .message.bytes.len())]
    WrongLength {
        /// The message.
        message: Message,
        /// The size of the value in bytes.
        expected: usize,
    },
    /// Any other error; no message was taken out.
    #[error(transparent)]
    Queue(#[from] Error),
}

impl ReceiveError {
    /// What went wrong, for a program to decide on: [`InvalidInput`](ErrorKind::InvalidInput) for a wrong length.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::WrongLength { .. } => ErrorKind::InvalidInput,
            Self::Queue(error) => error.kind(),
        }
    }
}

/// Drops the message that had the wrong length.
impl From<ReceiveError> for Error {
    fn from(error: ReceiveError) -> Self {
        match error {
            ReceiveError::Queue(error) => error,
            ReceiveError::WrongLength { message, expected } => {
                let reason = format!("the message has {} bytes, the value {expected}", message.bytes.len());
                Self::invalid("msgrcv", reason).without_errno()
            }
        }
    }
}
