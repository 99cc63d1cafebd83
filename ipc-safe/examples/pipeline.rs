//! `ls | wc -l`: two programs and a pipe between them, without a shell.
//!
//! The name of the folder is an argument and never a piece of shell syntax, whatever characters it has. The status of each
//! program is told, not only that of the last.
//!
//! ```text
//! $ cargo run --example pipeline -- /
//! ls: exit status 0
//! wc: exit status 0
//! 19 entries
//! ```
#![forbid(unsafe_code)]

use ipc_safe::command::Pipeline;
use std::error::Error;
use std::io::Read;
use std::process::{Command, ExitCode, Stdio};

fn main() -> ExitCode {
    let folder = std::env::args().nth(1).unwrap_or_else(|| ".".into());
    match count(&folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pipeline: {error}");
            ExitCode::FAILURE
        }
    }
}

fn count(folder: &str) -> Result<(), Box<dyn Error>> {
    let mut pipeline = Pipeline::start([
        Command::new("ls").args(["--", folder]),
        Command::new("wc").arg("-l").stdout(Stdio::piped()),
    ])?;
    let mut lines = String::new();
    pipeline.output().ok_or("no output")?.read_to_string(&mut lines)?;
    let statuses = pipeline.wait()?;
    for (name, status) in ["ls", "wc"].iter().zip(&statuses) {
        println!("{name}: {status}");
    }
    if !statuses.iter().all(|status| status.is_success()) {
        return Err("not all programs succeeded".into());
    }
    println!("{} entries", lines.trim());
    Ok(())
}
