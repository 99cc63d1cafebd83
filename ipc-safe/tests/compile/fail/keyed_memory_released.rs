//! Memory keeps its protection key while somebody holds an access to it.
#![forbid(unsafe_code)]

use ipc_safe::memory::{PrivateMemory, ProtectionKey};

fn main() -> ipc_safe::Result<()> {
    let Ok(key) = ProtectionKey::new() else { return Ok(()) };
    let memory = key.protect(PrivateMemory::new(100)?)?;
    let access = memory.read_access()?;
    assert_eq!(access.to_vec(), [0; 100]);
    assert_eq!(access.len(), 100);
    assert_eq!(memory.release()?[99], 0);
    Ok(())
}
