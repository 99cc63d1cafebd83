//! What fails half way leaves nothing behind, and what is dropped leaves no trace, not even in `errno`.

use crate::tools::{descriptors, errno, file, isolated, limit, mappings, name, page, reopened};
use ipc_safe::memory::{
    FileMapping, FixedMemfd, FrozenMemfd, MapOptions, Memfd, PosixObject, PrivateMemory, SharedMemory,
};
use std::os::fd::{AsFd, OwnedFd};

/// Calls `make` until what it costs once is paid, and then again: nothing more may be open, mapped or named.
#[track_caller]
fn leaves_nothing<T, E>(what: &str, make: impl Fn() -> Result<T, E>) {
    let state =
        || (descriptors(), mappings(), PosixObject::list().unwrap().into_iter().filter(|name| mine(name)).count());
    for _ in 0..3 {
        assert!(make().is_err(), "{what} succeeded");
    }
    let before = state();
    for _ in 0..20 {
        assert!(make().is_err(), "{what} succeeded");
    }
    assert_eq!(state(), before, "{what}");
}

fn mine(name: &str) -> bool {
    name.ends_with(&format!("-{}", std::process::id()))
}

#[test]
fn a_constructor_that_fails_leaves_nothing() {
    isolated(|| {
        let new = MapOptions::new();
        let (file, guarded) = (file(100), new.guard_pages(true));
        let (reads, writes) = (reopened(&file, libc::O_RDONLY), reopened(&file, libc::O_WRONLY));
        let taken = PrivateMemory::new(page()).unwrap();
        let memfd = Memfd::options().create(100).unwrap().fix().unwrap();
        leaves_nothing("a private mapping too large", || guarded.private(1 << 50));
        leaves_nothing("a shared mapping too large", || guarded.shared(1 << 50));
        leaves_nothing("an address that is taken", || new.address(taken.as_ptr().addr()).private(1));
        leaves_nothing("a guarded address that is taken", || guarded.address(taken.as_ptr().addr()).private(1));
        leaves_nothing("a file not open for writing", || new.file(&reads));
        leaves_nothing("a guarded file not open for writing", || guarded.file(&reads));
        leaves_nothing("a guarded file not open for reading", || guarded.file_read_only(&writes));
        leaves_nothing("a range past the end", || new.offset(1).len(100).file(&file));
        leaves_nothing("a memfd past its end", || new.len(101).fixed(&memfd));
        leaves_nothing("a memfd too large", || Memfd::options().create(1 << 50));
        leaves_nothing("a name too long", || Memfd::options().name("x".repeat(300)).create(1));
        leaves_nothing("a descriptor that is no memfd", || {
            FixedMemfd::try_from(OwnedFd::from(file.try_clone().unwrap()))
        });
        leaves_nothing("a memfd without the seal", || {
            FrozenMemfd::try_from(memfd.as_fd().try_clone_to_owned().unwrap())
        });
        leaves_nothing("an object too large", || {
            PosixObject::options().create_new(true).open(&name("too-large"), 1 << 50)
        });
        let there = PosixObject::options().create_new(true).open(&name("there"), 10).unwrap().into_owned();
        leaves_nothing("an object that is there", || PosixObject::options().create_new(true).open(&name("there"), 10));
        leaves_nothing("an object that is not there", || PosixObject::open(&name("not-there")));
        drop(there);
        crate::tools::become_nobody();
        limit(libc::RLIMIT_MEMLOCK, 0);
        leaves_nothing("a lock that is not allowed", || guarded.lock(true).private(page()));
        leaves_nothing("a locked file", || guarded.lock(true).file(&file));
        leaves_nothing("a lock for a while", || taken.lock());
    });
}

#[test]
fn what_succeeds_and_is_dropped_leaves_nothing() {
    isolated(|| {
        let file = file(3 * page());
        let round = || {
            let guarded = MapOptions::new().guard_pages(true);
            let (low, high) = guarded.private(3 * page()).unwrap().split_at(page()).unwrap();
            drop(low.protect::<ipc_safe::memory::ReadOnly>().unwrap());
            drop(high);
            drop(guarded.offset(10).file(&file).unwrap().split_at(page() - 10).unwrap());
            drop(SharedMemory::new(10).unwrap().resize(page()).unwrap());
            let memfd = Memfd::options().create(10).unwrap().fix().unwrap();
            drop((memfd.map().unwrap(), memfd.map_read_only().unwrap()));
            drop(memfd.freeze().unwrap().map().unwrap());
            let object = PosixObject::options().create_new(true).open(&name("round"), 10).unwrap().into_owned();
            drop((object.map().unwrap(), object));
        };
        round();
        round();
        let before = (descriptors(), mappings());
        (0..20).for_each(|_| round());
        assert_eq!((descriptors(), mappings()), before);
        assert!(!PosixObject::list().unwrap().iter().any(|name| mine(name)));
    });
}

#[test]
fn dropping_keeps_errno() {
    isolated(|| {
        let file = file(10);
        let object = PosixObject::options().create_new(true).open(&name("errno"), 10).unwrap().into_owned();
        PosixObject::unlink(&name("errno")).unwrap();
        let (private, mapping) = (PrivateMemory::new(10).unwrap(), FileMapping::new(&file).unwrap());
        let shared = SharedMemory::new(10).unwrap();
        let memfd = Memfd::options().create(10).unwrap();
        let locked = shared.lock().ok();
        let all = ipc_safe::memory::lock_all(ipc_safe::memory::LockAll::Current, true).ok();
        assert!(std::fs::metadata("/no/such/file").is_err());
        let before = errno();
        drop(locked);
        drop((all, object, private, mapping, memfd));
        assert_eq!((errno(), before), (libc::ENOENT, libc::ENOENT));
        drop(shared);
        assert_eq!(errno(), libc::ENOENT);
    });
}
