//! Runs a line of the shell, feeds it this program's input in capital letters, and tells how it ended.
//!
//! A command that stops reading is no reason to die: the write is an error, and its status says why.
//!
//! ```text
//! $ printf 'b\na\n' | cargo run --example popen_write -- sort
//! A
//! B
//! the command ended with exit status 0
//! ```
#![forbid(unsafe_code)]

use ipc_safe::command::{CommandWriter, shell};
use std::error::Error;
use std::io::{BufRead, ErrorKind, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(line) = std::env::args().nth(1) else {
        eprintln!("usage: popen_write LINE");
        return ExitCode::FAILURE;
    };
    match run(&line) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("popen_write: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(line: &str) -> Result<(), Box<dyn Error>> {
    let mut command = CommandWriter::start(&mut shell(line))?;
    for text in std::io::stdin().lock().lines() {
        match command.write_all(format!("{}\n", text?.to_uppercase()).as_bytes()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                println!("the command does not read any more");
                break;
            }
            written => written?,
        }
    }
    let status = command.close()?;
    println!("the command ended with {status}");
    Ok(())
}
