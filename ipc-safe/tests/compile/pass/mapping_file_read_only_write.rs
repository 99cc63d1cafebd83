//! A file that is mapped for reading has no way to write.
#![forbid(unsafe_code)]

use ipc_safe::memory::{FileMapping, Memfd};

fn main() -> ipc_safe::Result<()> {
    let memfd = Memfd::options().create(100)?;
    let mapping = FileMapping::new(&memfd)?;
    mapping.write(0, b"hello")
}
