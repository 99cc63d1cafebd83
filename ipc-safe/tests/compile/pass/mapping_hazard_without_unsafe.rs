//! Advice that changes contents is unsafe.

use ipc_safe::memory::{Hazard, PrivateMemory};

fn main() -> ipc_safe::Result<()> {
    let memory = PrivateMemory::new(4096)?;
    // SAFETY: nothing refers to what is in the memory.
    unsafe { memory.advise_unchecked(.., Hazard::DontNeed) }
}
