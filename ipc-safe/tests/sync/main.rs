//! The area `sync`: locks and events in shared memory, between threads, forked children and unrelated processes.
#![allow(clippy::multiple_unsafe_ops_per_block, reason = "test code: the few blocks are explained as a whole")]

mod mutex;
mod robust;
#[path = "../support/mod.rs"]
mod support;

use ipc_safe::memory::{MapOptions, SharedMemory};
use ipc_safe::shared::{Shared, ShmSafe};
use std::os::fd::AsFd;

/// A record in memory that forked children share.
fn shared<T: ShmSafe>() -> Shared<T, SharedMemory> {
    Shared::bare(MapOptions::new().shared(64 * 1024).unwrap()).unwrap()
}

/// A pipe: the child says with [`Gate::open`] that it has come so far, the parent waits for it with [`Gate::pass`].
struct Gate {
    reader: std::io::PipeReader,
    writer: std::io::PipeWriter,
}

impl Gate {
    fn new() -> Self {
        let (reader, writer) = std::io::pipe().unwrap();
        Self { reader, writer }
    }

    fn open(&self) {
        assert_eq!(rustix::io::write(self.writer.as_fd(), &[1]), Ok(1));
    }

    fn pass(&self) {
        assert_eq!(rustix::io::read(self.reader.as_fd(), &mut [0; 1]), Ok(1));
    }
}

/// The state of a thread as `/proc` has it: `S` sleeps.
fn state(thread: u32) -> char {
    let stat = std::fs::read_to_string(format!("/proc/{thread}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().and_then(|fields| fields.chars().next()).unwrap_or(' ')
}

fn thread_id() -> u32 {
    rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned()
}
