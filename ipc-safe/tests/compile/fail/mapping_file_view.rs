//! A file that can shrink has no view without `unsafe`.
#![forbid(unsafe_code)]

use ipc_safe::memory::Memfd;

fn main() -> ipc_safe::Result<()> {
    let memfd = Memfd::options().create(100)?;
    let memory = memfd.map()?;
    memory.bytes().write(0, b"hello")
}
