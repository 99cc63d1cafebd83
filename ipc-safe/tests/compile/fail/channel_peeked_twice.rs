//! While a message is looked at, the receiver is lent out.
#![forbid(unsafe_code)]

use ipc_safe::channel::pair;

fn main() -> ipc_safe::Result<()> {
    let (mut sender, mut receiver) = pair(1024)?;
    sender.send(b"message")?;
    let peeked = receiver.peek()?;
    receiver.try_receive(&mut Vec::new())?;
    peeked.release();
    Ok(())
}
