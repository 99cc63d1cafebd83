//! A guard borrows the memory that its lock lies in.
#![forbid(unsafe_code)]

use ipc_safe::memory::MapOptions;
use ipc_safe::shared::{Shared, SharedCell};
use ipc_safe::sync::Mutex;

fn main() -> ipc_safe::Result<()> {
    let mutex = Shared::<Mutex<SharedCell<u32>>, _>::bare(MapOptions::new().shared(4096)?)?;
    let guard = mutex.lock();
    let _ = &mutex;
    guard.update(|count| count + 1);
    Ok(())
}
