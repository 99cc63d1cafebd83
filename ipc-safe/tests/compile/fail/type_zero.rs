//! A number is not a message type until it is checked: zero and negative ones never become one.
#![forbid(unsafe_code)]

use ipc_safe::sysv::{MessageQueue, MessageType};

fn main() -> ipc_safe::Result<()> {
    let queue = MessageQueue::private()?;
    let kind = MessageType::MIN;
    queue.try_send(kind, b"first")?;
    queue.try_send(0, b"text")
}
