//! A program that nobody keeps is killed at once, which is hardly meant.
#![forbid(unsafe_code)]
#![deny(unused_must_use)]
use ipc_safe::command::Coprocess;
use std::process::Command;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut command = Command::new("cat");
    let _cat = Coprocess::start(&mut command)?;
    drop(command);
    Ok(())
}
