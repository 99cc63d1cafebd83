//! A descriptor from elsewhere is checked, not believed.
#![forbid(unsafe_code)]

use ipc_safe::memory::{FixedMemfd, Memfd};
use std::os::fd::OwnedFd;

fn main() -> ipc_safe::Result<()> {
    let descriptor = OwnedFd::from(Memfd::options().create(100)?.fix()?);
    let memfd = FixedMemfd::from(descriptor);
    memfd.map()?.bytes().fill(7);
    Ok(())
}
