//! A sender does not receive.
#![forbid(unsafe_code)]

use ipc_safe::channel::pair;

fn main() -> ipc_safe::Result<()> {
    let (mut sender, mut receiver) = pair(1024)?;
    sender.send(b"message")?;
    let mut message = Vec::new();
    sender.receive(&mut message)?;
    assert_eq!(message, b"message");
    Ok(())
}
