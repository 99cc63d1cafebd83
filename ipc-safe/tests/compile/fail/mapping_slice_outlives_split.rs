//! Either half may be unmapped: no slice of the whole is left.
#![forbid(unsafe_code)]

use ipc_safe::memory::PrivateMemory;

fn main() -> ipc_safe::Result<()> {
    let memory = PrivateMemory::new(1_000_000)?;
    let slice = &memory[..];
    drop(memory.split_at(65536)?);
    assert_eq!(slice[9], 0);
    Ok(())
}
