//! Mapped memory: private, shared, of files and of objects in memory.
//!
//! | what | type | used as |
//! |---|---|---|
//! | anonymous memory of this process | [`PrivateMemory`] | `&[u8]`, `&mut [u8]` |
//! | anonymous memory that forked children share | [`SharedMemory`] | [`SharedBytes`](crate::shared::SharedBytes), [`Shared`](crate::shared::Shared) |
//! | anonymous memory that a forked child finds zeroed | [`WipedMemory`] | as above |
//! | a memfd that cannot shrink ([`FixedMemfd`]) | [`SharedMemory`] | as above |
//! | a memfd that nobody can write ([`FrozenMemfd`]) | [`FrozenMemory`] | `&[u8]` |
//! | a file, a [`Memfd`] that can shrink, a [`PosixObject`] | [`FileMapping`] | copies that fail where the file ends |
//! | private, shared or wiped memory with a [`ProtectionKey`] | [`KeyedMemory`] | copies by a thread that holds an access |
//!
//! Each is a [`Mapping`], unmapped when dropped, whose rights are a type: [`ReadWrite`], [`ReadOnly`], [`ReadExecute`],
//! [`NoAccess`], [`CopyOnWrite`]. [`MapOptions`] has the extras.
//!
//! ```
//! use ipc_safe::memory::{FixedMemfd, Memfd};
//! use std::os::fd::OwnedFd;
//!
//! let memfd = Memfd::options().create(4096)?.fix()?;
//! let ours = memfd.map()?;
//! ours.bytes().write(0, b"hello")?;
//!
//! // The descriptor goes to another process, which believes only what the seals say:
//! let received: OwnedFd = memfd.into();
//! let theirs = FixedMemfd::try_from(received)?.map_read_only()?;
//! assert_eq!(theirs.bytes().load::<[u8; 5]>(0)?, *b"hello");
//! # Ok::<(), ipc_safe::Error>(())
//! ```
//!
//! # Where memory ends
//!
//! A page that cannot be had is a signal (SIGBUS) at the access, in whatever function that is. That is why objects that can
//! shrink, because somebody truncates them, or run out, because they are of huge pages, have no views: a
//! [`FileMapping`] reads with `pread` and writes with `process_vm_writev`, which report it. Space of new objects is reserved
//! when they are made, so that a full memory is an error there.
//!
//! [mmap(2)](https://man7.org/linux/man-pages/man2/mmap.2.html)

mod advice;
pub mod backing;
mod file;
mod flush;
mod keyed_memory;
mod lock;
mod mapping;
mod memfd;
mod object;
mod options;
mod posix;
mod process;
mod protection;
mod protection_key;
mod raw;
mod seals;

pub use advice::{Advice, Hazard};
pub use flush::Flushable;
pub use keyed_memory::{KeyedAccess, KeyedMemory};
pub use lock::{LockAll, LockedAll, LockedPages, lock_all};
pub use mapping::{FileMapping, FrozenMemory, Mapping, PrivateMemory, SharedMemory, WipedMemory};
pub use memfd::{FixedMemfd, FrozenMemfd, Memfd, MemfdOptions};
pub use options::MapOptions;
pub use posix::{OwnedPosixObject, PosixObject, PosixOptions};
pub use process::{RemoteAdvice, advise_process};
pub use protection::{CopyOnWrite, NoAccess, Protection, ReadExecute, Readable, Rights, Writable};
pub use protection_key::{KeyRights, Keyable, ProtectionKey};
pub use seals::Seals;

pub use crate::shared::{ReadOnly, ReadWrite};
