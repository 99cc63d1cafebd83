//! A channel of values is not sent bytes.
#![forbid(unsafe_code)]

use ipc_safe::channel::typed_pair;

fn main() -> ipc_safe::Result<()> {
    let (mut sender, mut receiver) = typed_pair::<u64>(1024)?;
    sender.send(b"seven")?;
    assert_eq!(receiver.receive()?, 7);
    Ok(())
}
