//! A guard of a lock belongs to the thread that holds it.
#![forbid(unsafe_code)]

use ipc_safe::shared::SharedCell;
use ipc_safe::sync::Mutex;

static MUTEX: Mutex<SharedCell<u32>> = Mutex::new(SharedCell::new(7));

fn main() {
    let guard = MUTEX.lock();
    let seven = std::thread::scope(|scope| scope.spawn(move || guard.get()).join().unwrap());
    assert_eq!(seven, 7);
}
