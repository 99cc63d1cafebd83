//! A record in shared memory has no `Drop`: whose would it be?
#![forbid(unsafe_code)]

use std::sync::atomic::AtomicU32;

ipc_safe::shm_safe! {
    struct Record {
        number: AtomicU32,
    }
}

trait NoDrop {
    fn drop(&mut self);
}

impl NoDrop for Record {
    fn drop(&mut self) {}
}

fn main() {}
