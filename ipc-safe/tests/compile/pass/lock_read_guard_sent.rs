//! A guard of a reader belongs to the thread that holds it.
#![forbid(unsafe_code)]

use ipc_safe::shared::SharedCell;
use ipc_safe::sync::RwLock;

static LOCK: RwLock<SharedCell<u32>> = RwLock::new(SharedCell::new(7));

fn main() {
    let guard = LOCK.read();
    let seven = std::thread::scope(|scope| scope.spawn(|| guard.get()).join().unwrap());
    assert_eq!(seven, 7);
}
