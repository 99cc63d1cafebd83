//! A packed record would have fields that no reference can point to.
#![forbid(unsafe_code)]

use std::sync::atomic::AtomicU32;

ipc_safe::shm_safe! {
    #[repr(packed)]
    struct Record {
        number: AtomicU32,
    }
}

fn main() {}
