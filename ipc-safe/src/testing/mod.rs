//! Tools for tests of programs that use IPC. With the feature `testing`; not for what is shipped, unless that is a
//! tool for tests or tracing itself, as `ipc run` is.
//!
//! | what for | by |
//! |---|---|
//! | a test that disturbs nobody: System V objects, limits | [`isolated`], [`in_ipc_namespace`] |
//! | a test that is alone in its process: signals, descriptors, everything below | [`in_process`] |
//! | a closure in a forked child, whose result or panic comes back | [`fork`] |
//! | what is left behind, in words | [`Snapshot`], [`Difference`], [`LeakGuard`] |
//! | what hangs, and where | [`Watchdog`] |
//! | calls that fail, the nth or all, with any error number | [`Faults`], [`refuse`] |
//! | something that happens just before a call | [`intercept`] |
//! | what the kernel ought to answer | [`model`] |
//!
//! A test of what a program does when the kernel is out of memory just then, and that it leaves nothing behind:
//!
//! ```
//! use ipc_safe::error::{Errno, ErrorKind};
//! use ipc_safe::sysv::Segment;
//! use ipc_safe::testing::{Faults, LeakGuard, Occurrence, Resources, Snapshot, isolated};
//!
//! let isolation = isolated(|| {
//!     let _guard = LeakGuard::of(Snapshot::options().only(Resources::THREAD)).unwrap();
//!     let faults = Faults::new().fail("shmat", Errno::NOMEM, Occurrence::Nth(1)).unwrap();
//!     let failed = faults.run(|| Segment::private(100).unwrap().attach().unwrap_err()).unwrap();
//!     assert_eq!(failed.into_value().kind(), ErrorKind::OutOfMemory);
//! });
//! println!("{isolation}");
//! ```
//!
//! Namespaces, filters and children need no rights on most systems. Where a system forbids them, the outcome says so: a test can
//! print why it was skipped, but never believe that it ran.
//!
//! Not for measuring: a call that is asked about takes some ten microseconds more.

mod call;
mod children;
mod descriptors;
mod difference;
mod faults;
mod filter;
mod fork;
mod intercept;
#[doc(hidden)]
pub mod internals;
mod isolation;
mod leak_guard;
mod mappings;
pub mod model;
mod objects;
mod paths;
mod proc;
mod raw;
mod signals;
mod snapshot;
mod status;
mod threads;
mod timers;
mod transfer;
mod watchdog;

pub use call::{CallRule, SystemCall};
pub use difference::{Change, Difference};
pub use faults::{Faults, Injected, Occurrence, refuse};
pub use fork::{ChildFailure, Forked, fork};
pub use intercept::{Answer, Call, intercept};
pub use isolation::{Isolation, in_ipc_namespace, in_process, isolated};
pub use leak_guard::LeakGuard;
pub use snapshot::{Resources, Snapshot, SnapshotOptions};
pub use transfer::Transfer;
pub use watchdog::{Hang, Watchdog};
