//! Safe Linux inter-process communication.
//!
//! The objects by which processes on one machine talk to each other, as values with owners: what has to be undone is a guard,
//! what other processes can change is never lent as if they could not, and an error says what was tried, why it failed and
//! what to do.
//!
//! ```
//! use ipc_safe::sysv::{MessageQueue, MessageType, Selector};
//!
//! let queue = MessageQueue::private()?; // removed with this value
//! queue.send(MessageType::new(1).unwrap(), "a message")?;
//! let mut text = Vec::new();
//! queue.receive(Selector::First, &mut text)?;
//! assert_eq!(text, b"a message");
//! # Ok::<(), ipc_safe::Error>(())
//! ```
//!
//! | area | what it holds |
//! |---|---|
//! | [`error`] | one error type, its kinds, the names of error numbers |
//! | [`process`] | fork generations, whether a process lives, waiting for children |
//! | [`shared`] | memory that others write: bytes, plain values, records of atomics |
//! | [`sysv`] | System V message queues, semaphore sets, shared memory segments, their listing and limits |
//! | [`memory`] | mappings of private memory, shared memory, files, memfds with their seals, POSIX shared memory objects |
//! | [`signal`] | signals, sets, masks, waiting, descriptors, sending, handlers, reaping children |
//! | [`timer`] | the alarm, interval timers, POSIX timers |
//! | [`pipe`] | pipes and FIFOs: ends that say how long they wait, atomic writes, packets, splices |
//! | [`command`] | programs that are talked to: their output or input, pipelines, coprocesses |
//! | [`socket`] | local sockets: streams, datagrams and packets, with descriptors and credentials; frames |
//! | [`sync`] | locks and events in shared memory, among them one that survives the death of its holder |
//! | [`channel`] | messages and values from one process to another, through shared memory |
//! | `testing` | with the feature of that name, for tests: isolation, leaks, watchdogs, faults, reference models |
//!
//! Each rests only on those above it. The raw calls are in [`sys`].
//!
//! # Rules
//!
//! - **No safe call causes undefined behaviour**, whatever other threads, forked children or hostile processes do to the
//!   shared object. They can make a call fail, return garbage, wait or time out. Only who may trace this process or is root
//!   is trusted.
//! - **Handles, owners, guards.** A handle names a kernel object, is cheap to copy and does nothing when dropped. An
//!   [`Owned`](sysv::Owned) handle removes the object when dropped. A guard undoes one thing. Dropping never panics, never
//!   waits without bound, keeps `errno` and is silent when the object is gone; who wants the error calls the method that
//!   consumes the value.
//! - **Fork.** Copies of guards in a forked child undo what the child has its own copy of (an attachment), and leave alone
//!   what is the parent's (an object, units of a semaphore).
//! - **Waiting.** An operation that may wait has four forms: plain, `try_`, `_timeout`, `_interruptible`. Only the last one
//!   lets a signal handler end it; the others go on, for the time that remains, and take effect exactly once.
//! - **Opening** follows [`std::fs::OpenOptions`]. The default mode is 0600.
//! - **Bad input** is an error before the call where the kernel would do harm or be silent, and the kernel's own error
//!   otherwise.
//!
//! # Where the kernel leaves a choice
//!
//! - A timed wait on a message queue has no system call. It is made of attempts without waiting, with pauses that grow to a
//!   millisecond. A timer and a signal would be exact, but a library has no signal of its own to use; a helper thread blocked
//!   in the real call could take a message out just when nobody wants it any more.
//! - A segment made with `SHM_NORESERVE` counts as memory that does not fault. The kernel does not tell whether an existing
//!   segment is one, so there would be no way to refuse it, and there is no need: under `vm.overcommit_memory` 0 and 1 its
//!   pages are given like any other, under 2 the flag is ignored when the segment is made. Only root could make the
//!   difference, by switching to 2 afterwards. Segments of huge pages do fault when the pool is empty; they are recognised
//!   when attached and refused.
//! - Whether a process is the one that made a guard is told by a word in a page that the kernel clears in a forked child.
//!   Where the kernel refuses that page, the process id has to do.
//! - [`Shared::tail`](shared::Shared::tail) serves what a separate type for "a record followed by bytes" would: the record's
//!   end is known from its type, so that every record can lend the bytes behind it.

#![deny(unsafe_code)]

pub mod channel;
pub mod command;
pub mod error;
pub mod memory;
mod names;
pub mod pipe;
pub mod process;
pub mod shared;
pub mod signal;
pub mod socket;
pub mod sync;
pub mod sysv;
#[cfg(feature = "testing")]
pub mod testing;
pub mod timer;
mod wait;

pub use error::{Error, Result};
pub use ipc_sys as sys;

/// The programs of the two READMEs, run as tests. The project's is here by a link, so that the package has it.
#[cfg(doctest)]
mod readme {
    #[doc = include_str!("../tests/project.md")]
    struct OfTheProject;

    #[doc = include_str!("../README.md")]
    struct OfTheCrate;
}
