//! A message is read where it lies, not written.
#![forbid(unsafe_code)]

use ipc_safe::channel::pair;

fn main() -> ipc_safe::Result<()> {
    let (mut sender, mut receiver) = pair(1024)?;
    sender.send(b"message")?;
    let peeked = receiver.peek()?;
    assert_eq!(peeked.bytes().to_vec(), b"message");
    Ok(())
}
