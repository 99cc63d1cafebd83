//! Memory that a fork zeroes is no slice.
#![forbid(unsafe_code)]

use ipc_safe::memory::MapOptions;

fn main() -> ipc_safe::Result<()> {
    let memory = MapOptions::new().wiped_on_fork(100)?;
    assert_eq!(memory[..4], [0; 4]);
    Ok(())
}
