//! The bytes become zero: nobody looks at them meanwhile.
#![forbid(unsafe_code)]

use ipc_safe::memory::PrivateMemory;

fn main() -> ipc_safe::Result<()> {
    let mut memory = PrivateMemory::new(100)?;
    let slice = &memory[..10];
    assert_eq!(memory.len(), 100);
    assert_eq!(slice[9], 0);
    memory.discard()
}
