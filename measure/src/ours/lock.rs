//! Locks that nobody else wants: one lock and unlock.

use super::{OURS, name};
use crate::mechanism::Result;
use crate::row::{Repeated, Row};
use ipc_safe::memory::{MapOptions, SharedMemory};
use ipc_safe::shared::{Shared, ShmSafe};
use ipc_safe::sync::{Mutex, RobustMutex};
use std::hint::black_box;
use std::sync::atomic::AtomicU64;

pub(super) fn rows() -> [Row; 2] {
    [Row::alone(OURS, name::MUTEX, 0, 1.0, plain), Row::alone(OURS, name::ROBUST_MUTEX, 0, 1.0, robust)]
}

fn shared<T: ShmSafe>() -> Result<Shared<T, SharedMemory>> {
    Ok(Shared::bare(MapOptions::new().shared(4096)?).map_err(ipc_safe::Error::from)?)
}

fn plain() -> Result<Repeated> {
    let mutex = shared::<Mutex<AtomicU64>>()?;
    Ok(Box::new(move |count| {
        for _ in 0..count {
            drop(black_box(mutex.lock()));
        }
        Ok(())
    }))
}

fn robust() -> Result<Repeated> {
    let mutex = shared::<RobustMutex<AtomicU64>>()?;
    Ok(Box::new(move |count| {
        for _ in 0..count {
            drop(black_box(mutex.lock()?));
        }
        Ok(())
    }))
}
