//! A whole program in a crate that forbids unsafe code: a record in a segment, the bytes behind it, a queue and a lock.
#![forbid(unsafe_code)]
#![deny(warnings)]

use ipc_safe::shared::{Sequenced, Shared};
use ipc_safe::sysv::{MessageQueue, MessageType, Segment, Selector, SemaphoreMutex, SemaphoreSet};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

ipc_safe::shm_safe! {
    /// A record of all kinds of fields.
    pub struct Progress {
        /// Items done.
        pub done: AtomicU64,
        /// Per worker.
        pub workers: [AtomicU32; 4],
        /// A value that is replaced as a whole.
        pub position: Sequenced<[f64; 3]>,
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let segment = Segment::private(4096)?;
    let ours = Shared::<Progress, _>::create(segment.attach()?, |progress| progress.done.store(1, Ordering::Relaxed))?;
    let theirs = Shared::<Progress, _>::open(segment.attach()?, Duration::from_secs(1))?;
    theirs.position.write(&[1.0, 2.0, 3.0]);
    theirs.workers[3].store(9, Ordering::Relaxed);
    theirs.tail().write(0, b"behind the record")?;
    assert_eq!(ours.position.read()?, [1.0, 2.0, 3.0]);
    assert_eq!((ours.done.load(Ordering::Relaxed), ours.workers[3].load(Ordering::Relaxed)), (1, 9));
    assert_eq!(ours.tail().slice(..6)?.to_vec(), b"behind");

    let set = SemaphoreSet::private(&[1])?;
    let guard = SemaphoreMutex::new(set.semaphore(0)).lock()?;
    let queue = MessageQueue::private()?;
    queue.send(MessageType::MIN, &7_u64)?;
    assert_eq!(queue.receive_value::<u64>(Selector::First)?.1, 7);
    guard.release()?;
    Ok(())
}
