//! The pipe is gone once it is closed.
#![forbid(unsafe_code)]

use ipc_safe::command::CommandReader;
use std::process::Command;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut command = CommandReader::start(&mut Command::new("true"))?;
    let pipe = command.pipe();
    assert!(command.pidfd().is_some());
    assert!(pipe.is_some());
    command.close()?;
    Ok(())
}
