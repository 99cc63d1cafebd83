//! What the fuzz targets do: one file a target, each a function that takes any bytes and panics when the crate, or the kernel by
//! way of it, does other than was said.
//!
//! The fuzzer (`fuzz/fuzz_targets`, `scripts/fuzz`) calls one of them as often as it can, in a process of its own; the tests here
//! replay the inputs once found, and some at random, on any toolchain.
//!
//! Every target runs in an IPC namespace of its own ([`namespace::enter`]), waits for nothing longer than a few milliseconds, makes at
//! most 64 operations an input, and looks afterwards whether anything was left behind. Numbers come from small sets around
//! which something changes: types, keys and sizes drawn from all there are never meet.
#![cfg_attr(not(test), deny(unsafe_code))]
#![allow(clippy::missing_panics_doc, reason = "a panic is what a target has to say")]

pub mod async_waiters;
pub mod channel_hostile;
pub mod channel_ops;
pub mod cmsg_parse;
pub mod coproc_lines;
pub mod errno_map;
pub mod faulty_map;
pub mod faulty_msg;
pub mod faulty_sem;
pub mod faulty_shm;
pub mod fifo_ops;
pub mod ftok_key;
pub mod lock_words;
pub mod map_ops;
pub mod msg_ops;
pub mod namespace;
pub mod pipe_io;
pub mod procfs_parse;
pub mod sem_ops;
pub mod sem_undo_fork;
pub mod shared_views;
pub mod shm_header;
pub mod shm_ops;
pub mod sig_ops;
pub mod sockaddr_parse;
pub mod socket_messages;

mod fault;
mod leaks;
mod ring;
mod steps;
mod way;

/// A target: its name, which is that of its file and of its corpus, and what it does with an input.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// `msg_ops`, ...
    pub name: &'static str,
    /// Runs one input.
    pub run: fn(&[u8]),
}

/// All targets, by name.
pub const TARGETS: &[Target] = &[
    Target { name: "async_waiters", run: async_waiters::run },
    Target { name: "channel_hostile", run: channel_hostile::run },
    Target { name: "channel_ops", run: channel_ops::run },
    Target { name: "cmsg_parse", run: cmsg_parse::run },
    Target { name: "coproc_lines", run: coproc_lines::run },
    Target { name: "errno_map", run: errno_map::run },
    Target { name: "faulty_map", run: faulty_map::run },
    Target { name: "faulty_msg", run: faulty_msg::run },
    Target { name: "faulty_sem", run: faulty_sem::run },
    Target { name: "faulty_shm", run: faulty_shm::run },
    Target { name: "fifo_ops", run: fifo_ops::run },
    Target { name: "ftok_key", run: ftok_key::run },
    Target { name: "lock_words", run: lock_words::run },
    Target { name: "map_ops", run: map_ops::run },
    Target { name: "msg_ops", run: msg_ops::run },
    Target { name: "pipe_io", run: pipe_io::run },
    Target { name: "procfs_parse", run: procfs_parse::run },
    Target { name: "sem_ops", run: sem_ops::run },
    Target { name: "sem_undo_fork", run: sem_undo_fork::run },
    Target { name: "shared_views", run: shared_views::run },
    Target { name: "shm_header", run: shm_header::run },
    Target { name: "shm_ops", run: shm_ops::run },
    Target { name: "sig_ops", run: sig_ops::run },
    Target { name: "sockaddr_parse", run: sockaddr_parse::run },
    Target { name: "socket_messages", run: socket_messages::run },
];

/// The target of this name.
#[must_use]
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
