//! System V message queues, semaphore sets and shared memory segments.
//!
//! Three kinds of objects that live in the kernel, outlive the processes that use them, and are found by a [`Key`] or passed
//! on by id:
//!
//! | object | what it is for | handle |
//! |---|---|---|
//! | queue | messages with borders and types | [`MessageQueue`] |
//! | set | counters to wait for: locks, signals, pools | [`SemaphoreSet`], [`Semaphore`] |
//! | segment | memory that several processes map | [`Segment`], [`Attachment`] |
//!
//! Handles are ids: cheap to copy, nothing happens when they are dropped. [`Owned`] removes the object, guards
//! ([`Attachment`], [`SemaphoreGuard`]) undo one thing.
//!
//! ```
//! use ipc_safe::sysv::{MessageQueue, MessageType, Segment, Selector, SemaphoreMutex, SemaphoreSet};
//!
//! // The blackboard: a segment carries the text, a semaphore guards it, a queue says that there is something to read.
//! let segment = Segment::private(1024)?;
//! let set = SemaphoreSet::private(&[1])?;
//! let queue = MessageQueue::private()?;
//!
//! let board = segment.attach()?;
//! let mutex = SemaphoreMutex::new(set.semaphore(0));
//! {
//!     let _guard = mutex.lock()?;
//!     board.bytes().write(0, b"hello")?;
//! }
//! queue.send(MessageType::MIN, "r")?;
//!
//! // The reader, usually another process:
//! let (_, notice) = queue.receive_value::<u8>(Selector::First)?;
//! assert_eq!(notice, b'r');
//! let _guard = mutex.lock()?;
//! assert_eq!(board.bytes().slice(..5)?.to_vec(), b"hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Not for: waiting on several things at once (these objects have no descriptors; their timed forms are what there is), or
//! talking to other machines.
//!
//! [sysvipc(7)](https://man7.org/linux/man-pages/man7/sysvipc.7.html)

mod attachment;
mod buffer;
mod fault;
mod key;
mod message;
mod operations;
mod owned;
mod permissions;
pub mod procfs;
mod queue;
mod queue_status;
mod raw;
mod receive_error;
mod segment;
mod segment_status;
mod semaphore;
mod semaphore_event;
mod semaphore_guard;
mod semaphore_mutex;
mod set;
mod set_status;
mod time;

pub use attachment::{AttachOptions, Attachment, ReadOnlyAttachment};
pub use buffer::{Destination, MessageBuffer, Truncating};
pub use key::Key;
#[cfg(feature = "testing")]
pub(crate) use key::formula as file_key;
pub use message::{Message, MessageType, Selector};
pub use operations::Operations;
pub use owned::{Handle, Owned};
pub use permissions::Permissions;
pub use queue::{MessageQueue, Messages, QueueOptions};
pub use queue_status::{QueueLimits, QueueStatus, QueueUsage};
pub use receive_error::ReceiveError;
pub use segment::{HugePages, Segment, SegmentOptions};
pub use segment_status::{SegmentLimits, SegmentStatus, SegmentUsage};
pub use semaphore::Semaphore;
pub use semaphore_event::SemaphoreEvent;
pub use semaphore_guard::SemaphoreGuard;
pub use semaphore_mutex::SemaphoreMutex;
pub use set::{SemaphoreSet, SetOptions};
pub use set_status::{SetLimits, SetStatus, SetUsage};
