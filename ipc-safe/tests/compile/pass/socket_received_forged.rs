//! What was received is told by the kernel.
#![forbid(unsafe_code)]

use ipc_safe::socket::{Incoming, LocalStream, Received};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (here, there) = LocalStream::pair()?;
    here.send("x")?;
    let received = there.receive_message(&mut Incoming::new(&mut [0; 8]))?;
    let more: Received = received;
    drop(more);
    Ok(())
}
