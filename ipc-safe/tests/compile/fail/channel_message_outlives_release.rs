//! A message that was looked at where it lies is gone when the receiver says that it has it.
#![forbid(unsafe_code)]

use ipc_safe::channel::pair;

fn main() -> ipc_safe::Result<()> {
    let (mut sender, mut receiver) = pair(1024)?;
    sender.send(b"message")?;
    let peeked = receiver.peek()?;
    let bytes = peeked.bytes();
    peeked.release();
    assert_eq!(bytes.to_vec(), b"message");
    Ok(())
}
