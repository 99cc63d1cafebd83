//! An end is copied in words, so that the end of the stream does not wait for a copy that nobody knows of.
#![forbid(unsafe_code)]

use ipc_safe::pipe;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (reader, writer) = pipe::pipe()?;
    let another = writer.try_clone()?;
    drop(writer);
    another.write_atomic("x")?;
    drop(reader);
    Ok(())
}
