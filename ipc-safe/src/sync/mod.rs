//! Locks, events and their like in shared memory, for threads of one process or of several.
//!
//! Each is a record of one or a few words ([`ShmSafe`](crate::shared::ShmSafe)) that lies in a
//! [`Shared`](crate::shared::Shared) over any region, or as a field of a structure there. All-zero memory is a valid one in
//! its first state. The words are futexes: what is not contended makes no system call, and what waits sleeps in the kernel.
//!
//! ```
//! use ipc_safe::memory::MapOptions;
//! use ipc_safe::shared::{Shared, SharedCell};
//! use ipc_safe::sync::Mutex;
//!
//! ipc_safe::shm_safe! {
//!     /// What the processes share.
//!     pub struct Account {
//!         balance: Mutex<SharedCell<u64>>,
//!     }
//! }
//!
//! let memory = MapOptions::new().shared(4096)?;
//! let account = Shared::<Account, _>::bare(memory)?;
//! account.balance.lock().update(|cents| cents + 1);
//! # Ok::<(), ipc_safe::Error>(())
//! ```
//!
//! # What a hostile process can do
//!
//! Whoever can write the memory can write the words. It can make a call wait, time out, fail or succeed when it should not;
//! the data may then be changed by several at once and be garbage. It is never undefined behaviour: no word holds a pointer,
//! a length or an index that is used without a check, and a lock never lends `&mut`.
//!
//! # Death
//!
//! [`Mutex`] is not robust: a process that dies while it holds one leaves it locked. [`RobustMutex`] is. So is one of the C
//! library, for programs that have it already: [`interop`].

mod barrier;
mod condvar;
mod event_auto;
mod event_manual;
pub mod interop;
mod locked;
#[cfg(test)]
pub(crate) mod models;
mod mutex;
mod once;
mod ownership;
mod robust_mutex;
mod rwlock;
mod semaphore;
mod sequence_lock;
mod word;

pub use barrier::{Barrier, BarrierWaitResult};
pub use condvar::{Condvar, WaitGuard};
pub use event_auto::AutoResetEvent;
pub use event_manual::ManualResetEvent;
pub use locked::{Locked, OwnerDied};
pub use mutex::{Mutex, MutexGuard};
pub use once::Once;
pub use robust_mutex::{RobustMutex, RobustMutexGuard};
pub use rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
pub use semaphore::{Semaphore, SemaphorePermit};
pub use sequence_lock::{SequenceLock, SequenceLockGuard};
pub(crate) use word::Word;
