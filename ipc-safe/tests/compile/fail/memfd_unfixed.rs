//! A memfd that can shrink is not mapped as one that cannot.
#![forbid(unsafe_code)]

use ipc_safe::memory::{MapOptions, Memfd};

fn main() -> ipc_safe::Result<()> {
    let memfd = Memfd::options().create(100)?;
    let memfd = memfd;
    MapOptions::new().fixed(&memfd)?.bytes().fill(7);
    Ok(())
}
