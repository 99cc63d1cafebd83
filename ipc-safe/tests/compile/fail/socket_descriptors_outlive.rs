//! A message ends before the descriptors that it borrows.
#![forbid(unsafe_code)]

use ipc_safe::socket::{LocalStream, Outgoing};
use std::os::fd::AsFd;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (here, there) = LocalStream::pair()?;
    let file = std::fs::File::open("/dev/null")?;
    let descriptors = [file.as_fd()];
    let message = Outgoing::new(b"x").descriptors(&descriptors);
    drop(file);
    here.send(message)?;
    drop(there);
    Ok(())
}
