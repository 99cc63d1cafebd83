//! So is padding at its end.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicU8, AtomicU32};

ipc_safe::shm_safe! {
    struct Record {
        large: AtomicU32,
        small: [AtomicU8; 3],
    }
}

fn main() {}
