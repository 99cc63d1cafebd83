//! Changing the protection takes the mapping: no slice is left that the new one takes the ground from.
#![forbid(unsafe_code)]

use ipc_safe::memory::{NoAccess, PrivateMemory};

fn main() -> ipc_safe::Result<()> {
    let mut memory = PrivateMemory::new(100)?;
    let slice = &mut memory[..10];
    slice[8] = 1;
    slice[9] = 1;
    Ok(())
}
