//! A writable view ends when the memory becomes read-only.
#![forbid(unsafe_code)]

use ipc_safe::memory::{ReadOnly, SharedMemory};

fn main() -> ipc_safe::Result<()> {
    let memory = SharedMemory::new(100)?;
    let bytes = memory.bytes();
    let memory = memory.protect::<ReadOnly>()?;
    bytes.write(0, b"hello")?;
    memory.protect::<ReadOnly>()?.flush()
}
