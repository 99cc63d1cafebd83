//! The direct view of a file is unsafe.

use ipc_safe::memory::Memfd;

fn main() -> ipc_safe::Result<()> {
    let mapping = Memfd::options().create(100)?.map()?;
    // SAFETY: nobody else has the memfd, which stays as long as it is.
    let bytes = unsafe { mapping.bytes_unchecked() };
    bytes.write(0, b"hello")
}
