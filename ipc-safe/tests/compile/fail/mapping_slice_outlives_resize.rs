//! The memory may move: no slice is left that points to where it was.
#![forbid(unsafe_code)]

use ipc_safe::memory::PrivateMemory;

fn main() -> ipc_safe::Result<()> {
    let memory = PrivateMemory::new(100)?;
    let slice = &memory[..10];
    drop(memory.resize(1_000_000)?);
    assert_eq!(slice[9], 0);
    Ok(())
}
