//! A client of `unix_echo_server`: sends its input, line by line, and prints what comes back.
//!
//! ```text
//! $ echo hello | cargo run --example unix_echo_client -- /tmp/echo
//! hello
//! ```
//!
//! It has no name of its own: only the server needs one. See `unix_echo_server`.
#![forbid(unsafe_code)]

use ipc_safe::socket::{LocalAddress, LocalStream};
use std::io::{BufRead, BufReader, Error, ErrorKind, Write, stdin, stdout};
use std::net::Shutdown;
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    match talk() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("unix_echo_client: {error}");
            ExitCode::FAILURE
        }
    }
}

fn talk() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args_os().nth(1).unwrap_or_else(|| "/tmp/echo".into());
    let server = LocalStream::connect_timeout(&LocalAddress::path(path)?, Duration::from_secs(10))?;
    let mut replies = BufReader::new(&server);
    for line in stdin().lock().split(b'\n') {
        let mut line = line?;
        line.push(b'\n');
        (&server).write_all(&line)?;
        let mut reply = Vec::new();
        replies.read_until(b'\n', &mut reply)?;
        if reply != line {
            return Err(Error::new(ErrorKind::UnexpectedEof, "the server sent something else, or closed").into());
        }
        stdout().write_all(&reply)?;
    }
    server.shutdown(Shutdown::Write)?;
    match replies.read_until(b'\n', &mut Vec::new())? {
        0 => Ok(()),
        _ => Err("the server said more than it was told".into()),
    }
}
