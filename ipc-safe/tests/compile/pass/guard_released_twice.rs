//! Releasing consumes the guard: units are given back once.
#![forbid(unsafe_code)]

use ipc_safe::sysv::SemaphoreSet;

fn main() -> ipc_safe::Result<()> {
    let set = SemaphoreSet::private(&[1])?;
    let guard = set.semaphore(0).acquire(1)?;
    guard.release()?;
    set.semaphore(0).acquire(1)?.release()
}
