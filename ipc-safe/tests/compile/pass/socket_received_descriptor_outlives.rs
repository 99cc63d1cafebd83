//! A received descriptor is closed with what it came in.
#![forbid(unsafe_code)]

use ipc_safe::socket::{Incoming, LocalStream, Outgoing};
use std::os::fd::AsFd;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (here, there) = LocalStream::pair()?;
    here.send(Outgoing::new(b"x").descriptors(&[here.as_fd()]))?;
    let mut bytes = [0; 8];
    let received = there.receive_message(&mut Incoming::new(&mut bytes).descriptors(1))?;
    let descriptor = received.descriptors[0].as_fd();
    assert_eq!(received.len, 1);
    descriptor.try_clone_to_owned()?;
    Ok(())
}
