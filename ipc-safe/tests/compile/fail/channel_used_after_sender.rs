//! A channel becomes one of its ends.
#![forbid(unsafe_code)]

use ipc_safe::channel::Channel;

fn main() -> ipc_safe::Result<()> {
    let channel: Channel<_> = Channel::anonymous(1024)?;
    drop(channel.receiver());
    let sender = channel.sender()?;
    drop(sender);
    Ok(())
}
