//! What is duplicated goes into a writing end.
#![forbid(unsafe_code)]

use ipc_safe::pipe;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (reader, writer) = pipe::pipe()?;
    let (other, target) = pipe::pipe()?;
    writer.write_atomic("x")?;
    reader.tee_to(&other, 1)?;
    drop((other, target));
    Ok(())
}
