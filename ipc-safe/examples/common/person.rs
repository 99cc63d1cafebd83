//! What `shm_record_write` and `shm_record_read` agree on.
#![allow(dead_code, reason = "each of the two programs uses a part of it")]

use ipc_safe::Result;
use ipc_safe::shared::zerocopy::{FromBytes, Immutable, IntoBytes};
use ipc_safe::sysv::Key;
use std::num::NonZeroU8;
use std::path::Path;

/// The record, as a C program would declare it: `struct { char name[64]; int age; }`.
#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub(crate) struct Person {
    /// Ends at the first zero byte, or fills all 64.
    name: [u8; 64],
    age: i32,
}

impl Person {
    /// A record of this name, unless the name does not fit.
    pub(crate) fn new(name: &str, age: i32) -> Option<Self> {
        let mut bytes = [0; 64];
        bytes.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
        Some(Self { name: bytes, age })
    }
}

/// Whatever the bytes are: nobody promises that there is a zero byte, or text.
impl std::fmt::Display for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let end = self.name.iter().position(|&byte| byte == 0).unwrap_or(self.name.len());
        write!(f, "{}, {}", String::from_utf8_lossy(&self.name[..end]), self.age)
    }
}

/// The key of the segment.
pub(crate) fn key(path: impl AsRef<Path>) -> Result<Key> {
    const PROJECT: NonZeroU8 = NonZeroU8::new(b'p').unwrap();
    Key::from_path(path, PROJECT)
}
