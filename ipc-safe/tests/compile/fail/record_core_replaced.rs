//! What the macro checks is checked with the real `core`, whatever else has that name.
#![forbid(unsafe_code)]

extern crate self as core;

use std::sync::atomic::{AtomicU8, AtomicU64};

/// Says of a byte that it has eight.
pub mod mem {
    pub const fn size_of<T>() -> usize {
        (std::mem::size_of::<T>() + 7) / 8 * 8
    }
}

/// Takes a reference for one to anything.
pub mod ptr {
    pub const fn from_ref<T, U>(_: &T) -> *const U {
        std::ptr::null()
    }
}

ipc_safe::shm_safe! {
    struct Record {
        small: AtomicU8,
        large: AtomicU64,
    }
}

fn main() {
    let _ = (AtomicU8::new(0), mem::size_of::<u8>(), ptr::from_ref::<u8, u64>(&0));
}
