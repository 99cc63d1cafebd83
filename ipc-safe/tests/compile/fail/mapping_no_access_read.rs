//! Memory without access cannot be read.
#![forbid(unsafe_code)]

use ipc_safe::memory::{MapOptions, NoAccess, PrivateMemory, ReadOnly};

fn first(memory: &PrivateMemory<NoAccess>) -> u8 {
    memory[0]
}

fn main() -> ipc_safe::Result<()> {
    let reserved: PrivateMemory<NoAccess> = MapOptions::new().reserve(4096)?;
    let memory: PrivateMemory<ReadOnly> = reserved.protect()?;
    drop(first);
    assert_eq!(memory[0], 0);
    Ok(())
}
