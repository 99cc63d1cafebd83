//! Locks that nobody else wants: one lock and unlock.

use crate::raw::memory::Memory;
use ipc_measure::ours::name;
use ipc_measure::{Author, Repeated, Result, Row};
use raw_sync::locks::LockInit;
use std::hint::black_box;
use std::io;

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = vec![Row::alone((Author::Peer, "raw_sync"), name::MUTEX, 0, 1.0, raw_sync_mutex)];
    for by in [(Author::Raw, "glibc"), (Author::Control, "glibc again")] {
        rows.push(Row::alone(by, name::MUTEX, 0, 1.0, || mutex(libc::PTHREAD_MUTEX_STALLED)));
        rows.push(Row::alone(by, name::ROBUST_MUTEX, 0, 1.0, || mutex(libc::PTHREAD_MUTEX_ROBUST)));
        rows.push(Row::alone(by, name::READ_LOCK, 0, 1.0, || rwlock(libc::pthread_rwlock_rdlock)));
        rows.push(Row::alone(by, name::WRITE_LOCK, 0, 1.0, || rwlock(libc::pthread_rwlock_wrlock)));
    }
    rows
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

/// The loop is compiled together with the calls, whose error numbers `once` gives, or 0; `memory` is where the lock lies.
fn repeated(memory: Memory, mut once: impl FnMut() -> libc::c_int + 'static) -> Repeated {
    Box::new(move |count| {
        let _mapped = &memory;
        for _ in 0..count {
            let failed = once();
            if failed != 0 {
                return Err(io::Error::from_raw_os_error(failed).into());
            }
        }
        Ok(())
    })
}

/// Whether making a lock went well.
fn made(failed: libc::c_int) -> io::Result<()> {
    if failed == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(failed)) }
}

fn mutex(robustness: libc::c_int) -> Result<Repeated> {
    let memory = Memory::new(4096)?;
    let mutex = memory.start().cast::<libc::pthread_mutex_t>();
    // SAFETY: the attributes are made before they are used, and a page has room for a mutex.
    made(unsafe {
        let mut attributes = std::mem::zeroed();
        libc::pthread_mutexattr_init(&raw mut attributes)
            | libc::pthread_mutexattr_setpshared(&raw mut attributes, libc::PTHREAD_PROCESS_SHARED)
            | libc::pthread_mutexattr_setrobust(&raw mut attributes, robustness)
            | libc::pthread_mutex_init(mutex.as_ptr(), &raw const attributes)
    })?;
    Ok(repeated(memory, move || {
        // SAFETY: a mutex, made above, in memory that is mapped; this thread unlocks what it locked.
        unsafe { libc::pthread_mutex_lock(mutex.as_ptr()) | libc::pthread_mutex_unlock(mutex.as_ptr()) }
    }))
}

type LockCall = unsafe extern "C" fn(*mut libc::pthread_rwlock_t) -> libc::c_int;

fn rwlock(call: LockCall) -> Result<Repeated> {
    let memory = Memory::new(4096)?;
    let lock = memory.start().cast::<libc::pthread_rwlock_t>();
    // SAFETY: the attributes are made before they are used, and a page has room for a lock.
    made(unsafe {
        let mut attributes = std::mem::zeroed();
        libc::pthread_rwlockattr_init(&raw mut attributes)
            | libc::pthread_rwlockattr_setpshared(&raw mut attributes, libc::PTHREAD_PROCESS_SHARED)
            | libc::pthread_rwlock_init(lock.as_ptr(), &raw const attributes)
    })?;
    Ok(repeated(memory, move || {
        // SAFETY: a lock, made above, in memory that is mapped; this thread unlocks what it locked.
        unsafe { call(lock.as_ptr()) | libc::pthread_rwlock_unlock(lock.as_ptr()) }
    }))
}
