//! Calls from one process to another: typed requests and replies, a descriptor passed along, errors carried back.
//!
//! The program starts itself as the server, with one end of a pair of sockets as its standard input, and asks it to add, to open a
//! file and hand it over, to count what is in a pipe, and things that cannot be done.
//!
//! ```text
//! $ cargo run --example rpc
//! client: 2 + 3 = 5
//! client: the server refuses 9223372036854775807 + 1: the sum is too large
//! client: the server opened a file for us: "opened by the server"
//! client: the server counted 5 bytes in our pipe
//! client: the server cannot open /no/such/file: No such file or directory (os error 2), errno 2
//! client: the server does not understand 0xff: not a request: ...
//! client: the server ended with exit status: 0
//! ```
//!
//! The frames, with their limits, are the crate's. The calls above them (`common/calls.rs`) are an example and no part of it: which
//! format serialises the values, whether calls may overlap, and what a fault says is for each program to choose, and the layer is
//! two functions.
#![forbid(unsafe_code)]

#[path = "common/calls.rs"]
mod calls;

use calls::{Answer, Fault, call, serve};
use ipc_safe::socket::{FramedStream, LocalStream};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, ExitCode};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Serialize, Deserialize)]
enum Request {
    Add(i64, i64),
    /// The reply has the open file with it.
    Open(String),
    /// Comes with a descriptor.
    Count,
}

#[derive(Debug, Serialize, Deserialize)]
enum Reply {
    Sum(i64),
    Opened,
    Bytes(u64),
}

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let result = match std::env::args().nth(1).as_deref() {
        Some("serve") => run_server(),
        _ => run_client(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rpc: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run_server() -> Result<(), Failure> {
    let socket = LocalStream::try_from(std::io::stdin().as_fd().try_clone_to_owned()?)?;
    serve(&mut FramedStream::new(socket).max_descriptors(1), PATIENCE, answer)
}

fn answer(request: Request, descriptors: Vec<OwnedFd>) -> Answer<Reply> {
    let fault = |reason: &str| Fault { errno: None, reason: reason.to_owned() };
    match request {
        Request::Add(a, b) => {
            let sum = a.checked_add(b).ok_or_else(|| fault("the sum is too large"))?;
            Ok((Reply::Sum(sum), Vec::new()))
        }
        Request::Open(path) => Ok((Reply::Opened, vec![File::open(path)?.into()])),
        Request::Count => {
            let source = descriptors.into_iter().next().ok_or_else(|| fault("nothing to count"))?;
            Ok((Reply::Bytes(std::io::copy(&mut File::from(source), &mut std::io::sink())?), Vec::new()))
        }
    }
}

fn run_client() -> Result<(), Failure> {
    let (ours, theirs) = LocalStream::pair()?;
    let mut child = Command::new(std::env::current_exe()?).arg("serve").stdin(OwnedFd::from(theirs)).spawn()?;
    let mut server = FramedStream::new(ours).max_descriptors(1);
    let mut ask = |request: &Request, descriptors: &[OwnedFd]| {
        call::<Request, Reply>(&mut server, request, descriptors, PATIENCE)
    };

    if let Ok((Reply::Sum(sum), _)) = ask(&Request::Add(2, 3), &[])? {
        println!("client: 2 + 3 = {sum}");
    }
    if let Err(fault) = ask(&Request::Add(i64::MAX, 1), &[])? {
        println!("client: the server refuses {} + 1: {fault}", i64::MAX);
    }

    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(b"opened by the server")?;
    let path = file.path().to_str().ok_or("a path that is no text")?;
    if let Ok((Reply::Opened, mut descriptors)) = ask(&Request::Open(path.to_owned()), &[])? {
        let mut text = String::new();
        File::from(descriptors.pop().ok_or("no file came")?).read_to_string(&mut text)?;
        println!("client: the server opened a file for us: {text:?}");
    }

    let (reader, mut writer) = std::io::pipe()?;
    writer.write_all(b"water")?;
    drop(writer);
    if let Ok((Reply::Bytes(count), _)) = ask(&Request::Count, &[reader.into()])? {
        println!("client: the server counted {count} bytes in our pipe");
    }

    let path = "/no/such/file";
    if let Err(fault) = ask(&Request::Open(path.to_owned()), &[])? {
        println!("client: the server cannot open {path}: {fault}, errno {}", fault.errno.unwrap_or(0));
    }

    if let Err(fault) = call::<u8, Reply>(&mut server, &0xff, &[], PATIENCE)? {
        println!("client: the server does not understand 0xff: {fault}");
    }
    drop(server);
    println!("client: the server ended with {}", child.wait()?);
    Ok(())
}
