//! `sys/ipc.h`: keys, permissions, and the commands and flags that queues, sets and segments share.
//!
//! Manual pages: ftok(3), sysvipc(7).

pub use crate::bindings::ipc::*;
pub use crate::types::{gid_t, key_t, mode_t, uid_t};

/// The key that is no key: every object made with it is a new one.
pub const IPC_PRIVATE: key_t = 0;
