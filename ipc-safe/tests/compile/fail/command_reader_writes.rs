//! A program whose output is read is not written to.
#![forbid(unsafe_code)]

use ipc_safe::command::{CommandReader, CommandWriter};
use std::io::Write;
use std::process::Command;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut reader = CommandReader::start(&mut Command::new("true"))?;
    let mut writer = CommandWriter::start(&mut Command::new("cat"))?;
    reader.write_all(b"")?;
    drop((reader.close()?, writer.close()?));
    Ok(())
}
