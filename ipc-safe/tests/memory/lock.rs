//! Pages that stay in memory.

use crate::support::{has_capability, say};
use crate::tools::{become_nobody, fails, has_flag, isolated, limit, mappings, page, says, status};
use ipc_safe::error::ErrorKind::{OutOfMemory, PermissionDenied};
use ipc_safe::memory::{FileMapping, LockAll, MapOptions, PrivateMemory, SharedMemory, lock_all};

const CAP_IPC_LOCK: u32 = 14;

/// Bytes of this process that are locked.
fn locked() -> usize {
    status("VmLck") as usize * 1024
}

/// Whether a few pages may be locked; says so otherwise.
fn may_lock() -> bool {
    let may = PrivateMemory::new(16 * page()).unwrap().lock().is_ok();
    if !may {
        say("skipped: no page may be locked");
    }
    may
}

/// An ordinary user with this limit.
fn ordinary_with(bytes: usize) {
    limit(libc::RLIMIT_MEMLOCK, bytes as u64);
    become_nobody();
    assert!(!has_capability(CAP_IPC_LOCK));
}

#[test]
fn the_last_guard_unlocks() {
    isolated(|| {
        if !may_lock() {
            return;
        }
        let memory = MapOptions::new().guard_pages(true).private(3 * page() + 1).unwrap();
        let (first, second) = (memory.lock().unwrap(), memory.lock_on_fault().unwrap());
        assert_eq!(locked(), 4 * page(), "the guards stay out of it");
        drop(first);
        assert_eq!(locked(), 4 * page());
        drop(second);
        assert_eq!(locked(), 0);
        let again = memory.lock().unwrap();
        assert_eq!((locked(), memory.residency().unwrap()), (4 * page(), vec![true; 4]));
        drop(again);
    });
}

#[test]
fn releasing_unlocks_as_dropping_does() {
    isolated(|| {
        if !may_lock() {
            return;
        }
        let memory = PrivateMemory::new(page()).unwrap();
        let (one, other) = (memory.lock().unwrap(), memory.lock().unwrap());
        one.release().unwrap();
        assert_eq!(locked(), page());
        other.release().unwrap();
        assert_eq!(locked(), 0);
    });
}

#[test]
fn pages_are_locked_once_they_are_used() {
    isolated(|| {
        if !may_lock() {
            return;
        }
        let mut memory = PrivateMemory::new(4 * page()).unwrap();
        let guard = memory.lock_on_fault().unwrap();
        assert_eq!((locked(), memory.residency().unwrap()), (4 * page(), vec![false; 4]));
        drop(guard);
        memory[page()] = 1;
        let _guard = memory.lock_on_fault().unwrap();
        assert_eq!(memory.residency().unwrap(), [false, true, false, false]);
    });
}

/// What is locked for good once was unlocked by the first guard that came and went.
#[test]
fn what_is_locked_for_good_stays_locked() {
    isolated(|| {
        if !may_lock() {
            return;
        }
        let memory = MapOptions::new().lock(true).shared(4 * page()).unwrap();
        assert_eq!(locked(), 4 * page());
        drop(memory.lock().unwrap());
        assert_eq!(locked(), 4 * page());
        let (low, high) = memory.split_at(page()).unwrap();
        drop(low.lock().unwrap());
        drop(high.lock().unwrap());
        assert_eq!(locked(), 4 * page());
        let high = high.resize(2 * page()).unwrap();
        drop(high.lock().unwrap());
        drop(low);
        assert_eq!(locked(), 2 * page());
        drop(high);
        assert_eq!(locked(), 0);
    });
}

#[test]
fn locks_are_counted_whatever_threads_do() {
    isolated(|| {
        if !may_lock() {
            return;
        }
        let memory = SharedMemory::new(2 * page()).unwrap();
        for _ in 0..20 {
            std::thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| (0..50).for_each(|_| drop(memory.lock().unwrap())));
                }
            });
            assert_eq!(locked(), 0);
            let last = std::thread::scope(|scope| {
                let kept = scope.spawn(|| memory.lock().unwrap());
                (0..50).for_each(|_| drop(memory.lock().unwrap()));
                kept.join().unwrap()
            });
            assert_eq!(locked(), 2 * page(), "a guard is left");
            drop(last);
        }
    });
}

#[test]
fn a_limit_is_an_error_that_locks_nothing() {
    isolated(|| {
        ordinary_with(8 * page());
        let large = PrivateMemory::new(9 * page()).unwrap();
        says(large.lock(), "mlock2: ENOMEM: more than may be locked (RLIMIT_MEMLOCK), or a page cannot be had");
        fails(large.lock_on_fault(), OutOfMemory, libc::ENOMEM);
        assert_eq!(locked(), 0);
        let before = mappings();
        fails(MapOptions::new().lock(true).private(9 * page()), OutOfMemory, libc::ENOMEM);
        assert_eq!(mappings(), before, "nothing stays mapped");
        let small = PrivateMemory::new(8 * page()).unwrap();
        let guard = small.lock().unwrap();
        fails(large.lock(), OutOfMemory, libc::ENOMEM);
        assert_eq!(locked(), 8 * page());
        drop(guard);
        limit(libc::RLIMIT_MEMLOCK, 0);
        says(small.lock(), "mlock2: EPERM: RLIMIT_MEMLOCK is 0, and CAP_IPC_LOCK is missing");
        fails(lock_all(LockAll::Current, false), PermissionDenied, libc::EPERM);
    });
}

#[test]
fn a_locked_mapping_grows_up_to_the_limit() {
    isolated(|| {
        ordinary_with(8 * page());
        let memory = MapOptions::new().lock(true).private(4 * page()).unwrap();
        let memory = memory.resize(8 * page()).unwrap();
        assert_eq!(locked(), 8 * page());
        let rejected = memory.resize(9 * page()).unwrap_err();
        let text = "mremap of 36864 bytes: EAGAIN: more than may be locked (RLIMIT_MEMLOCK)";
        assert_eq!((rejected.error().kind(), page()), (OutOfMemory, 4096));
        assert_eq!(rejected.error().to_string(), text);
        assert_eq!((rejected.into_inner().len(), locked()), (8 * page(), 8 * page()));
    });
}

#[test]
fn what_cannot_be_had_cannot_be_locked() {
    isolated(|| {
        if !may_lock() {
            return;
        }
        let mapping = MapOptions::new().beyond_end(true).len(3 * page()).file(crate::tools::file(page())).unwrap();
        fails(mapping.lock(), OutOfMemory, libc::ENOMEM);
        assert_eq!(locked(), 0, "a lock that fails half way is undone");
        let _guard = mapping.lock_on_fault().unwrap();
        assert_eq!(locked(), 3 * page());
    });
}

#[test]
fn the_whole_process_is_locked_until_the_last_guard() {
    isolated(|| {
        if !has_capability(CAP_IPC_LOCK) {
            return say("skipped: CAP_IPC_LOCK is missing");
        }
        let memory = PrivateMemory::new(4 * page()).unwrap();
        let all = lock_all(LockAll::CurrentAndFuture, true).unwrap();
        assert!(locked() > 4 * page() && has_flag(memory.as_ptr(), "lo"));
        assert_eq!(memory.residency().unwrap(), [false; 4], "only once they are used");
        let future = PrivateMemory::new(page()).unwrap();
        assert!(has_flag(future.as_ptr(), "lo"));
        let second = lock_all(LockAll::Current, false).unwrap();
        assert_eq!(memory.residency().unwrap(), [true; 4]);
        drop(all);
        assert!(locked() > 4 * page());
        drop(second);
        assert_eq!(locked(), 0);
        assert!(!has_flag(PrivateMemory::new(page()).unwrap().as_ptr(), "lo"));
        let future = lock_all(LockAll::Future, false).unwrap();
        assert!(!has_flag(memory.as_ptr(), "lo") && has_flag(PrivateMemory::new(page()).unwrap().as_ptr(), "lo"));
        drop(future);
    });
}

/// A refused call once unlocked everything, as if it had been the last guard of a lock.
#[test]
fn locking_all_that_fails_unlocks_nothing() {
    isolated(|| {
        ordinary_with(8 * page());
        let memory = PrivateMemory::new(page()).unwrap();
        let _guard = memory.lock().unwrap();
        let error = fails(lock_all(LockAll::Current, false), OutOfMemory, libc::ENOMEM);
        assert_eq!((error.call(), locked()), ("mlockall", page()));
    });
}

#[test]
fn a_mapping_that_would_be_locked_above_the_limit_is_out_of_memory() {
    isolated(|| {
        ordinary_with(64 * page());
        let _future = lock_all(LockAll::Future, true).unwrap();
        let error = fails(PrivateMemory::new(1000 * page()), OutOfMemory, libc::EAGAIN);
        assert!(error.to_string().ends_with("more than may be locked (RLIMIT_MEMLOCK, mlockall)"), "{error}");
    });
}

#[test]
fn a_file_is_locked_as_anything_else() {
    isolated(|| {
        if !may_lock() {
            return;
        }
        let mapping = MapOptions::new().offset(10).file(crate::tools::file(2 * page())).unwrap();
        let guard = mapping.lock().unwrap();
        assert_eq!(locked(), 2 * page());
        mapping.write(0, b"locked").unwrap();
        drop(guard);
        let mapping: FileMapping = mapping.resize(100).unwrap();
        assert_eq!((locked(), mapping.load::<[u8; 6]>(0).unwrap()), (0, *b"locked"));
    });
}
