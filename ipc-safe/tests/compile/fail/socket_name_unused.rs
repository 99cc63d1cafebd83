//! A socket that nobody keeps loses its path at once, which is hardly meant.
#![forbid(unsafe_code)]
#![deny(unused_must_use)]
use ipc_safe::socket::{LocalAddress, StreamListener};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let address = LocalAddress::path(folder.path().join("socket"))?;
    StreamListener::bind(&address)?;
    Ok::<(), ipc_safe::Error>(())?;
    Ok(())
}
