//! An end of a channel has one holder: it is moved, not copied.
#![forbid(unsafe_code)]

use ipc_safe::channel::pair;

fn main() -> ipc_safe::Result<()> {
    let (mut sender, mut receiver) = pair(1024)?;
    let mut other = sender.clone();
    other.send(b"mine")?;
    receiver.receive(&mut Vec::new())?;
    Ok(())
}
