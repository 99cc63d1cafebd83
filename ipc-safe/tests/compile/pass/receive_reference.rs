//! What is received is nothing but bytes: no references, no `bool`, no `char`.
#![forbid(unsafe_code)]

use ipc_safe::sysv::{MessageQueue, MessageType, Selector};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let queue = MessageQueue::private()?;
    queue.send(MessageType::MIN, &1_u8)?;
    let _ = queue.try_receive_value::<u8>(Selector::First)?;
    Ok(())
}
