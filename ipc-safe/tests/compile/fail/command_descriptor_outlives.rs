//! The descriptor of a program is borrowed.
#![forbid(unsafe_code)]

use ipc_safe::command::CommandReader;
use std::process::Command;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let command = CommandReader::start(&mut Command::new("true"))?;
    let descriptor = command.pidfd();
    drop(command);
    assert!(descriptor.is_some());
    Ok(())
}
