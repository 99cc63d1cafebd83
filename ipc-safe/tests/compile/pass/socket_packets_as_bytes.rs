//! Packets are not read as a stream of bytes, which loses what does not fit.
#![forbid(unsafe_code)]

use ipc_safe::socket::{LocalSeqPacket, LocalStream};
use std::io::Read;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (packets, one) = LocalSeqPacket::pair()?;
    let (stream, other) = LocalStream::pair()?;
    one.send("x")?;
    other.send("x")?;
    (&stream).read(&mut [0])?;
    drop((packets, stream));
    Ok(())
}
