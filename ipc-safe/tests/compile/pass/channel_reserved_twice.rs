//! While a message is made in place, the sender is lent out.
#![forbid(unsafe_code)]

use ipc_safe::channel::pair;

fn main() -> ipc_safe::Result<()> {
    let (mut sender, mut receiver) = pair(1024)?;
    let reserved = sender.reserve(7)?;
    reserved.bytes().write(0, b"message")?;
    reserved.commit();
    drop(receiver.try_peek());
    Ok(())
}
