//! A file that can shrink is no slice.
#![forbid(unsafe_code)]

use ipc_safe::memory::Memfd;

fn main() -> ipc_safe::Result<()> {
    let memfd = Memfd::options().create(100)?;
    let memory = memfd.map()?;
    assert_eq!(memory[..4], [0; 4]);
    Ok(())
}
