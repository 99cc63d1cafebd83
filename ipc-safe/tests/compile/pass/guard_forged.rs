//! A guard comes from acquiring, and from nowhere else.
#![forbid(unsafe_code)]

use ipc_safe::sysv::{SemaphoreGuard, SemaphoreSet};

fn main() -> ipc_safe::Result<()> {
    let set = SemaphoreSet::private(&[1])?;
    let semaphore = set.semaphore(0);
    let guard: SemaphoreGuard = semaphore.acquire(1)?;
    guard.release()
}
