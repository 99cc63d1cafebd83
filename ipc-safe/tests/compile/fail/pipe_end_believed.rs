//! A descriptor is an end of a pipe when it was looked at.
#![forbid(unsafe_code)]

use ipc_safe::pipe::{self, PipeReader};
use std::os::fd::OwnedFd;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (reader, _writer) = pipe::pipe()?;
    let descriptor = OwnedFd::from(reader);
    let reader = PipeReader::from(descriptor);
    drop(reader);
    Ok(())
}
