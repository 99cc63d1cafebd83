//! That others keep to the lock is an agreement: no exclusive reference rests on it.
#![forbid(unsafe_code)]

use ipc_safe::memory::MapOptions;
use ipc_safe::shared::Shared;
use ipc_safe::sync::Mutex;
use std::sync::atomic::AtomicU32;

fn main() -> ipc_safe::Result<()> {
    let mutex = Shared::<Mutex<AtomicU32>, _>::bare(MapOptions::new().shared(4096)?)?;
    #[allow(unused_mut)]
    let mut guard = mutex.lock();
    *guard.get_mut() = 7;
    Ok(())
}
