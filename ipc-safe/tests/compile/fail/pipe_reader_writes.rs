//! A reading end does not write.
#![forbid(unsafe_code)]

use ipc_safe::pipe;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (reader, writer) = pipe::pipe()?;
    reader.write_atomic("x")?;
    drop((reader, writer));
    Ok(())
}
