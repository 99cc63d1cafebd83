//! Copies of owners and guards in forked children.

use crate::support::{fork, watchdog};
use ipc_safe::memory::{Advice, PosixObject, PrivateMemory};
use ipc_safe::sysv::{MessageQueue, Segment, SemaphoreSet};

/// Whatever a child, its child, and a child of another thread drop: the parent's objects, units and locks stay, once each.
///
/// R-SEM-09
#[test]
fn no_copy_undoes_what_is_the_parents() {
    let _watchdog = watchdog();
    // A process of its own: children of other tests would have copies of its attachment, which count.
    fork(|| {
        drop_copies();
        0
    })
    .succeed();
}

fn drop_copies() {
    let name = format!("/ipc-safe-attacks-fork-{}", std::process::id());
    let everything = || {
        let (queue, segment) = (MessageQueue::private().unwrap(), Segment::private(4096).unwrap());
        let set = SemaphoreSet::private(&[5]).unwrap();
        let guard = set.semaphore(0).acquire(2).unwrap();
        let object = PosixObject::options().create_new(true).open(&name, 1).unwrap().into_owned();
        (queue, segment.attach().unwrap(), segment, guard, set, object)
    };
    let all = everything();
    let (queue, segment, set) = (*all.0, *all.2, *all.4);
    let memory = PrivateMemory::new(4096).unwrap();
    let lock = memory.lock().unwrap();

    let all = fork_and_drop(all, 2);

    assert_eq!(set.values().unwrap(), [3]);
    assert!(queue.status().is_ok());
    assert_eq!(segment.status().unwrap().attachments, 1);
    assert!(PosixObject::open(&name).is_ok());
    assert!(memory.advise(Advice::Cold).is_err(), "not locked any more");
    drop(lock);

    let (queue_owner, attachment, segment_owner, guard, set_owner, object) = all;
    drop(guard);
    assert_eq!(set.values().unwrap(), [5]);
    drop((queue_owner, attachment, segment_owner, set_owner, object));
    assert!(queue.status().unwrap_err().is_removed() && segment.status().unwrap_err().is_removed());
    assert!(PosixObject::open(&name).is_err());
}

/// Drops `value` in a child and in its children, and gives it back in the parent.
fn fork_and_drop<T>(value: T, depth: u32) -> T {
    let mut value = Some(value);
    fork(|| {
        if depth > 0 {
            value = value.take().map(|value| fork_and_drop(value, depth - 1));
        }
        drop(value.take());
        0
    })
    .succeed();
    value.expect("the parent's is still there")
}

/// A child's own guards are its own, also after it dropped those that it inherited, and whoever asked first for the
/// generation.
#[test]
fn a_childs_own_guards_act_once() {
    let _watchdog = watchdog();
    let set = SemaphoreSet::private(&[5]).unwrap();
    let handle = *set;
    let inherited = set.semaphore(0).acquire(1).unwrap();
    let from_a_thread = std::thread::scope(|scope| {
        scope
            .spawn(|| {
                fork(|| {
                    let own = handle.semaphore(0).acquire(2).unwrap();
                    let queue = MessageQueue::private().unwrap();
                    let id = *queue;
                    fork(|| {
                        drop(handle.semaphore(0).acquire(1).unwrap());
                        0
                    })
                    .succeed();
                    assert_eq!(handle.values().unwrap(), [2]);
                    drop((own, queue));
                    assert!(id.status().unwrap_err().is_removed());
                    0
                })
            })
            .join()
            .unwrap()
    });
    from_a_thread.succeed();
    assert_eq!(handle.values().unwrap(), [4]);
    inherited.release().unwrap();
    assert_eq!(handle.values().unwrap(), [5]);
}

/// A child that dies with a guard, or execs with it and dies, gives the units back once.
#[test]
fn units_of_a_child_that_dies_come_back_once() {
    let _watchdog = watchdog();
    let set = SemaphoreSet::private(&[3]).unwrap();
    let handle = *set;
    fork(|| {
        std::mem::forget(handle.semaphore(0).acquire(2).unwrap());
        0
    })
    .succeed();
    assert_eq!(set.values().unwrap(), [3]);
    fork(|| {
        use std::os::unix::process::CommandExt;
        let _guard = handle.semaphore(0).acquire(2).unwrap();
        let error = std::process::Command::new("true").exec();
        panic!("exec: {error}");
    })
    .succeed();
    assert_eq!(set.values().unwrap(), [3]);
}
