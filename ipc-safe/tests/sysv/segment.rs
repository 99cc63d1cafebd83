//! Segments: making and finding them, status, settings, locking, removal, limits. Attaching is in `attachment`.

use crate::support::{eventually, fork, has_capability, in_namespace, set_sysctl, watchdog};
use crate::tools::{alone, alone_in_namespace, as_ordinary_user, fails, is_root, lower_limit, page};
use ipc_safe::error::ErrorKind;
use ipc_safe::process::Pid;
use ipc_safe::sysv::{AttachOptions, HugePages, Key, Owned, Segment};
use std::io::{Read, Write, pipe};
use std::time::{Duration, SystemTime};

const CAP_IPC_LOCK: u32 = 14;

fn segment(size: usize) -> Owned<Segment> {
    Segment::private(size).expect("a segment")
}

fn own_pid() -> Option<Pid> {
    Pid::from_raw(std::process::id().cast_signed())
}

/// R-SHM-01
#[test]
fn a_new_segment_is_all_zero_bytes() {
    for size in [1, 100, page() - 1, page(), page() + 1, 10 * page()] {
        // Pages that were used are not handed on as they were.
        segment(size).attach().unwrap().bytes().fill(0xee);
        let attachment = segment(size).attach().unwrap();
        assert!(attachment.bytes().to_vec().iter().all(|&byte| byte == 0), "{size}");
    }
}

/// R-SHM-01
#[test]
fn the_size_is_exact_and_the_memory_in_pages() {
    for size in [1, 100, page() - 1, page(), page() + 1] {
        let segment = segment(size);
        assert_eq!(segment.status().unwrap().size, size);
        assert_eq!(segment.attach().unwrap().len(), size);
    }
    in_namespace(|| {
        let _segments = (segment(1), segment(page() + 1));
        assert_eq!(Segment::usage().unwrap().pages, 3);
    });
}

/// R-SHM-01
#[test]
fn a_new_segment_has_at_least_one_byte() {
    let key = Key::random().unwrap();
    let none = fails(Segment::private(0), ErrorKind::InvalidInput, libc::EINVAL);
    assert_eq!(none.to_string(), "shmget of a private object, 0 bytes: EINVAL: a new segment has at least 1 byte");
    // What a reader does that "opens" with a size of 0 and the flag to create.
    let absent = Segment::options().create(true).open(key, 0);
    let error = fails(absent, ErrorKind::InvalidInput, libc::EINVAL);
    assert_eq!(error.to_string(), format!("shmget of key {key}, 0 bytes: EINVAL: a new segment has at least 1 byte"));
    fails(Segment::open(key), ErrorKind::NotFound, libc::ENOENT);
}

/// R-SHM-01 R-SHM-02
#[test]
fn an_enormous_segment_is_an_error_or_a_segment_and_leaves_nothing() {
    in_namespace(|| {
        for size in [usize::MAX, usize::MAX - 4096, isize::MAX as usize, isize::MAX as usize + 1, 1 << 62, 1 << 48] {
            for no_reserve in [false, true] {
                let options = Segment::options().no_reserve(no_reserve).create_new(true);
                match options.open(Key::PRIVATE, size).map(Owned::new) {
                    Ok(segment) => {
                        assert_eq!(segment.status().unwrap().size, size);
                        let error = fails(segment.attach(), ErrorKind::OutOfMemory, libc::ENOMEM);
                        assert!(error.to_string().contains("no room in the address space"), "{error}");
                    }
                    Err(error) => {
                        let refused = [ErrorKind::InvalidInput, ErrorKind::OutOfMemory, ErrorKind::LimitReached];
                        assert!(refused.contains(&error.kind()), "{size}: {error}");
                        assert!(error.to_string().contains(&format!(", {size} bytes: ")), "{error}");
                    }
                }
                assert_eq!(Segment::usage().unwrap().segments, 0);
            }
        }
    });
}

/// R-SHM-01
#[test]
fn an_existing_segment_is_opened_with_no_more_than_its_size() {
    let key = Key::random().unwrap();
    let made = Segment::options().create_new(true).open(key, 100).unwrap().into_owned();

    for size in [0, 1, 99, 100] {
        for create in [false, true] {
            let found = Segment::options().create(create).open(key, size).unwrap();
            assert_eq!((found, found.attach().unwrap().len()), (*made, 100), "asked for {size}");
        }
    }
    assert_eq!(Segment::open(key).unwrap(), *made);
    // Not even when there is room in its page.
    for size in [101, 4096, 4097, usize::MAX] {
        for create in [false, true] {
            let error = fails(Segment::options().create(create).open(key, size), ErrorKind::InvalidInput, libc::EINVAL);
            let text = format!("shmget of key {key}, {size} bytes: EINVAL: the segment has 100 bytes");
            assert_eq!(error.to_string(), text);
        }
    }
}

/// The mode of a segment that comes from a `create` that was meant to open only: that of the options, and never 0.
///
/// R-SHM-01 R-SHM-02
#[test]
fn the_mode_is_that_of_the_options() {
    let key = Key::random().unwrap();
    let made = Segment::options().create(true).open(key, 1).unwrap().into_owned();
    assert_eq!(made.status().unwrap().permissions.mode, 0o600);
    drop(made);

    let made = Segment::options().mode(0o640).create(true).open(key, 1).unwrap().into_owned();

    assert_eq!(made.status().unwrap().permissions.mode, 0o640);
    Segment::options().mode(0o666).create(true).open(key, 1).unwrap();
}

/// R-SHM-02
#[test]
fn without_rights_there_is_no_attaching() {
    as_ordinary_user(|| {
        let segment = Segment::options().mode(0o400).create_new(true).open(Key::PRIVATE, 100).unwrap().into_owned();
        let error = fails(segment.attach(), ErrorKind::PermissionDenied, libc::EACCES);
        let reason = "its permission bits allow no such access; attach_read_only needs less";
        assert_eq!(error.to_string(), format!("shmat on segment {}: EACCES: {reason}", segment.id()));
        assert_eq!(segment.attach_read_only().unwrap().len(), 100);

        // Writing needs reading as well.
        for mode in [0o200, 0o000, 0o066] {
            segment.set_mode(mode).unwrap();
            fails(segment.attach(), ErrorKind::PermissionDenied, libc::EACCES);
            fails(segment.attach_read_only(), ErrorKind::PermissionDenied, libc::EACCES);
            fails(segment.status(), ErrorKind::PermissionDenied, libc::EACCES);
        }
        0
    });
}

/// R-SHM-02
#[test]
fn opening_asks_for_the_rights_of_the_mode_only_with_create() {
    as_ordinary_user(|| {
        let key = Key::random().unwrap();
        let segment = Segment::options().mode(0o400).create_new(true).open(key, 100).unwrap().into_owned();
        assert_eq!(Segment::open(key).unwrap(), *segment);
        let options = Segment::options().create(true);
        assert_eq!(options.mode(0o400).open(key, 0).unwrap(), *segment);
        let error = fails(options.mode(0o600).open(key, 0), ErrorKind::PermissionDenied, libc::EACCES);
        let text = "EACCES: the permission bits of the segment do not allow this mode";
        assert!(error.to_string().ends_with(text), "{error}");
        0
    });
}

/// R-SHM-02
#[test]
fn attachments_keep_their_rights_when_the_mode_changes() {
    as_ordinary_user(|| {
        let segment = segment(100);
        let attachment = segment.attach().unwrap();
        segment.set_mode(0).unwrap();
        attachment.bytes().write(0, b"still").unwrap();
        assert_eq!(attachment.bytes().load::<[u8; 5]>(0).unwrap(), *b"still");
        fails(segment.attach_read_only(), ErrorKind::PermissionDenied, libc::EACCES);
        0
    });
}

/// R-SHM-09
#[test]
fn the_status_of_a_new_segment() {
    let start = SystemTime::now() - Duration::from_secs(2);
    let key = Key::random().unwrap();
    let segment = Segment::options().mode(0o604).create_new(true).open(key, 1234).unwrap().into_owned();

    let status = segment.status().unwrap();

    assert_eq!((status.id, status.size, status.attachments), (segment.id(), 1234, 0));
    assert_eq!((status.removed, status.locked), (false, false));
    assert_eq!((status.permissions.key, status.permissions.mode), (key, 0o604));
    assert_eq!((status.creator, status.last_user), (own_pid(), None));
    assert_eq!((status.last_attach, status.last_detach), (None, None));
    assert!((start..=SystemTime::now()).contains(&status.changed.unwrap()));
    assert!(!status.is_orphaned());
}

/// R-SHM-06 R-SHM-09
#[test]
fn the_status_tells_who_attached_and_detached_and_when() {
    alone(|| {
        let start = SystemTime::now() - Duration::from_secs(2);
        let segment = segment(100);
        let attachment = segment.attach().unwrap();
        let status = segment.status().unwrap();
        assert_eq!((status.attachments, status.last_user), (1, own_pid()));
        assert!((start..=SystemTime::now()).contains(&status.last_attach.unwrap()));
        assert_eq!(status.last_detach, None);

        let handle = *segment;
        let (mut from_child, mut to_parent) = pipe().unwrap();
        let (mut from_parent, mut to_child) = pipe().unwrap();
        let child = fork(move || {
            let _second = handle.attach_read_only().unwrap();
            to_parent.write_all(b"a").unwrap();
            from_parent.read_exact(&mut [0]).unwrap();
            0
        });
        let pid = Pid::from_raw(child.pid());
        from_child.read_exact(&mut [0]).unwrap();
        let status = segment.status().unwrap();
        assert_eq!((status.attachments, status.last_user), (3, pid), "ours, the copy that fork made, and a new one");
        to_child.write_all(b"b").unwrap();
        child.succeed();

        let status = segment.status().unwrap();
        assert_eq!((status.attachments, status.creator, status.last_user), (1, own_pid(), pid));
        assert!((start..=SystemTime::now()).contains(&status.last_detach.unwrap()));
        drop(attachment);
        let status = segment.status().unwrap();
        assert_eq!((status.attachments, status.last_user), (0, own_pid()));
    });
}

/// R-SHM-05 R-SHM-06
#[test]
fn attachments_are_counted_in_all_processes_and_end_with_them() {
    alone(|| {
        let _watchdog = watchdog();
        let segment = segment(100);
        let attachments = || segment.status().unwrap().attachments;
        let _two = (segment.attach().unwrap(), segment.attach_read_only().unwrap());
        assert_eq!(attachments(), 2);

        let waiting = || {
            fork(|| {
                loop {
                    std::thread::park();
                }
            })
        };
        let (first, second) = (waiting(), waiting());
        assert_eq!(attachments(), 6, "fork doubles");
        first.signal(libc::SIGKILL);
        let _ = first.wait();
        assert_eq!(attachments(), 4, "also when it is killed");
        drop(second);
        assert_eq!(attachments(), 2);
    });
}

/// R-SHM-05 R-SHM-06
#[test]
fn exec_detaches() {
    use std::os::unix::process::CommandExt;
    let _watchdog = watchdog();
    let segment = segment(100);
    let handle = *segment;
    let (input, keep_open) = pipe().unwrap();
    let (mut attached, say) = pipe().unwrap();
    let child = fork(move || {
        let mut say = say;
        std::mem::forget(handle.attach().unwrap());
        say.write_all(b"a").unwrap();
        let error = std::process::Command::new("cat").stdin(input).exec();
        panic!("exec: {error}");
    });
    attached.read_exact(&mut [0]).unwrap();
    eventually("the new program has nothing attached", || segment.status().unwrap().attachments == 0);
    // It is the exec that detached, and not the end.
    child.signal(libc::SIGKILL);
    assert!(!child.wait().success());
    drop(keep_open);
}

/// R-SHM-09
#[test]
fn owner_and_mode_are_changed_and_the_state_bits_stay() {
    let segment = segment(100).keep();
    let attachment = segment.attach().unwrap();
    segment.remove().unwrap();
    segment.set_mode(0o644).unwrap();
    let status = segment.status().unwrap();
    assert_eq!((status.permissions.mode, status.removed), (0o644, true));
    if is_root() {
        segment.set_owner(65534, 1).unwrap();
        let permissions = segment.status().unwrap().permissions;
        assert_eq!((permissions.uid, permissions.gid, permissions.creator_uid), (65534, 1, 0));
    }
    fails(segment.set_mode(0o1644), ErrorKind::InvalidInput, libc::EINVAL);
    drop(attachment);
}

/// R-SHM-09
#[test]
fn locking_is_a_setting_of_the_segment_that_does_not_count_and_outlives_its_setter() {
    let _watchdog = watchdog();
    let segment = segment(3 * page());
    let handle = *segment;
    if let Err(error) = segment.lock() {
        println!("skipped: locking is not allowed here: {error}");
        assert!(matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::OutOfMemory), "{error}");
        return;
    }
    segment.lock().unwrap();
    assert!(segment.status().unwrap().locked);
    segment.unlock().unwrap();
    assert!(!segment.status().unwrap().locked, "one unlock is enough");
    segment.unlock().unwrap();

    fork(move || handle.lock().map_or(1, |()| 0)).succeed();
    assert!(segment.status().unwrap().locked, "its process is gone");
    let attachment = segment.attach().unwrap();
    attachment.bytes().fill(7);
    assert_eq!(attachment.bytes().load::<u8>(3 * page() - 1).unwrap(), 7);
    segment.unlock().unwrap();
}

/// R-SHM-09
#[test]
fn locking_is_for_owner_and_creator_within_the_limit() {
    if is_root() {
        let others = segment(page());
        let handle = *others;
        as_ordinary_user(|| {
            for result in [handle.lock(), handle.unlock()] {
                let error = fails(result, ErrorKind::PermissionDenied, libc::EPERM);
                let reason = "only owner and creator may lock it, within RLIMIT_MEMLOCK, and CAP_IPC_LOCK";
                assert_eq!(error.to_string(), format!("shmctl on segment {}: EPERM: {reason}", handle.id()));
            }
            0
        });
    }
    if !is_root() && has_capability(CAP_IPC_LOCK) {
        return println!("skipped the limits: they are not for CAP_IPC_LOCK");
    }
    as_ordinary_user(|| {
        // Locked by this user are those of other tests as well: only what passes the whole limit is certain.
        lower_limit(libc::RLIMIT_MEMLOCK, page() as u64);
        let large = segment(2 * page());
        let error = fails(large.lock(), ErrorKind::OutOfMemory, libc::ENOMEM);
        let reason = "the segment is larger than what may be locked (RLIMIT_MEMLOCK)";
        assert_eq!(error.to_string(), format!("shmctl on segment {}: ENOMEM: {reason}", large.id()));
        assert!(!large.status().unwrap().locked);
        lower_limit(libc::RLIMIT_MEMLOCK, 0);
        fails(large.lock(), ErrorKind::PermissionDenied, libc::EPERM);
        large.unlock().expect("needs no limit");
        0
    });
}

/// R-SHM-07
#[test]
fn a_segment_that_nobody_attaches_is_removed_at_once() {
    let key = Key::random().unwrap();
    let segment = Segment::options().create_new(true).open(key, 100).unwrap();

    segment.remove().unwrap();

    fails(Segment::open(key), ErrorKind::NotFound, libc::ENOENT);
    let results = [
        segment.status().map(drop),
        segment.attach().map(drop),
        segment.attach_read_only().map(drop),
        segment.set_mode(0o600),
        segment.set_owner(0, 0),
        segment.lock(),
        segment.unlock(),
        segment.remove(),
    ];
    for result in results {
        let error = fails(result, ErrorKind::Removed, libc::EINVAL);
        assert!(error.to_string().ends_with(": EINVAL: no object has this id: it was removed"), "{error}");
        assert!(error.to_string().contains(&format!(" on segment {}", segment.id())), "{error}");
    }
}

/// R-SHM-07 R-SHM-08
#[test]
fn an_attached_segment_loses_its_key_at_once_and_its_memory_with_the_last_attachment() {
    alone(|| {
        let key = Key::random().unwrap();
        let segment = Segment::options().create_new(true).open(key, 100).unwrap();
        let first = segment.attach().unwrap();
        first.bytes().write(0, b"kept").unwrap();

        segment.remove().unwrap();

        let status = segment.status().unwrap();
        assert_eq!((status.removed, status.permissions.key), (true, Key::PRIVATE));
        segment.remove().expect("again is no error");
        fails(Segment::open(key), ErrorKind::NotFound, libc::ENOENT);
        // The key is free for another one.
        let another = Segment::options().create_new(true).open(key, 7).unwrap().into_owned();
        assert_ne!(*another, segment);

        // By id it is attached still, also by others.
        let second = segment.attach_read_only().unwrap();
        fork(move || i32::from(segment.attach().unwrap().bytes().load::<[u8; 4]>(0).unwrap() != *b"kept")).succeed();
        drop(first);
        assert_eq!(second.bytes().load::<[u8; 4]>(0).unwrap(), *b"kept");
        drop(second);
        fails(segment.status(), ErrorKind::Removed, libc::EINVAL);
        fails(segment.attach(), ErrorKind::Removed, libc::EINVAL);
        fails(segment.remove(), ErrorKind::Removed, libc::EINVAL);
    });
}

/// R-SHM-07
#[test]
fn the_last_attachment_may_be_that_of_a_process_that_is_killed() {
    let _watchdog = watchdog();
    let segment = segment(100);
    let handle = *segment;
    let child = fork(move || {
        let _attachment = handle.attach().unwrap();
        loop {
            std::thread::park();
        }
    });
    eventually("the child attached", || handle.status().unwrap().attachments == 1);
    drop(segment);
    assert!(handle.status().unwrap().removed);

    drop(child);

    fails(handle.status(), ErrorKind::Removed, libc::EINVAL);
}

/// R-SHM-09
#[test]
fn a_segment_outlives_its_maker_unless_the_system_says_otherwise() {
    let _watchdog = watchdog();
    alone_in_namespace(|| {
        let make = |key| {
            fork(move || {
                let segment = Segment::options().create_new(true).open(Key::new(key), 100).unwrap();
                segment.attach().unwrap().bytes().write(0, b"left").unwrap();
                0
            })
            .succeed();
        };
        make(1);
        let left = Segment::open(Key::new(1)).unwrap().into_owned();
        assert!(left.status().unwrap().is_orphaned());
        assert_eq!(left.attach_read_only().unwrap().bytes().load::<[u8; 4]>(0).unwrap(), *b"left");

        set_sysctl("shm_rmid_forced", "1");
        make(2);
        fails(Segment::open(Key::new(2)), ErrorKind::NotFound, libc::ENOENT);
    });
}

/// R-SHM-02
#[test]
fn the_most_segments_are_shmmni() {
    in_namespace(|| {
        set_sysctl("shmmni", "2");
        let _two = (segment(1), segment(1));
        let error = fails(Segment::private(1), ErrorKind::LimitReached, libc::ENOSPC);
        let reason = "the system's 2 segments are in use (kernel.shmmni); \"ipc list\" shows them";
        assert_eq!(error.to_string(), format!("shmget of a private object, 1 bytes: ENOSPC: {reason}"));
    });
}

/// R-SHM-02
#[test]
fn the_largest_segment_is_shmmax() {
    alone_in_namespace(|| {
        set_sysctl("shmmax", "5000");
        assert_eq!(segment(5000).attach().unwrap().len(), 5000);
        let error = fails(Segment::private(5001), ErrorKind::InvalidInput, libc::EINVAL);
        let reason = "a segment has at most 5000 bytes (kernel.shmmax), in pages of a size that the system has";
        assert_eq!(error.to_string(), format!("shmget of a private object, 5001 bytes: EINVAL: {reason}"));
    });
}

/// R-SHM-02
#[test]
fn the_most_pages_are_shmall() {
    in_namespace(|| {
        set_sysctl("shmall", "3");
        let first = segment(2 * page());
        let error = fails(Segment::private(page() + 1), ErrorKind::LimitReached, libc::ENOSPC);
        let reason = "2 of the 3 pages that all segments may have are in use (kernel.shmall); \"ipc list\" shows them";
        let text = format!("shmget of a private object, {} bytes: ENOSPC: {reason}", page() + 1);
        assert_eq!(error.to_string(), text);
        let second = segment(page());
        drop((first, second));
        drop(segment(3 * page()));
    });
}

/// A limit that is lowered makes the next segment fail, and leaves those that there are.
///
/// R-SHM-02
#[test]
fn limits_that_change_leave_existing_segments_alone() {
    alone_in_namespace(|| {
        let (one, two) = (segment(2 * page()), segment(page()));
        for (limit, value) in [("shmmni", "1"), ("shmmax", "1"), ("shmall", "1")] {
            set_sysctl(limit, value);
            assert!(Segment::private(2).is_err());
            for existing in [&one, &two] {
                existing.attach().unwrap().bytes().fill(1);
                existing.set_mode(0o640).unwrap();
            }
        }
        set_sysctl("shmmax", "10000000");
        set_sysctl("shmall", "1000000");
        fails(Segment::private(1), ErrorKind::LimitReached, libc::ENOSPC);
        drop(one);
        fails(Segment::private(1), ErrorKind::LimitReached, libc::ENOSPC);
        drop(two);
        drop(segment(1));
    });
}

/// R-SHM-01
#[test]
fn a_segment_without_reserve_is_like_others() {
    let large = 1 << 32;
    let options = Segment::options().no_reserve(true).create_new(true);
    let segment = match options.open(Key::PRIVATE, large) {
        Ok(segment) => segment.into_owned(),
        Err(error) => return println!("skipped: the kernel reserves all the same: {error}"),
    };
    let attachment = segment.attach().unwrap();
    assert_eq!((attachment.len(), segment.status().unwrap().size), (large, large));
    attachment.bytes().write(large - 3, b"end").unwrap();
    assert_eq!(attachment.bytes().load::<[u8; 4]>(large - 4).unwrap(), *b"\0end");
    assert!(attachment.bytes().write(large - 2, b"end").is_err());
}

/// R-SHM-01
#[test]
fn a_size_of_huge_pages_is_a_power_of_two() {
    for size in [0, 1, 3 << 20, 4097] {
        let options = Segment::options().create_new(true).huge_pages(Some(HugePages::Size(size)));
        let error = fails(options.open(Key::PRIVATE, 4096), ErrorKind::InvalidInput, libc::EINVAL);
        let text = format!("shmget of huge pages of {size} bytes: EINVAL: the size of a huge page is a power of two");
        assert_eq!(error.to_string(), text);
    }
    // One that no system has.
    let options = Segment::options().create_new(true).huge_pages(Some(HugePages::Size(1 << 13)));
    let error = fails(options.open(Key::PRIVATE, 4096), ErrorKind::InvalidInput, libc::EINVAL);
    assert!(error.to_string().contains("in pages of a size that the system has"), "{error}");
}

/// A segment of huge pages for which none are reserved: to be had without any in the pool, and without touching it.
fn huge() -> ipc_safe::Result<Owned<Segment>> {
    let options = Segment::options().no_reserve(true).create_new(true);
    options.huge_pages(Some(HugePages::Default)).open(Key::PRIVATE, 2 << 20).map(Owned::new)
}

/// R-SHM-03 R-SHM-12
#[test]
fn huge_pages_are_refused_by_every_safe_attach() {
    alone(|| {
        let segment = match huge() {
            Ok(segment) => segment,
            Err(error) => return println!("skipped: no segment of huge pages to be had: {error}"),
        };
        for _ in 0..2 {
            for result in [segment.attach().map(drop), segment.attach_read_only().map(drop)] {
                let error = fails(result, ErrorKind::Unsupported, libc::EOPNOTSUPP);
                let reason = "the segment is of huge pages: when they run out, an access is SIGBUS; \
                          AttachOptions::attach_unchecked attaches it";
                assert_eq!(error.to_string(), format!("shmat on segment {}: EOPNOTSUPP: {reason}", segment.id()));
            }
            assert_eq!(segment.status().unwrap().attachments, 0, "and detached again");
            // Locked or not.
            let _ = segment.lock();
        }
        // SAFETY: the memory is not accessed.
        let attachment = unsafe { AttachOptions::new().attach_unchecked(*segment) }.unwrap();
        assert_eq!((attachment.len(), segment.status().unwrap().attachments), (2 << 20, 1));
    });
}

/// R-SHM-02
#[test]
fn huge_pages_are_for_who_may_and_for_as_many_as_there_are() {
    as_ordinary_user(|| {
        if let Err(error) = huge() {
            assert_eq!((error.kind(), error.raw_os_error()), (ErrorKind::PermissionDenied, Some(libc::EPERM)));
            let text = "EPERM: huge pages need CAP_IPC_LOCK or the group in vm.hugetlb_shm_group";
            assert!(error.to_string().ends_with(text), "{error}");
        }
        0
    });
    if !(is_root() && has_capability(CAP_IPC_LOCK)) {
        return;
    }
    // More than the machine can have.
    let options = Segment::options().create_new(true).huge_pages(Some(HugePages::Default));
    let error = fails(options.open(Key::PRIVATE, 1 << 46), ErrorKind::OutOfMemory, libc::ENOMEM);
    assert!(error.to_string().ends_with("ENOMEM: there are not enough huge pages (vm.nr_hugepages)"), "{error}");
}

/// R-SHM-02
#[test]
fn more_than_nine_mode_bits_are_refused_and_never_become_flags() {
    use ipc_safe::sys::shm::{SHM_HUGETLB, SHM_NORESERVE};
    for mode in [0o1000, 0o7777, SHM_HUGETLB.cast_unsigned(), SHM_NORESERVE.cast_unsigned() | 0o600, u32::MAX] {
        let options = Segment::options().mode(mode);
        for options in [options.create(true), options.create_new(true)] {
            let error = fails(options.open(Key::PRIVATE, 1), ErrorKind::InvalidInput, libc::EINVAL);
            let text = format!("shmget of mode {mode:#o}: EINVAL: permission bits are nine: 0o000 to 0o777");
            assert_eq!(error.to_string(), text);
        }
    }
}
