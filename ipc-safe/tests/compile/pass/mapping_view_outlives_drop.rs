//! A view of shared memory ends with the mapping.
#![forbid(unsafe_code)]

use ipc_safe::memory::SharedMemory;

fn main() -> ipc_safe::Result<()> {
    let memory = SharedMemory::new(100)?;
    let bytes = memory.bytes();
    bytes.fill(0);
    bytes.write(0, b"hello")
}
