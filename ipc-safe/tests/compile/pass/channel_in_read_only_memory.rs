//! A channel is written by both ends, also by the one that receives.
#![forbid(unsafe_code)]

use ipc_safe::channel::Channel;
use ipc_safe::sysv::Segment;
use std::time::Duration;

fn main() -> ipc_safe::Result<()> {
    let segment = Segment::private(8192)?;
    let first: Channel<_> = Channel::create(segment.attach()?)?;
    let memory = segment.attach()?;
    let channel: Channel<_> = Channel::open(memory, Duration::ZERO)?;
    assert_eq!(channel.capacity(), first.capacity());
    Ok(())
}
