//! An address means nothing in another process, and anything when it comes from there.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicPtr, AtomicUsize};

ipc_safe::shm_safe! {
    struct Record {
        next: AtomicUsize,
    }
}

fn main() {
    let _ = (AtomicPtr::new(&mut 0_u8), AtomicUsize::new(0));
}
