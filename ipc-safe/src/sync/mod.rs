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
//! | record | what it is for | when a holder dies |
//! |---|---|---|
//! | [`Mutex`] | one at a time | stays locked |
//! | [`RobustMutex`] | one at a time | the next one learns of it |
//! | [`RwLock`] | many readers or one writer | stays locked |
//! | [`Semaphore`] | so many at a time, or so much to do | its units are lost |
//! | [`AutoResetEvent`], [`ManualResetEvent`] | something has happened: for one, for all | nobody holds it |
//! | [`Condvar`] | what a mutex guards has changed | up to the mutex |
//! | [`Barrier`] | all are there | counts as one that has come |
//! | [`Once`] | initialisation | the next one initialises |
//! | [`SequenceLock`] | a small value with readers that never wait | the last value stays, the lock is free |
//!
//! An operation that may wait has the crate's forms: plain, `try_`, `_timeout`, `_interruptible`; the robust mutex, and what
//! rests on it, has no interruptible one.
//!
//! # What a hostile process can do
//!
//! Whoever can write the memory can write the words. It can make a call wait, time out, fail or succeed when it should not;
//! the data may then be changed by several at once and be garbage. It is never undefined behaviour: no word holds a pointer,
//! a length or an index that is used without a check, and a lock never lends `&mut`.
//!
//! # Death
//!
//! Only [`RobustMutex`] and what rests on it, [`Once`] and [`SequenceLock`], recover from the death of a holder; the others
//! stay as they are. Who is killed while it only waits holds nobody up, with one exception: killed just when it is woken, it
//! can take the wake-up with it, and others who sleep there learn only of the next one. A robust mutex of the C library serves programs that have it already: [`interop`].

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
