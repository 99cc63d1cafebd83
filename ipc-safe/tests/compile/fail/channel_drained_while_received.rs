//! While values are drained, the receiver is lent out.
#![forbid(unsafe_code)]

use ipc_safe::channel::typed_pair;

fn main() -> ipc_safe::Result<()> {
    let (mut sender, mut receiver) = typed_pair::<u32>(1024)?;
    sender.send_many(&[1, 2])?;
    let mut drain = receiver.drain()?;
    assert_eq!(receiver.try_receive()?, 1);
    assert_eq!(drain.next(), Some(1));
    Ok(())
}
