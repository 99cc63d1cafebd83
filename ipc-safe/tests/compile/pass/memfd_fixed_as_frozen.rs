//! A memfd that can be written is not mapped as one that cannot.
#![forbid(unsafe_code)]

use ipc_safe::memory::{MapOptions, Memfd};

fn main() -> ipc_safe::Result<()> {
    let memfd = Memfd::options().create(100)?.fix()?;
    let memfd = memfd.freeze()?;
    assert_eq!(MapOptions::new().frozen(&memfd)?[..4], [0; 4]);
    Ok(())
}
