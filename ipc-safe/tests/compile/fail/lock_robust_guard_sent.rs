//! A guard of a robust lock belongs to the thread whose id is in the lock.
#![forbid(unsafe_code)]

use ipc_safe::shared::SharedCell;
use ipc_safe::sync::RobustMutex;

static MUTEX: RobustMutex<SharedCell<u32>> = RobustMutex::new(SharedCell::new(7));

fn main() -> ipc_safe::Result<()> {
    let guard = MUTEX.lock()?.recover(|_| ());
    let seven = std::thread::scope(|scope| scope.spawn(move || guard.get()).join().unwrap());
    assert_eq!(seven, 7);
    Ok(())
}
