//! A copy-on-write mapping stays one: its protection does not tell private from shared.
#![forbid(unsafe_code)]

use ipc_safe::memory::{FileMapping, Memfd, ReadWrite};

fn main() -> ipc_safe::Result<()> {
    let memfd = Memfd::options().create(100)?;
    let mapping = FileMapping::new(&memfd)?;
    mapping.protect::<ReadWrite>()?.write(0, b"hello")
}
