//! What is frozen has no way to write.
#![forbid(unsafe_code)]

use ipc_safe::memory::Memfd;

fn main() -> ipc_safe::Result<()> {
    let frozen = Memfd::options().create(100)?.fix()?.freeze()?;
    let memory = frozen.map()?;
    let bytes: &[u8] = &memory[..];
    assert_eq!(bytes[0], 0);
    Ok(())
}
