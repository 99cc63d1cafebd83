//! An owned object is removed by one value: it cannot be copied, its handle can.
#![forbid(unsafe_code)]

use ipc_safe::sysv::MessageQueue;

fn main() -> ipc_safe::Result<()> {
    let queue = MessageQueue::private()?;
    let other = queue;
    drop(other);
    queue.remove()
}
