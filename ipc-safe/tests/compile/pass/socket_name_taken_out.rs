//! The socket stays with its path until somebody says what becomes of that.
#![forbid(unsafe_code)]

use ipc_safe::socket::{LocalAddress, StreamListener};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let bound = StreamListener::bind(&LocalAddress::path(folder.path().join("socket"))?)?;
    let listener: StreamListener = bound.keep();
    drop(listener);
    Ok(())
}
