//! Padding inside a record is refused.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicU8, AtomicU32};

ipc_safe::shm_safe! {
    struct Record {
        small: AtomicU8,
        large: AtomicU32,
    }
}

fn main() {
    let _ = AtomicU8::new(0);
}
