//! A field that is not atomic could be read while another process writes it.
#![forbid(unsafe_code)]

use std::sync::atomic::AtomicU32;

ipc_safe::shm_safe! {
    struct Record {
        number: u32,
    }
}

fn main() {
    let _ = AtomicU32::new(0);
}
