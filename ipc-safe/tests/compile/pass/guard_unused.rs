//! A guard that nobody keeps is given back at once, which is hardly meant.
#![forbid(unsafe_code)]

#![deny(unused_must_use)]

use ipc_safe::sysv::SemaphoreSet;

fn main() -> ipc_safe::Result<()> {
    let set = SemaphoreSet::private(&[1])?;
    let _guard = set.semaphore(0).acquire(1)?;
    Ok(())
}
