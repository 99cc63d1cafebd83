//! What the kernel knows about queues.

use super::permissions::Permissions;
use super::time::from_seconds;
use crate::process::{Pid, from_status, is_alive};
use ipc_sys::msg::{msginfo, msqid_ds};
use std::time::SystemTime;

/// The state of a [`MessageQueue`](super::MessageQueue).
#[doc(alias = "msqid_ds")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueStatus {
    /// The id of the queue.
    pub id: i32,
    /// Key, owner, creator, mode.
    pub permissions: Permissions,
    /// Messages in the queue.
    pub messages: u64,
    /// Bytes in these messages, their types not counted.
    pub bytes: u64,
    /// The most bytes that may be in the queue; also the most messages.
    pub byte_limit: u64,
    /// Who sent last; none before the first message, or from outside the pid namespace.
    pub last_sender: Option<Pid>,
    /// Who received last.
    pub last_receiver: Option<Pid>,
    /// When the last message was sent, to the second.
    pub last_send: Option<SystemTime>,
    /// When the last message was received.
    pub last_receive: Option<SystemTime>,
    /// When the queue was made or its settings changed.
    pub changed: Option<SystemTime>,
}

impl QueueStatus {
    pub(super) fn of(id: i32, raw: &msqid_ds) -> Self {
        Self {
            id,
            permissions: Permissions::of(&raw.msg_perm),
            messages: raw.msg_qnum,
            bytes: raw.__msg_cbytes,
            byte_limit: raw.msg_qbytes,
            last_sender: from_status(raw.msg_lspid),
            last_receiver: from_status(raw.msg_lrpid),
            last_send: from_seconds(raw.msg_stime),
            last_receive: from_seconds(raw.msg_rtime),
            changed: from_seconds(raw.msg_ctime),
        }
    }

    /// Whether the queue may be left over: it was used, and those who used it last are dead. Not more than a suspicion: the
    /// kernel does not know who made a queue or who will use it.
    #[must_use]
    pub fn is_suspect(&self) -> bool {
        let last = [self.last_sender, self.last_receiver];
        last.iter().any(Option::is_some) && !last.into_iter().flatten().any(is_alive)
    }
}

/// What the system allows for queues.
#[doc(alias = "msginfo")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueLimits {
    /// `kernel.msgmni`: queues in the IPC namespace.
    pub queues: u32,
    /// `kernel.msgmax`: bytes in a message.
    pub message_bytes: u32,
    /// `kernel.msgmnb`: bytes in a new queue.
    pub queue_bytes: u32,
}

impl QueueLimits {
    pub(super) fn of(raw: &msginfo) -> Self {
        Self {
            queues: raw.msgmni.cast_unsigned(),
            message_bytes: raw.msgmax.cast_unsigned(),
            queue_bytes: raw.msgmnb.cast_unsigned(),
        }
    }
}

/// What is in use of queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueUsage {
    /// Queues.
    pub queues: u32,
    /// Messages in all queues.
    pub messages: u32,
    /// Bytes in all messages.
    pub bytes: u32,
}

impl QueueUsage {
    pub(super) fn of(raw: &msginfo) -> Self {
        Self {
            queues: raw.msgpool.cast_unsigned(),
            messages: raw.msgmap.cast_unsigned(),
            bytes: raw.msgtql.cast_unsigned(),
        }
    }
}
