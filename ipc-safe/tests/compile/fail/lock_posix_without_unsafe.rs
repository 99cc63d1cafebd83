//! The C library's locks trust the memory that they lie in.

use ipc_safe::memory::MapOptions;
use ipc_safe::sync::interop::PosixSemaphore;

fn main() -> ipc_safe::Result<()> {
    let memory = MapOptions::new().shared(4096)?;
    // SAFETY: nobody else has the memory.
    let semaphore = PosixSemaphore::init(memory.bytes(), 1)?;
    semaphore.acquire()
}
