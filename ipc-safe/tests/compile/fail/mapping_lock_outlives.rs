//! A lock ends before the memory that it locks.
#![forbid(unsafe_code)]

use ipc_safe::memory::PrivateMemory;

fn main() -> ipc_safe::Result<()> {
    let memory = PrivateMemory::new(100)?;
    let lock = memory.lock_on_fault();
    drop(memory);
    drop(lock);
    Ok(())
}
