//! A value that goes through a channel holds no pointer: the other process has other memory there.
#![forbid(unsafe_code)]

use ipc_safe::channel::typed_pair;

fn main() -> ipc_safe::Result<()> {
    let (sender, receiver) = typed_pair::<u64>(1024)?;
    drop((sender, receiver));
    Ok(())
}
