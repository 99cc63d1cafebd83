//! Locked pages that somebody else's failure unlocks.

use crate::support::{fork, watchdog};
use crate::tools::before_each;
use ipc_safe::error::ErrorKind;
use ipc_safe::memory::{Advice, LockAll, PrivateMemory, lock_all};

/// The kernel takes this advice for any ordinary page but a locked one.
fn is_locked(memory: &PrivateMemory) -> bool {
    memory.advise(Advice::Cold).is_err()
}

/// Locking everything, in vain, does not unlock what another guard holds.
#[test]
fn a_failed_lock_of_everything_unlocks_nothing() {
    fork(|| {
        let limit = libc::rlimit { rlim_cur: 65536, rlim_max: 65536 };
        // SAFETY: lowers a limit of the child, and gives up the rights that it would not count for.
        unsafe {
            assert_eq!(libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const limit), 0);
            libc::syscall(libc::SYS_setresuid, 65534, 65534, 65534);
        }
        let memory = PrivateMemory::new(4096).unwrap();
        let guard = memory.lock().unwrap();
        assert!(is_locked(&memory));
        let error = lock_all(LockAll::Current, false).unwrap_err();
        assert_eq!((error.kind(), error.call()), (ErrorKind::OutOfMemory, "mlockall"));
        assert!(is_locked(&memory));
        drop(guard);
        assert!(!is_locked(&memory));
        0
    })
    .succeed();
}

/// A guard that was forgotten keeps the pages locked as long as they are mapped, and no longer.
#[test]
fn a_forgotten_guard_locks_until_the_end_of_the_mapping() {
    let memory = PrivateMemory::new(4096).unwrap();
    std::mem::forget(memory.lock().unwrap());
    drop(memory.lock().unwrap());
    assert!(is_locked(&memory));
    let address = memory.as_ptr().addr();
    drop(memory);
    let again = ipc_safe::memory::MapOptions::new().address(address).private(4096);
    // Another thread may have taken the place meanwhile.
    if let Ok(again) = again {
        assert!(!is_locked(&again));
    }
}

/// Pages that one thread locks while another one's guard is just being dropped are locked.
#[test]
fn a_lock_taken_while_another_one_ends_holds() {
    let _watchdog = watchdog();
    let memory = PrivateMemory::new(4096).unwrap();
    let mut guard = None;
    before_each(&[libc::SYS_munlock], |_| guard = Some(memory.lock().unwrap()), || drop(memory.lock().unwrap()));
    assert!(is_locked(&memory));
    drop(guard);
    assert!(!is_locked(&memory));
}
