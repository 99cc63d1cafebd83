//! An end that was given to a program is not ours any more.
#![forbid(unsafe_code)]

use ipc_safe::pipe;
use std::process::Stdio;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (reader, writer) = pipe::pipe()?;
    let given = Stdio::from(writer);
    writer.try_write(b"x")?;
    drop((reader, given));
    Ok(())
}
