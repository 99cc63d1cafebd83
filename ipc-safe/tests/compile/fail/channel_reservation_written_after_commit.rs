//! What is reserved cannot be written once it is sent.
#![forbid(unsafe_code)]

use ipc_safe::channel::pair;

fn main() -> ipc_safe::Result<()> {
    let (mut sender, mut receiver) = pair(1024)?;
    let reserved = sender.reserve(7)?;
    let bytes = reserved.bytes();
    reserved.commit();
    bytes.write(0, b"message")?;
    drop(receiver.try_peek());
    Ok(())
}
