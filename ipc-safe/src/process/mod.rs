//! Which process this is: fork generations; whether another process lives; what happened to children.
//!
//! [`Children`] waits for some of them; [`signal::Reaper`](crate::signal::Reaper) looks after many.
//!
//! A guard for something that the whole system shares (an object's removal, a semaphore unit) must act in the process that
//! made it and not in a forked copy. The process id cannot tell: it comes back in nested pid namespaces, and asking for it
//! is a system call. [`Generation`] can: it is a word in a page that the kernel clears in every forked child.
//!
//! ```
//! use ipc_safe::process::Generation;
//!
//! let made_in = Generation::current();
//! assert!(made_in.is_current()); // and false in a child that `fork` makes from here
//! ```

mod child_status;
mod children;
mod generation;
mod identity;
mod pid;
mod raw;

pub use child_status::ChildStatus;
pub use children::{ChildEvent, Children};
pub use generation::Generation;
#[cfg(feature = "testing")]
pub(crate) use identity::parse_stat;
pub(crate) use identity::{Identity, State, namespace};
pub(crate) use pid::from_status;
pub use pid::{Pid, getpid, is_alive, release_memory};
