//! The same holds for references.
#![forbid(unsafe_code)]

use std::sync::atomic::AtomicU64;

ipc_safe::shm_safe! {
    struct Record {
        other: AtomicU64,
    }
}

fn main() {}
