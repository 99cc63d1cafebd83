//! While a condition variable waits, the mutex is unlocked: the guard goes in and another one comes out.

use ipc_safe::shared::SharedCell;
use ipc_safe::sync::{Condvar, Mutex};
use std::time::Duration;

fn main() {
    let mutex = Mutex::new(SharedCell::new(0_u32));
    let changed = Condvar::new();
    let guard = mutex.lock();
    let again = changed.wait_timeout(guard, Duration::ZERO).unwrap_err().into_inner();
    guard.set(&1);
    drop(again);
}
