//! Segments in memory: rights, places, counts, and what may be made of an attachment.

use crate::support::{Forked, fork, watchdog};
use crate::tools::{alone, as_ordinary_user, dies_of, errno, fails, fails_here, lower_limit, page};
use ipc_safe::error::ErrorKind;
use ipc_safe::shared::{OwnedBytes, Region, Sequenced, Shared};
use ipc_safe::sysv::{AttachOptions, Attachment, Key, Owned, ReadOnlyAttachment, Segment};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

fn segment(size: usize) -> Owned<Segment> {
    Segment::private(size).expect("a segment")
}

fn count(segment: &Segment) -> u64 {
    segment.status().expect("a status").attachments
}

/// The rights of the mapping that starts at this address, as in "rw-s".
fn rights(address: usize) -> Option<String> {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("the mappings");
    let line = maps.lines().find(|line| line.starts_with(&format!("{address:x}-")))?;
    Some(line.split_whitespace().nth(1)?.to_owned())
}

/// A range of so many pages in which nothing is mapped. For a process without other threads.
fn free_range(pages: usize) -> usize {
    let segment = segment(pages * page());
    let attachment = segment.attach().expect("room");
    attachment.bytes().as_ptr().addr()
}

/// R-SHM-03 R-SHM-12
#[test]
fn two_attachments_of_one_segment_see_each_other() {
    let segment = segment(5000);
    let (ours, theirs) = (segment.attach().unwrap(), segment.attach().unwrap());
    let reading = segment.attach_read_only().unwrap();
    assert_ne!(ours.bytes().as_ptr(), theirs.bytes().as_ptr());

    ours.bytes().write(4990, b"from ours!").unwrap();
    assert_eq!(theirs.bytes().load::<[u8; 10]>(4990).unwrap(), *b"from ours!");
    theirs.bytes().store(0, &7_u64).unwrap();

    assert_eq!(ours.bytes().load::<u64>(0).unwrap(), 7);
    assert_eq!(reading.bytes().load::<u64>(0).unwrap(), 7);
    assert_eq!(reading.bytes().to_vec(), ours.bytes().to_vec());
}

/// R-SHM-03
#[test]
fn the_length_is_that_of_the_segment_and_not_of_its_pages() {
    for size in [1, 100, page() - 1, page(), page() + 1] {
        let attachment = segment(size).attach().unwrap();
        assert_eq!((attachment.len(), attachment.bytes().len(), Region::len(&attachment)), (size, size, size));
        assert!(!attachment.is_empty());
        attachment.bytes().write(size - 1, b"x").unwrap();
        fails_here(attachment.bytes().write(size, b"x"), ErrorKind::OutOfRange);
        assert!(attachment.bytes().load::<u8>(size).is_err());
    }
}

/// R-SHM-04
#[test]
fn the_type_says_what_the_memory_allows() {
    let segment = segment(100);
    let (writing, reading) = (segment.attach().unwrap(), segment.attach_read_only().unwrap());
    assert_eq!(rights(writing.bytes().as_ptr().addr()).as_deref(), Some("rw-s"));
    assert_eq!(rights(reading.bytes().as_ptr().addr()).as_deref(), Some("r--s"));
    let of_type: (Attachment, ReadOnlyAttachment) = (writing, reading);
    assert_eq!((of_type.0.segment(), of_type.1.segment()), (*segment, *segment));
}

/// What the type keeps safe code from: on read-only memory a store is a signal.
///
/// R-SHM-04
#[test]
fn a_write_into_a_read_only_attachment_is_a_signal() {
    let segment = segment(100);
    let (writing, reading) = (segment.attach().unwrap(), segment.attach_read_only().unwrap());
    let address = reading.bytes().as_ptr().cast_mut();
    dies_of(libc::SIGSEGV, || {
        // SAFETY: not sound, which is shown: the child ends here.
        unsafe { address.write_volatile(1) };
    });
    assert_eq!(writing.bytes().load::<u8>(0).unwrap(), 0);
}

/// R-SHM-03
#[test]
fn an_address_that_is_free_is_where_the_segment_goes() {
    alone(|| {
        let segment = segment(3 * page());
        let free = free_range(3);
        let options = AttachOptions::new().address(free);
        let attachment = options.attach(*segment).unwrap();
        assert_eq!(attachment.bytes().as_ptr().addr(), free);
        attachment.bytes().fill(3);
        attachment.detach().unwrap();
        let attachment = options.attach_read_only(*segment).unwrap();
        assert_eq!((attachment.bytes().as_ptr().addr(), rights(free).as_deref()), (free, Some("r--s")));
        assert_eq!(attachment.bytes().load::<u8>(3 * page() - 1).unwrap(), 3);
    });
}

/// R-SHM-03
#[test]
fn an_address_is_a_multiple_of_the_page_or_is_rounded_down() {
    alone(|| {
        let segment = segment(100);
        let free = free_range(1);
        for off in [1, 8, page() / 2, page() - 1] {
            let options = AttachOptions::new().address(free + off);
            let error = fails(options.attach(*segment), ErrorKind::InvalidInput, libc::EINVAL);
            let reason = format!("the address is not a multiple of {}", page());
            let text = format!("shmat on segment {}, address {:#x}: EINVAL: {reason}", segment.id(), free + off);
            assert_eq!(error.to_string(), text);
            assert_eq!(count(&segment), 0);

            let attachment = options.round(true).attach(*segment).unwrap();
            assert_eq!(attachment.bytes().as_ptr().addr(), free);
        }
        // Rounding what is round, or nothing.
        let attachment = AttachOptions::new().address(free).round(true).attach(*segment).unwrap();
        assert_eq!(attachment.bytes().as_ptr().addr(), free);
        drop(AttachOptions::new().round(true).attach(*segment).unwrap());
    });
}

/// R-SHM-03
#[test]
fn an_address_that_is_taken_is_refused_and_nothing_is_replaced() {
    alone(|| {
        let segment = segment(3 * page());
        let free = free_range(5);
        // A page in the middle of where it would go, at its start, and at its end.
        for taken in [free, free + page(), free + 2 * page()] {
            let neighbour = Segment::private(page()).unwrap();
            let neighbour = AttachOptions::new().address(taken).attach(*neighbour).unwrap();
            neighbour.bytes().fill(9);
            for rounding in [false, true] {
                let options = AttachOptions::new().address(free).round(rounding);
                let error = fails(options.attach(*segment), ErrorKind::InvalidInput, libc::EINVAL);
                let reason = "something is mapped there, or the range leaves the address space";
                assert!(error.to_string().ends_with(&format!("address {free:#x}: EINVAL: {reason}")), "{error}");
                assert!(options.attach_read_only(*segment).is_err());
            }
            assert!(neighbour.bytes().to_vec().iter().all(|&byte| byte == 9));
            assert_eq!(count(&segment), 0);
        }
        // Behind the last page nothing is asked for.
        let behind = Segment::private(1).unwrap();
        let _behind = AttachOptions::new().address(free + 3 * page()).attach(*behind).unwrap();
        drop(AttachOptions::new().address(free).attach(*segment).unwrap());
    });
}

/// R-SHM-03
#[test]
fn address_0_is_no_address() {
    alone(|| {
        let segment = segment(100);
        for options in [AttachOptions::new().address(0), AttachOptions::new().address(0).round(true)] {
            let error = fails(options.attach(*segment), ErrorKind::InvalidInput, libc::EINVAL);
            let text = "shmat of address 0x0: EINVAL: nothing can be attached at address 0";
            assert_eq!(error.to_string(), text);
            fails(options.attach_read_only(*segment), ErrorKind::InvalidInput, libc::EINVAL);
        }
        assert_eq!(count(&segment), 0);
    });
}

/// R-SHM-03
#[test]
fn replacing_takes_the_place_of_what_is_there_and_needs_an_address() {
    alone(|| {
        let (old, new) = (segment(2 * page()), segment(2 * page()));
        // SAFETY: nothing is replaced: the call is refused.
        let refused = unsafe { AttachOptions::new().attach_replacing(*new) };
        fails(refused, ErrorKind::InvalidInput, libc::EINVAL);

        let there = old.attach().unwrap();
        there.bytes().fill(1);
        let (start, _) = there.into_raw();
        // SAFETY: the memory there is the attachment that was just given up.
        let here = unsafe { AttachOptions::new().address(start.as_ptr().addr()).attach_replacing(*new) }.unwrap();

        assert_eq!((count(&old), count(&new)), (0, 1), "the other one is detached");
        assert_eq!(here.bytes().as_ptr().addr(), start.as_ptr().addr());
        assert_eq!(here.bytes().load::<u8>(0).unwrap(), 0);
        here.bytes().fill(2);
        assert_eq!(old.attach().unwrap().bytes().load::<u8>(0).unwrap(), 1);
        here.detach().unwrap();
        assert_eq!(count(&new), 0);
    });
}

/// R-SHM-03
#[test]
fn without_the_unsafe_call_nothing_is_ever_replaced() {
    use ipc_safe::sys::shm::{SHM_REMAP, shmat};
    let segment = segment(100);
    // SAFETY: without an address the kernel refuses to replace.
    let result = unsafe { shmat(segment.id(), std::ptr::null(), SHM_REMAP) };
    assert_eq!((result.addr(), errno()), (usize::MAX, libc::EINVAL), "an error is the highest address, not 0");
}

/// R-SHM-03
#[test]
fn without_room_in_the_address_space_there_is_no_attachment() {
    alone(|| {
        let Ok(large) = Segment::options().no_reserve(true).create_new(true).open(Key::PRIVATE, 1 << 33) else {
            return println!("skipped: the kernel reserves all of a segment");
        };
        let large = large.into_owned();
        lower_limit(libc::RLIMIT_AS, 1 << 33);
        let error = fails(large.attach(), ErrorKind::OutOfMemory, libc::ENOMEM);
        let reason = "there is no room in the address space (RLIMIT_AS) or no memory";
        assert_eq!(error.to_string(), format!("shmat on segment {}: ENOMEM: {reason}", large.id()));
        fails(large.attach_read_only(), ErrorKind::OutOfMemory, libc::ENOMEM);
        assert_eq!(count(&large), 0);
    });
}

/// R-SHM-03
#[test]
fn executing_needs_the_right_to_execute() {
    let segment = Segment::options().mode(0o700).create_new(true).open(Key::PRIVATE, 100).unwrap().into_owned();
    let options = AttachOptions::new().executable(true);
    let (writing, reading) = (options.attach(*segment).unwrap(), options.attach_read_only(*segment).unwrap());
    assert_eq!(rights(writing.bytes().as_ptr().addr()).as_deref(), Some("rwxs"));
    assert_eq!(rights(reading.bytes().as_ptr().addr()).as_deref(), Some("r-xs"));
    as_ordinary_user(|| {
        let plain = self::segment(100);
        fails(options.attach(*plain), ErrorKind::PermissionDenied, libc::EACCES);
        fails(options.attach_read_only(*plain), ErrorKind::PermissionDenied, libc::EACCES);
        drop(plain.attach().unwrap());
        0
    });
}

/// What is written there runs.
///
/// R-SHM-03
#[test]
#[cfg(target_arch = "x86_64")]
fn what_is_in_an_executable_attachment_runs() {
    let segment = Segment::options().mode(0o700).create_new(true).open(Key::PRIVATE, 100).unwrap().into_owned();
    let code = AttachOptions::new().executable(true).attach(*segment).unwrap();
    code.bytes().write(0, &[0xb8, 42, 0, 0, 0, 0xc3]).unwrap(); // mov eax, 42; ret
    // SAFETY: the bytes just written are a function that returns 42.
    let function: extern "C" fn() -> i32 = unsafe { std::mem::transmute(code.bytes().as_ptr()) };
    assert_eq!(function(), 42);
}

/// R-SHM-05 R-SHM-06
#[test]
fn every_way_to_end_an_attachment_detaches_once() {
    alone(|| {
        let segment = segment(100);
        let [first, second, third] = [(); 3].map(|()| segment.attach().unwrap());
        assert_eq!(count(&segment), 3);

        drop(first);
        assert_eq!(count(&segment), 2);
        second.detach().unwrap();
        assert_eq!(count(&segment), 1);
        let panic = std::thread::spawn(move || {
            let _third = third;
            std::panic::resume_unwind(Box::new("with an attachment"));
        });
        assert!(panic.join().is_err());
        assert_eq!(count(&segment), 0);

        let reading = segment.attach_read_only().unwrap();
        assert_eq!(count(&segment), 1);
        reading.detach().unwrap();
        assert_eq!(count(&segment), 0);
        assert!(segment.status().is_ok(), "detaching does not remove");
    });
}

/// R-SHM-05
#[test]
fn an_attachment_is_of_the_process_and_not_of_the_thread() {
    alone(|| {
        let segment = segment(100);
        let attachment = segment.attach().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| attachment.bytes().store(0, &1_u8).unwrap());
            scope.spawn(|| attachment.bytes().store(1, &2_u8).unwrap());
        });
        let moved = std::thread::spawn(move || {
            let pair = attachment.bytes().load::<[u8; 2]>(0).unwrap();
            drop(attachment);
            pair
        });
        assert_eq!(moved.join().unwrap(), [1, 2]);
        assert_eq!(count(&segment), 0);
    });
}

/// R-SHM-05
#[test]
fn raw_parts_stay_attached_and_come_back() {
    alone(|| {
        let segment = segment(100);
        let attachment = segment.attach().unwrap();
        attachment.bytes().store(0, &7_u32).unwrap();

        let (start, len) = attachment.into_raw();

        assert_eq!((count(&segment), len), (1, 100));
        // SAFETY: the parts just given out, of an attachment for reading and writing, used by nothing else.
        let again: Attachment = unsafe { Attachment::from_raw(*segment, start, len) };
        assert_eq!((again.len(), again.segment(), again.bytes().load::<u32>(0).unwrap()), (100, *segment, 7));
        again.detach().unwrap();
        assert_eq!(count(&segment), 0);
    });
}

/// What C attached is taken over.
///
/// R-SHM-03 R-SHM-05
#[test]
fn an_attachment_of_c_is_taken_over() {
    alone(|| {
        use ipc_safe::sys::shm::{SHM_RDONLY, shmat};
        let segment = segment(100);
        segment.attach().unwrap().bytes().fill(5);
        // SAFETY: the kernel chooses the place.
        let start = unsafe { shmat(segment.id(), std::ptr::null(), SHM_RDONLY) };
        let start = NonNull::new(start.cast::<u8>()).unwrap();
        // SAFETY: attached for reading just now, with 100 bytes, and used by nothing else.
        let attachment: ReadOnlyAttachment = unsafe { Attachment::from_raw(*segment, start, 100) };
        assert_eq!(attachment.bytes().to_vec(), [5; 100]);
        drop(attachment);
        assert_eq!(count(&segment), 0);
    });
}

/// R-SHM-05 R-SHM-13
#[test]
fn detaching_what_somebody_unmapped_is_an_error_and_dropping_it_is_silent() {
    alone(|| {
        let segment = segment(100);
        let unmap = |attachment: &Attachment| {
            // SAFETY: the page of the attachment, which is not accessed any more.
            assert_eq!(unsafe { libc::munmap(attachment.bytes().as_mut_ptr().cast(), page()) }, 0);
        };
        let attachment = segment.attach().unwrap();
        unmap(&attachment);
        assert_eq!(count(&segment), 0);
        let error = fails(attachment.detach(), ErrorKind::InvalidInput, libc::EINVAL);
        assert_eq!((error.call(), error.to_string().contains(&format!("segment {}", segment.id()))), ("shmdt", true));

        let attachment = segment.attach().unwrap();
        unmap(&attachment);
        drop(attachment);
        assert_eq!(count(&segment), 0);
    });
}

/// R-SHM-05
#[test]
fn to_the_kernel_only_the_start_of_an_attachment_detaches_it() {
    use ipc_safe::sys::shm::shmdt;
    alone(|| {
        let segment = segment(3 * page());
        let attachment = segment.attach().unwrap();
        let (start, _) = attachment.into_raw();
        for off in [1, page(), 2 * page()] {
            // SAFETY: an address where no attachment starts: the kernel refuses.
            let result = unsafe { shmdt(start.as_ptr().wrapping_add(off).cast()) };
            assert_eq!((result, errno()), (-1, libc::EINVAL));
        }
        assert_eq!(count(&segment), 1);
        // SAFETY: the attachment, which nothing uses; the second call finds nothing there.
        unsafe {
            assert_eq!(shmdt(start.as_ptr().cast()), 0);
            assert_eq!((shmdt(start.as_ptr().cast()), errno()), (-1, libc::EINVAL));
        }
    });
}

#[test]
fn an_attachment_prints_where_and_what_it_is() {
    let segment = segment(100);
    let attachment = segment.attach().unwrap();
    let start = attachment.bytes().as_ptr();
    let text = format!("Attachment {{ segment: Segment {{ id: {} }}, start: {start:?}, len: 100, .. }}", segment.id());
    assert_eq!(format!("{attachment:?}"), text);
}

/// An attachment keeps its segment's id from coming back for another one.
///
/// R-KEY-12
#[test]
fn what_is_attached_stays_under_its_id() {
    let segment = segment(100);
    let attachment = segment.attach().unwrap();
    let id = segment.id();
    drop(segment);
    for _ in 0..100 {
        assert_ne!(self::segment(1).id(), id);
    }
    assert_eq!(attachment.segment().id(), id);
    assert!(attachment.segment().status().unwrap().removed);
}

ipc_safe::shm_safe! {
    /// A person as in a C program's `struct { char name[64]; int age; }`, with the name as one value.
    pub struct Person {
        pub name: Sequenced<[u8; 64]>,
        pub age: AtomicU32,
        pub readers: AtomicU32,
    }
}

/// R-SHM-10
#[test]
fn a_record_travels_between_unrelated_processes() {
    let key = Key::random().unwrap();
    let segment =
        Segment::options().create_new(true).open(key, Shared::<Person, Attachment>::SIZE).unwrap().into_owned();
    fork(move || {
        let attachment = Segment::open(key).unwrap().attach().unwrap();
        Shared::<Person, _>::create(attachment, |person| {
            let mut name = [0; 64];
            name[..5].copy_from_slice(b"Alice");
            person.name.write(&name);
            person.age.store(41, Ordering::Relaxed);
        })
        .unwrap();
        0
    })
    .succeed();

    let person = Shared::<Person, _>::open(segment.attach().unwrap(), Duration::ZERO).unwrap();

    assert_eq!(&person.name.read().unwrap()[..6], b"Alice\0");
    assert_eq!(person.age.load(Ordering::Relaxed), 41);
    // It is held attached while it is removed.
    segment.remove().unwrap();
    person.age.fetch_add(1, Ordering::Relaxed);
    assert_eq!(person.age.load(Ordering::Relaxed), 42);
    fails(Segment::open(key), ErrorKind::NotFound, libc::ENOENT);
}

/// R-SHM-10 R-SHM-12
#[test]
fn a_segment_too_small_for_a_record_comes_back_attached() {
    alone(|| {
        let segment = segment(Shared::<Person, Attachment>::SIZE - 1);
        let rejected = Shared::<Person, _>::create(segment.attach().unwrap(), |_| {}).unwrap_err();
        assert_eq!(rejected.error().kind(), ErrorKind::InvalidInput);
        let attachment = rejected.into_inner();
        assert_eq!((attachment.len(), count(&segment)), (segment.status().unwrap().size, 1));
        let rejected = Shared::<Person, _>::open(attachment, Duration::from_secs(9)).unwrap_err();
        drop(rejected);
        assert_eq!(count(&segment), 0);
    });
}

/// R-SHM-12
#[test]
fn a_record_of_atomics_counts_in_several_processes() {
    alone(|| {
        let _watchdog = watchdog();
        const EACH: u64 = 20_000;
        let segment = segment(4096);
        let ours = Shared::<[AtomicU64; 2], _>::create(segment.attach().unwrap(), |_| {}).unwrap();
        let handle = *segment;
        let counting = || {
            fork(move || {
                let theirs = Shared::<[AtomicU64; 2], _>::open(handle.attach().unwrap(), Duration::ZERO).unwrap();
                for _ in 0..EACH {
                    theirs[1].fetch_add(1, Ordering::Relaxed);
                }
                0
            })
        };
        let children = [counting(), counting(), counting()];
        children.into_iter().for_each(Forked::succeed);
        assert_eq!((ours[0].load(Ordering::Relaxed), ours[1].load(Ordering::Relaxed)), (0, 3 * EACH));
        drop(ours);
        assert_eq!(count(&segment), 0);
    });
}

/// R-SHM-04 R-SHM-12
#[test]
fn a_value_is_read_through_a_read_only_attachment() {
    let segment = segment(4096);
    let writing = Shared::<Sequenced<[u32; 8]>, _>::create(segment.attach().unwrap(), |_| {}).unwrap();
    let reading = Shared::<Sequenced<[u32; 8]>, _>::open(segment.attach_read_only().unwrap(), Duration::ZERO).unwrap();
    for round in 1..100 {
        writing.write(&[round; 8]);
        assert_eq!((reading.read(), reading.version()), (Ok([round; 8]), u64::from(round)));
    }
    writing.tail().fill(3);
    assert_eq!(reading.tail().load::<u8>(0).unwrap(), 3);
}

/// R-SHM-05 R-SHM-12
#[test]
fn owned_parts_keep_the_segment_attached() {
    alone(|| {
        let segment = segment(100);
        let all = OwnedBytes::new(segment.attach().unwrap());
        let part = all.slice(10..20).unwrap();
        drop(all);
        assert_eq!(count(&segment), 1);
        part.view().fill(1);
        let attachment = part.try_into_region().expect("the only one left");
        assert_eq!(attachment.bytes().load::<[u8; 2]>(9).unwrap(), [0, 1]);
        drop(attachment);
        assert_eq!(count(&segment), 0);
    });
}
