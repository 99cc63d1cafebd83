//! A guard is one value: a copy would give the units back twice.
#![forbid(unsafe_code)]

use ipc_safe::sysv::SemaphoreSet;

fn main() -> ipc_safe::Result<()> {
    let set = SemaphoreSet::private(&[1])?;
    let guard = set.semaphore(0).acquire(1)?;
    let _ = guard.units();
    guard.release()
}
