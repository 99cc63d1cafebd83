//! The rows of `ipc-safe`, one file a family of mechanisms.

mod cell;
mod channel;
mod coprocess;
mod event;
mod lock;
mod pipe;
mod queue;
mod semaphore;
mod signal;
mod socket;

use crate::fact::{Author, Place};
use crate::row::Row;

/// Bytes of a message.
pub const SIZES: [usize; 2] = [64, 4096];

/// Bytes that a channel in shared memory holds, for messages of this size: a thousand short ones, 64 long ones.
#[must_use]
pub const fn capacity(bytes: usize) -> usize {
    let long = 64 * bytes;
    if long > 64 << 10 { long } else { 64 << 10 }
}

/// Whose they are.
pub(crate) const OURS: (Author, &str) = (Author::Ours, "ipc-safe");

/// The names under which rows of one mechanism are compared.
#[expect(missing_docs, reason = "each says it")]
pub mod name {
    pub const PIPE: &str = "pipe";
    pub const FIFO: &str = "FIFO";
    pub const COPROCESS: &str = "coprocess";
    pub const STREAM: &str = "local stream";
    pub const DATAGRAM: &str = "local datagram";
    pub const SEQPACKET: &str = "local seqpacket";
    pub const QUEUE: &str = "System V queue";
    pub const SEMAPHORES: &str = "semaphores + segment";
    pub const SEMAPHORE: &str = "System V semaphore";
    pub const CELL: &str = "two-slot cell";
    pub const SIGNAL: &str = "signal";
    pub const EVENT: &str = "event in shared memory";
    pub const COUNTER: &str = "semaphore in shared memory";
    pub const CHANNEL: &str = "channel in shared memory";
    pub const MUTEX: &str = "mutex";
    pub const ROBUST_MUTEX: &str = "robust mutex";
    pub const READ_LOCK: &str = "reader-writer lock, to read";
    pub const WRITE_LOCK: &str = "reader-writer lock, to write";
}

/// All of them.
#[must_use]
pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for place in [Place::OneCore, Place::TwoCores] {
        for bytes in SIZES {
            rows.extend(pipe::rows(place, bytes));
            rows.extend(coprocess::rows(place, bytes));
            rows.extend(socket::rows(place, bytes));
            rows.extend(queue::rows(place, bytes));
            rows.extend(semaphore::rows(place, bytes));
            rows.extend(cell::rows(place, bytes));
            rows.extend(channel::rows(place, bytes));
        }
        rows.extend(semaphore::events(place));
        rows.extend(signal::events(place));
        rows.extend(event::events(place));
    }
    rows.extend(lock::rows());
    rows
}
