//! Without the macro, the promise needs `unsafe impl`.
#![forbid(unsafe_code)]

use ipc_safe::shared::ShmSafe;
use std::sync::atomic::AtomicU32;

#[repr(C)]
struct Record(AtomicU32);

impl Other for Record {
    const LAYOUT: u64 = 1;
}

trait Other {
    const LAYOUT: u64;
}

fn main() {
    let _ = (Record(AtomicU32::new(0)), <AtomicU32 as ShmSafe>::LAYOUT);
}
