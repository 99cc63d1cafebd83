//! What `msg_server` and `msg_client` agree on.
#![allow(dead_code, reason = "each of the two programs uses a part of it")]

use ipc_safe::Result;
use ipc_safe::process::Pid;
use ipc_safe::shared::zerocopy::FromBytes;
use ipc_safe::sysv::{Key, MessageType};
use std::num::NonZeroU8;
use std::path::PathBuf;

/// The type of all requests.
pub(crate) const REQUEST: MessageType = MessageType::new(888).unwrap();

/// The type of the replies to `client`: its process id, so that each client gets its own. The process whose id is the type
/// of the requests gets another type, that no process id reaches.
pub(crate) fn reply_type(client: Pid) -> MessageType {
    const INSTEAD: MessageType = MessageType::new(i64::MAX).unwrap();
    match MessageType::from_pid(client) {
        REQUEST => INSTEAD,
        own => own,
    }
}

/// The file that the key is made from: the first argument, or a directory that every machine has.
pub(crate) fn path() -> PathBuf {
    std::env::args_os().nth(1).unwrap_or_else(|| "/tmp".into()).into()
}

/// The key of the queue.
pub(crate) fn key(path: PathBuf) -> Result<Key> {
    const PROJECT: NonZeroU8 = NonZeroU8::new(b'm').unwrap();
    Key::from_path(path, PROJECT)
}

/// What a client sends: who it is (a C `int`), and a text up to the end of the message.
pub(crate) struct Request {
    pub(crate) client: Pid,
    pub(crate) text: String,
}

impl Request {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        [&self.client.as_raw_pid().to_ne_bytes(), self.text.as_bytes()].concat()
    }

    /// The request in a message, which anybody may have sent: `None` unless it starts with what can be a process id.
    pub(crate) fn parse(message: &[u8]) -> Option<Self> {
        let (pid, text) = i32::read_from_prefix(message).ok()?;
        let client = if pid > 0 { Pid::from_raw(pid)? } else { return None };
        Some(Self { client, text: String::from_utf8_lossy(text).into_owned() })
    }
}
