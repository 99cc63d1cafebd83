//! A record is aligned to at most 64: the start of a region promises no more.
#![forbid(unsafe_code)]

use std::sync::atomic::AtomicU8;

ipc_safe::shm_safe! {
    #[repr(align(128))]
    struct Record {
        bytes: [AtomicU8; 128],
    }
}

fn main() {}
