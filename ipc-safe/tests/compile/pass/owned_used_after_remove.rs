//! Removing consumes the owner.
#![forbid(unsafe_code)]

use ipc_safe::sysv::MessageQueue;

fn main() -> ipc_safe::Result<()> {
    let queue = MessageQueue::private()?;
    let handle = *queue;
    queue.remove()?;
    let _ = handle.status();
    Ok(())
}
