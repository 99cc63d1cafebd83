//! Which process this is: fork generations, and whether another process lives.
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
mod generation;
mod pid;
mod raw;

pub use child_status::ChildStatus;
pub use generation::Generation;
pub(crate) use pid::from_status;
pub use pid::{Pid, getpid, is_alive};
