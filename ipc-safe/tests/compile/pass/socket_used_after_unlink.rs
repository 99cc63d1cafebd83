//! Unlinking consumes the guard; the socket goes on.
#![forbid(unsafe_code)]

use ipc_safe::socket::{LocalAddress, StreamListener};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let bound = StreamListener::bind(&LocalAddress::path(folder.path().join("socket"))?)?;
    let listener = bound.unlink()?;
    assert!(listener.try_accept().is_err());
    drop(listener);
    Ok(())
}
