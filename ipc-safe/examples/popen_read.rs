//! Runs a line of the shell, reads what it writes, and tells how it ended.
//!
//! A status that cannot be known, because `SIGCHLD` is ignored, is an error and not success.
//!
//! ```text
//! $ cargo run --example popen_read -- 'echo one; echo two; exit 7'
//! 1: one
//! 2: two
//! the command ended with exit status 7
//! ```
#![forbid(unsafe_code)]

use ipc_safe::command::{CommandReader, shell};
use std::error::Error;
use std::io::{BufRead, BufReader};
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(line) = std::env::args().nth(1) else {
        eprintln!("usage: popen_read LINE");
        return ExitCode::FAILURE;
    };
    match run(&line) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("popen_read: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(line: &str) -> Result<(), Box<dyn Error>> {
    let mut command = CommandReader::start(&mut shell(line))?;
    for (number, text) in BufReader::new(&mut command).lines().enumerate() {
        println!("{}: {}", number + 1, text?);
    }
    println!("the command ended with {}", command.close()?);
    Ok(())
}
