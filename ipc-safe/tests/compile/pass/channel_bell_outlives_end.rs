//! The descriptor that rings is lent by the end that it belongs to.
#![forbid(unsafe_code)]

use ipc_safe::channel::pair;

fn main() -> ipc_safe::Result<()> {
    let (sender, receiver) = pair(1024)?;
    let bell = receiver.bell();
    assert!(receiver.peer().is_some());
    assert!(bell.is_none());
    drop(sender);
    Ok(())
}
