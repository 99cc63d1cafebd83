//! An access to the memory of a protection key stays in its thread; the memory does not.
#![forbid(unsafe_code)]

use ipc_safe::memory::{PrivateMemory, ProtectionKey};

fn main() -> ipc_safe::Result<()> {
    let Ok(key) = ProtectionKey::new() else { return Ok(()) };
    let memory = key.protect(PrivateMemory::new(100)?)?;
    let access = memory.read_access()?;
    std::thread::scope(|scope| {
        scope.spawn(|| memory.read_access().unwrap().to_vec());
    });
    drop(access);
    Ok(())
}
