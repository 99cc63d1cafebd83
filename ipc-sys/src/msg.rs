//! `sys/msg.h`: message queues.
//!
//! Manual pages: msgget(2), msgop(2), msgctl(2).

use core::ffi::c_ulong;

pub use crate::bindings::msg::*;
pub use crate::types::{key_t, pid_t, size_t, ssize_t, time_t};

impl msqid_ds {
    /// The bytes in the queue: the C macro `msg_cbytes`.
    #[must_use]
    pub const fn msg_cbytes(&self) -> c_ulong {
        self.__msg_cbytes
    }
}
