//! Memory that other processes write, and what can be done with it without undefined behaviour.
//!
//! A `&[u8]` promises that its bytes do not change. Memory that another process has mapped cannot keep that promise, so no
//! safe call of this crate lends one into it. What there is instead:
//!
//! - [`Region`]: the memory itself. An [`Attachment`](crate::sysv::Attachment) is one; you can bring your own.
//! - [`SharedBytes`]: a view that copies bytes in and out at the speed of `memcpy`, and plain values with
//!   [`load`](SharedBytes::load) and [`store`](SharedBytes::store).
//! - [`OwnedBytes`]: the same as an owned value without a lifetime, for threads and structures.
//! - [`Shared<T>`](Shared): a record made of atomics (see [`ShmSafe`]) that lies in the memory and is used by reference.
//! - [`SharedCell<P>`](SharedCell): a plain value in such a record, read and replaced by copy: what a lock guards.
//! - [`Sequenced<P>`](Sequenced): a plain value that readers always see whole, without a lock.
//!
//! ```
//! use ipc_safe::sysv::Segment;
//!
//! let segment = Segment::private(4096)?;
//! let attachment = segment.attach()?;
//! let bytes = attachment.bytes();
//! bytes.write(0, b"hello")?;
//! assert_eq!(bytes.slice(0..5)?.to_vec(), b"hello");
//! # Ok::<(), ipc_safe::Error>(())
//! ```
//!
//! # The model
//!
//! To the language, another process is a thread that may write any byte of the region at any time with relaxed atomic byte
//! stores. Races with those are not undefined as long as this side uses atomic accesses too, and as long as two accesses
//! that race have the same size. From this follow the rules of the area:
//!
//! 1. **Bytes are copied as relaxed atomic byte accesses in no stated order.** Reads are followed by an acquire fence, writes
//!    preceded by a release fence, so that data and an atomic flag (or a system call) can be combined as usual. On x86-64 and
//!    aarch64 the copy is written in assembly, for which "every byte is one relaxed atomic access" is the story that the
//!    abstract machine is told; elsewhere, under Miri, when fuzzing, and with `--cfg ipc_safe_no_asm` (sanitizers do not see
//!    assembly), it is that loop.
//! 2. **One layout a region.** A region is used as bytes, or consumed into [`Shared<T>`](Shared), whose atomics have sizes of
//!    their own; the bytes behind the record ([`Shared::tail`]) do not overlap it. Two mappings of one object in one process
//!    are two regions at different addresses: they may disagree for a moment, they are never undefined.
//! 3. **No length, index or offset comes from shared memory without a check.** Every range is checked against the length
//!    that the region was mapped with.
//! 4. **Every bit pattern is valid** for what is read: `u8`, [`Plain`] values, atomics of integers.
//! 5. **Read-only memory lends no reference to an atomic**: a compare-exchange on it would be a crash.
//! 6. **A region cannot fault while it lives.** Objects that another process can shrink, and huge pages that can run out, are
//!    not regions.
//!
//! Torn values are possible wherever two processes write without agreement; they are garbage, never undefined behaviour.

mod bytes;
mod cell;
mod copy;
mod cursor;
mod object;
mod owned;
mod plain;
mod region;
mod sequenced;
mod shm_safe;
mod tail;

pub use bytes::SharedBytes;
pub(crate) use bytes::bounds;
pub use cell::SharedCell;
pub use cursor::SharedCursor;
pub use object::Shared;
pub use owned::OwnedBytes;
pub use plain::Plain;
pub use region::{Access, ReadOnly, ReadWrite, Region};
pub use sequenced::{Busy, Sequenced};
pub use shm_safe::ShmSafe;
#[doc(hidden)]
pub use shm_safe::{layout_of_field, layout_of_record};
pub(crate) use tail::Tail;

/// For `shm_safe!`: where it is used, the name `core` may mean something else.
#[doc(hidden)]
pub use core as core_reexport;

pub use zerocopy;
