//! A socket for packets is not one for bytes.
#![forbid(unsafe_code)]

use ipc_safe::socket::{FramedStream, LocalSeqPacket, LocalStream};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (packets, _one) = LocalSeqPacket::pair()?;
    let (stream, _other) = LocalStream::pair()?;
    let frames = FramedStream::new(packets);
    drop(frames);
    Ok(())
}
