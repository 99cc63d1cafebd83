//! A file is read and written by calls that do not ask for protection keys, and so has none.
#![forbid(unsafe_code)]

use ipc_safe::memory::{Memfd, ProtectionKey};

fn main() -> ipc_safe::Result<()> {
    let memfd = Memfd::options().create(100)?;
    let memory = memfd.fix()?.map()?;
    let Ok(key) = ProtectionKey::new() else { return Ok(()) };
    let memory = key.protect(memory).unwrap();
    assert_eq!(memory.len(), 100);
    Ok(())
}
