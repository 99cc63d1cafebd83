//! Not every byte is a `bool`, and other processes write any bytes.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicBool, AtomicU8};

ipc_safe::shm_safe! {
    struct Record {
        flag: AtomicU8,
    }
}

fn main() {
    let _ = (AtomicBool::new(false), AtomicU8::new(0));
}
