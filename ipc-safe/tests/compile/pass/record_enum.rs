//! An enum has bit patterns that are no value.
#![forbid(unsafe_code)]

use std::sync::atomic::AtomicU8;

#[repr(u8)]
#[allow(dead_code)]
enum State {
    Idle,
    Busy,
}

ipc_safe::shm_safe! {
    struct Record {
        state: AtomicU8,
    }
}

fn main() {
    let _ = (State::Idle, AtomicU8::new(0));
}
