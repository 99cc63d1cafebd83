//! A system that refuses calls, and signals that come all the time.

use crate::support::{fork, watchdog};
use crate::tools::{errno, interrupt_above, refuse, set_errno, signals_every};
use ipc_safe::error::{Errno, ErrorKind};
use ipc_safe::memory::{FixedMemfd, Memfd};
use ipc_safe::sysv::{Key, MessageQueue, Segment, SemaphoreSet};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// Where System V calls are refused, whatever the number, looking for a free key ends.
#[test]
fn a_random_key_is_not_looked_for_without_end() {
    let _watchdog = watchdog();
    for number in [libc::EPERM, libc::EACCES, libc::ENOSYS, libc::EINVAL] {
        fork(|| {
            refuse(&[libc::SYS_msgget, libc::SYS_semget, libc::SYS_shmget], number);
            let error = Key::random().unwrap_err();
            assert_eq!(error.raw_os_error(), Some(number), "{error}");
            0
        })
        .succeed();
    }
}

/// A memfd that could not grow is as it was: it could not be made smaller again.
#[test]
fn a_fixed_memfd_that_finds_no_room_keeps_its_size() {
    fork(|| {
        let memfd = Memfd::options().create(4096).unwrap().fix().unwrap();
        let memory = memfd.map().unwrap();
        refuse(&[libc::SYS_fallocate], libc::ENOSPC);
        let error = memfd.grow(1 << 20).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitReached);
        assert_eq!(memfd.size().unwrap(), 4096);
        assert!(memory.resize(8192).is_err());
        0
    })
    .succeed();
}

/// A memfd of huge pages is not taken for one of small pages, because the call that tells is refused.
#[test]
fn huge_pages_do_not_pass_for_small_ones_where_nobody_tells() {
    let Ok(memfd) = Memfd::options().huge_pages(2 << 20).create(0) else {
        println!("skipped: no huge pages of 2 MiB");
        return;
    };
    memfd.add_seals(ipc_safe::memory::Seals::SHRINK).unwrap();
    fork(|| {
        refuse(&[libc::SYS_fstatfs], libc::EPERM);
        let error = memfd.fix().unwrap_err();
        assert_eq!((error.error().call(), error.error().errno()), ("fstatfs", Some(Errno::PERM)));
        let descriptor = OwnedFd::from(error.into_inner());
        assert!(FixedMemfd::try_from(descriptor).is_err());
        0
    })
    .succeed();
}

/// Room is made although a signal comes whenever a call takes long: kernels before 6.19 then give back all that the call had.
#[test]
fn a_large_memfd_is_made_among_signals() {
    const SIZE: u64 = 16 << 20;
    let _watchdog = watchdog();
    fork(|| {
        interrupt_above(libc::SYS_fallocate, 3, 100_000);
        let memfd = Memfd::options().create(SIZE).unwrap();
        assert_eq!(memfd.size().unwrap(), SIZE);
        let status = rustix::fs::fstat(&memfd).unwrap();
        assert_eq!(u64::try_from(status.st_blocks).unwrap() * 512, SIZE, "not all of it has room");
        0
    })
    .succeed();
    fork(|| {
        signals_every(Duration::from_micros(500));
        Memfd::options().create(SIZE).unwrap();
        0
    })
    .succeed();
}

/// What is refused is an error, and dropping keeps the error number.
#[test]
fn refused_calls_are_errors_and_dropping_keeps_the_error_number() {
    let _watchdog = watchdog();
    let calls = [
        libc::SYS_shmat,
        libc::SYS_shmdt,
        libc::SYS_shmctl,
        libc::SYS_semctl,
        libc::SYS_msgctl,
        libc::SYS_semtimedop,
        libc::SYS_semop,
    ];
    for call in calls {
        let (segment, queue) = (Segment::private(4096).unwrap(), MessageQueue::private().unwrap());
        let set = SemaphoreSet::private(&[1]).unwrap();
        let (segment_id, queue_id, set_id) = (*segment, *queue, *set);
        fork(|| {
            let (attachment, guard) = (segment.attach().unwrap(), set.semaphore(0).acquire(1).unwrap());
            refuse(&[call], libc::ENOMEM);
            let results = [
                segment_id.attach().map(drop),
                segment_id.status().map(drop),
                set_id.values().map(drop),
                set_id.semaphore(0).try_acquire(1).map(drop),
                queue_id.status().map(drop),
            ];
            assert!(call == libc::SYS_shmdt || results.iter().any(Result::is_err));
            set_errno(77);
            drop((attachment, guard));
            assert_eq!(errno(), 77);
            0
        })
        .succeed();
    }
}
