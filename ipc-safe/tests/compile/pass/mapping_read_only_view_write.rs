//! A read-only view has no way to write.
#![forbid(unsafe_code)]

use ipc_safe::memory::Memfd;

fn main() -> ipc_safe::Result<()> {
    let memfd = Memfd::options().create(100)?.fix()?;
    let memory = memfd.map()?;
    memory.bytes().write(0, b"hello")
}
