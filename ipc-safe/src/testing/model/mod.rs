//! What the man pages promise, as code: small types that answer a call as the kernel would, for tests that make random calls
//! on both and compare.
//!
//! A model checks in the kernel's order and reports a refusal as the crate does: by number and kind. Nothing waits: where the
//! kernel would, the answer is `WouldBlock`. What depends on a limit of the system is told the limit.
//!
//! | model | of |
//! |---|---|
//! | [`Queue`](queue::Queue) | a System V message queue |
//! | [`Set`](set::Set) | a semaphore set, with what the end of a process gives back |
//! | [`Segments`](segment::Segments) | shared memory segments, attached by any number of processes |
//! | [`Table`](table::Table) | which objects there are, by key |
//! | [`Files`](mapping::Files) | a file and mappings of it, shared and private, that may reach beyond its end |
//! | [`Pipes`](pipe::Pipes) | pipes, packets, FIFOs and their names |
//! | [`Pending`](pending::Pending) | the signals that wait for a thread |
//! | [`Mask`](mask::Mask) | the signals that a thread blocks, with guards and scopes |
//! | [`Signals`](signals::Signals) | both, and what is delivered |
//!
//! [`program`] has what one process does with several objects: it finds them by key, keeps handles that go stale, guards and
//! attachments.
//!
//! Steps of queues, sets, segments, mappings, pipes and signals ([`queue::Step`] and its like) are values, which the features
//! `arbitrary` and `proptest` make at random: from few keys, types and indices, and from sizes around which something changes.
//! That is what finds errors; numbers drawn from all there are never meet.
//!
//! ```
//! use ipc_safe::sysv::{MessageQueue, Selector};
//! use ipc_safe::testing::model::queue::{Limits, Queue, Room, Step};
//!
//! let kernel = MessageQueue::private()?;
//! let mut model = Queue::new(kernel.status()?.byte_limit);
//! let limits = Limits::of_system()?;
//! for step in [
//!     Step::Send { kind: 2, len: 10, byte: 7 },
//!     Step::Receive { selector: Selector::First, room: Room::Bytes(9) }, // stays in the queue
//!     Step::Receive { selector: Selector::First, room: Room::Cut(9) },
//!     Step::Receive { selector: Selector::First, room: Room::Any }, // none is left
//! ] {
//!     assert_eq!(step.perform(&kernel), model.perform(&step, &limits), "{step:?}");
//! }
//! # Ok::<(), ipc_safe::Error>(())
//! ```
#![allow(
    clippy::missing_errors_doc,
    reason = "a fault is what a model has to say: the text has the ones that are not plain"
)]

mod generate;

pub mod mapping;
pub mod mask;
pub mod pending;
pub mod pipe;
pub mod program;
pub mod queue;
pub mod segment;
pub mod set;
pub mod signals;
pub mod table;

use crate::Error;
use crate::error::{Errno, ErrorKind};

/// A refusal: the error number, where there is one, and what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The number.
    pub errno: Option<Errno>,
    /// What it means.
    pub kind: ErrorKind,
}

/// What a call answers.
pub type Answer<T> = Result<T, Fault>;

impl Fault {
    /// The object is gone: the kernel finds no such id.
    pub const GONE: Self = Self::new(Errno::INVAL, ErrorKind::Removed);
    /// An argument that the call does not take.
    pub const INVALID: Self = Self::new(Errno::INVAL, ErrorKind::InvalidInput);
    /// There is nothing of this key.
    pub const NOT_FOUND: Self = Self::new(Errno::NOENT, ErrorKind::NotFound);
    /// There is something of this key.
    pub const EXISTS: Self = Self::new(Errno::EXIST, ErrorKind::AlreadyExists);
    /// The table, or what it may hold in all, is full.
    pub const LIMIT: Self = Self::new(Errno::NOSPC, ErrorKind::LimitReached);
    /// It would have to wait.
    pub const WOULD_BLOCK: Self = Self::new(Errno::AGAIN, ErrorKind::WouldBlock);
    /// A range that leaves the view.
    pub const OUT_OF_VIEW: Self = Self { errno: None, kind: ErrorKind::OutOfRange };

    /// A refusal with this number.
    #[must_use]
    pub const fn new(errno: Errno, kind: ErrorKind) -> Self {
        Self { errno: Some(errno), kind }
    }
}

/// So many bytes, counting up from one.
fn text(first: u8, len: usize) -> Vec<u8> {
    (0..len).map(|index| first.wrapping_add(index as u8)).collect()
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self { errno: error.errno(), kind: error.kind() }
    }
}
