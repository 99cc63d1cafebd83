//! Pages that stay in a pipe take a promise that the memory stays as it is.
#![forbid(unsafe_code)]

use ipc_safe::pipe;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (reader, writer) = pipe::pipe()?;
    writer.write_atomic(b"x")?;
    drop((reader, writer));
    Ok(())
}
