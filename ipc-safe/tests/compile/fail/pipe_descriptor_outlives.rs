//! A borrowed descriptor ends before the end that it is of.
#![forbid(unsafe_code)]

use ipc_safe::pipe;
use std::os::fd::AsFd;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (reader, writer) = pipe::pipe()?;
    let borrowed = reader.as_fd();
    drop(reader);
    writer.splice_from(borrowed, 0)?;
    Ok(())
}
