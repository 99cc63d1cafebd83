//! One answers for the program.
#![forbid(unsafe_code)]

use ipc_safe::command::Coprocess;
use std::process::Command;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut cat = Coprocess::start(&mut Command::new("cat"))?;
    let other = &mut cat;
    assert_eq!(other.request("x")?, b"x");
    Ok(())
}
