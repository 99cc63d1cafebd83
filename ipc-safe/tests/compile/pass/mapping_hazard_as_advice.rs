//! Advice that changes contents is of another type.
#![forbid(unsafe_code)]

use ipc_safe::memory::{Advice, Hazard, PrivateMemory};

fn main() -> ipc_safe::Result<()> {
    let memory = PrivateMemory::new(4096)?;
    memory.advise(Advice::Cold)?;
    assert_ne!(Hazard::Free, Hazard::DontNeed);
    assert_ne!(Advice::Cold, Advice::Normal);
    Ok(())
}
