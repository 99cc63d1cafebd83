//! The stream belongs to the frames.
#![forbid(unsafe_code)]

use ipc_safe::socket::{FramedStream, LocalStream};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (here, there) = LocalStream::pair()?;
    let frames = FramedStream::new(here);
    here.send("x")?;
    drop((frames, there));
    Ok(())
}
