//! A flag of std has two values, and others write any byte.
#![forbid(unsafe_code)]

use ipc_safe::memory::MapOptions;
use ipc_safe::shared::Shared;
use ipc_safe::sync::Mutex;
use std::sync::atomic::AtomicU8 as Flag;

fn main() -> ipc_safe::Result<()> {
    let mutex = Shared::<Mutex<Flag>, _>::bare(MapOptions::new().shared(4096)?)?;
    drop(mutex.lock());
    Ok(())
}
