//! What is being received into is not read meanwhile.
#![forbid(unsafe_code)]

use ipc_safe::socket::{Incoming, LocalStream};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (here, there) = LocalStream::pair()?;
    let mut bytes = [0; 8];
    here.send("x")?;
    let mut message = Incoming::new(&mut bytes);
    assert_eq!(bytes[0], 0);
    there.receive_message(&mut message)?;
    Ok(())
}
