//! The rows of `ipc-safe`, one file a family of mechanisms.

mod cell;
mod coprocess;
mod pipe;
mod queue;
mod semaphore;
mod signal;
mod socket;

use crate::fact::{Author, Place};
use crate::row::Row;

/// Bytes of a message.
pub const SIZES: [usize; 2] = [64, 4096];

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
        }
        rows.extend(semaphore::events(place));
        rows.extend(signal::events(place));
    }
    rows
}
