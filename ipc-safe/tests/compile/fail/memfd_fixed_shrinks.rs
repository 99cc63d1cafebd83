//! A memfd that cannot shrink has no call for it.
#![forbid(unsafe_code)]

use ipc_safe::memory::Memfd;

fn main() -> ipc_safe::Result<()> {
    let memfd = Memfd::options().create(100)?.fix()?;
    memfd.set_size(50)
}
