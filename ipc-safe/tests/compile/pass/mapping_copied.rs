//! A mapping has one owner.
#![forbid(unsafe_code)]

use ipc_safe::memory::PrivateMemory;

fn main() -> ipc_safe::Result<()> {
    let memory = PrivateMemory::new(100)?;
    let same = memory.to_vec();
    drop(memory);
    drop(same);
    Ok(())
}
