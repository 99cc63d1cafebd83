//! Whoever gets the lock of the dead has to look after the data first.
#![forbid(unsafe_code)]

use ipc_safe::shared::SharedCell;
use ipc_safe::sync::RobustMutex;

static MUTEX: RobustMutex<SharedCell<u32>> = RobustMutex::new(SharedCell::new(7));

fn main() -> ipc_safe::Result<()> {
    let locked = MUTEX.lock()?;
    assert_eq!(locked.get(), 7);
    Ok(())
}
