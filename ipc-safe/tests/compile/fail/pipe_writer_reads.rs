//! A writing end does not read.
#![forbid(unsafe_code)]

use ipc_safe::pipe;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (reader, writer) = pipe::pipe()?;
    writer.write_atomic("x")?;
    writer.try_read(&mut [0])?;
    drop((reader, writer));
    Ok(())
}
