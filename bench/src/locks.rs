//! Locks that nobody else wants: one lock and unlock.

use crate::raw::memory::Memory;
use ipc_measure::{Author, Repeated, Result, Row};
use ipc_safe::memory::{MapOptions, SharedMemory};
use ipc_safe::shared::{ShmSafe, Shared};
use ipc_safe::sync::{Mutex, RobustMutex};
use raw_sync::locks::LockInit;
use std::hint::black_box;
use std::io;
use std::sync::atomic::AtomicU64;

const PLAIN: &str = "mutex";
const ROBUST: &str = "robust mutex";

pub(crate) fn rows() -> Vec<Row> {
    let ours = (Author::Ours, "ipc-safe");
    let mut rows = vec![
        Row::alone(ours, PLAIN, 0, 1.0, plain),
        Row::alone(ours, ROBUST, 0, 1.0, robust),
        Row::alone((Author::Peer, "raw_sync"), PLAIN, 0, 1.0, raw_sync_mutex),
    ];
    for by in [(Author::Raw, "glibc"), (Author::Control, "glibc again")] {
        rows.push(Row::alone(by, PLAIN, 0, 1.0, || pthread(libc::PTHREAD_MUTEX_STALLED)));
        rows.push(Row::alone(by, ROBUST, 0, 1.0, || pthread(libc::PTHREAD_MUTEX_ROBUST)));
    }
    rows
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

fn raw_sync_mutex() -> Result<Repeated> {
    let memory = Memory::new(4096)?;
    // SAFETY: a page has room for the lock, and what it guards is not accessed.
    let made = unsafe { raw_sync::locks::Mutex::new(memory.start().as_ptr(), memory.at(2048).as_ptr()) };
    let (mutex, _) = made.map_err(|error| error.to_string())?;
    Ok(Box::new(move |count| {
        let _mapped = &memory;
        for _ in 0..count {
            drop(black_box(mutex.lock().map_err(|error| error.to_string())?));
        }
        Ok(())
    }))
}

fn pthread(robustness: libc::c_int) -> Result<Repeated> {
    let memory = Memory::new(4096)?;
    let mutex = memory.start().cast::<libc::pthread_mutex_t>();
    // SAFETY: the attributes are made before they are used, and a page has room for a mutex.
    let failed = unsafe {
        let mut attributes = std::mem::zeroed();
        libc::pthread_mutexattr_init(&raw mut attributes)
            | libc::pthread_mutexattr_setpshared(&raw mut attributes, libc::PTHREAD_PROCESS_SHARED)
            | libc::pthread_mutexattr_setrobust(&raw mut attributes, robustness)
            | libc::pthread_mutex_init(mutex.as_ptr(), &raw const attributes)
    };
    if failed != 0 {
        return Err(io::Error::from_raw_os_error(failed).into());
    }
    Ok(Box::new(move |count| {
        let _mapped = &memory;
        for _ in 0..count {
            // SAFETY: a mutex, made above, in memory that is mapped.
            let failed = unsafe { libc::pthread_mutex_lock(mutex.as_ptr()) };
            // SAFETY: as above; this thread has locked it.
            let failed = failed | unsafe { libc::pthread_mutex_unlock(mutex.as_ptr()) };
            if failed != 0 {
                return Err(io::Error::from_raw_os_error(failed).into());
            }
        }
        Ok(())
    }))
}
