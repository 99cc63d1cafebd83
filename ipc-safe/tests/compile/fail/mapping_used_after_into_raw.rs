//! What is given up is not used any more.
#![forbid(unsafe_code)]

use ipc_safe::memory::PrivateMemory;

fn main() -> ipc_safe::Result<()> {
    let memory = PrivateMemory::new(100)?;
    let (_address, _len) = memory.into_raw();
    assert_eq!(memory[0], 0);
    Ok(())
}
