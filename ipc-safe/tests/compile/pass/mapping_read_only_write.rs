//! Read-only memory has no writable slice.
#![forbid(unsafe_code)]

use ipc_safe::memory::{PrivateMemory, ReadOnly};

fn main() -> ipc_safe::Result<()> {
    let memory = PrivateMemory::new(100)?;
    let mut memory = memory;
    memory[0] = 7;
    Ok(())
}
