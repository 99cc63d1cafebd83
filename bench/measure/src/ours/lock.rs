//! Locks that nobody else wants: one lock and unlock.

use super::{OURS, name};
use crate::mechanism::Result;
use crate::row::{Repeated, Row};
use ipc_safe::memory::{MapOptions, SharedMemory};
use ipc_safe::shared::{Shared, ShmSafe};
use ipc_safe::sync::{Mutex, RobustMutex, RwLock};
use std::hint::black_box;
use std::sync::atomic::AtomicU64;

pub(super) fn rows() -> [Row; 4] {
    let row = |mechanism, create: fn() -> Result<Repeated>| Row::alone(OURS, mechanism, 0, 1.0, create);
    [row(name::MUTEX, plain), row(name::ROBUST_MUTEX, robust), row(name::READ_LOCK, read), row(name::WRITE_LOCK, write)]
}

fn shared<T: ShmSafe>() -> Result<Shared<T, SharedMemory>> {
    Ok(Shared::bare(MapOptions::new().shared(4096)?).map_err(ipc_safe::Error::from)?)
}

/// The loop is compiled together with the lock.
fn repeated(mut once: impl FnMut() -> ipc_safe::Result<()> + 'static) -> Repeated {
    Box::new(move |count| {
        for _ in 0..count {
            once()?;
        }
        Ok(())
    })
}

fn plain() -> Result<Repeated> {
    let mutex = shared::<Mutex<AtomicU64>>()?;
    Ok(repeated(move || {
        drop(black_box(mutex.lock()));
        Ok(())
    }))
}

fn robust() -> Result<Repeated> {
    let mutex = shared::<RobustMutex<AtomicU64>>()?;
    Ok(repeated(move || {
        drop(black_box(mutex.lock()?));
        Ok(())
    }))
}

fn read() -> Result<Repeated> {
    let lock = shared::<RwLock<AtomicU64>>()?;
    Ok(repeated(move || {
        drop(black_box(lock.read()));
        Ok(())
    }))
}

fn write() -> Result<Repeated> {
    let lock = shared::<RwLock<AtomicU64>>()?;
    Ok(repeated(move || {
        drop(black_box(lock.write()));
        Ok(())
    }))
}
