//! Memory without a file: private, shared with children, wiped in children.

use crate::tools::{dies_of, has_flag, in_child, isolated, mapped_at, page};
use ipc_safe::memory::{FixedMemfd, MapOptions, Memfd, PrivateMemory, ReadOnly, ReadWrite, SharedMemory};
use ipc_safe::shared::{OwnedBytes, Region, Shared};
use std::sync::atomic::{AtomicU32, Ordering};

#[test]
fn private_memory_is_zero_at_first_and_a_slice() {
    isolated(|| {
        let mut memory = PrivateMemory::new(10_000).unwrap();
        assert_eq!((memory.len(), memory.is_empty(), memory.page_size()), (10_000, false, page()));
        assert!(memory.iter().all(|&byte| byte == 0));
        memory[9_999] = 7;
        memory[..3].copy_from_slice(b"abc");
        assert_eq!(
            (&memory[..3], memory[9_999], memory.iter().filter(|&&byte| byte != 0).count()),
            (&b"abc"[..], 7, 4)
        );
        let mapped = mapped_at(memory.as_ptr().addr()).unwrap();
        assert_eq!(mapped.rights, "rw-p");
        memory.as_mut()[1] = b'B';
        assert_eq!(memory.as_ref(), &memory[..]);
        assert_eq!(&memory.as_ref()[..4], b"aBc\0");
    });
}

#[test]
fn discarded_memory_is_zero_again() {
    isolated(|| {
        let mut memory = MapOptions::new().guard_pages(true).private(3 * page()).unwrap();
        memory.fill(7);
        memory.discard().unwrap();
        assert!(memory.iter().all(|&byte| byte == 0));
        memory.fill(8);
        let mut memory = memory.protect::<ReadOnly>().unwrap();
        memory.discard().unwrap();
        assert!(memory.iter().all(|&byte| byte == 0));
    });
}

/// R-MAP-09
#[test]
fn a_forked_child_shares_anonymous_memory() {
    isolated(|| {
        let memory = SharedMemory::new(100).unwrap();
        let private = PrivateMemory::new(100).unwrap();
        memory.bytes().write(90, b"parent").unwrap();
        in_child(|| {
            assert_eq!(memory.bytes().load::<[u8; 6]>(90).unwrap(), *b"parent");
            memory.bytes().write(0, b"child").unwrap();
            let mut private = private;
            private[0] = 1;
        });
        assert_eq!(memory.bytes().load::<[u8; 5]>(0).unwrap(), *b"child");
    });
}

/// R-MAP-09
#[test]
fn a_record_in_anonymous_memory_is_counted_by_all_children() {
    isolated(|| {
        let counter = Shared::<AtomicU32, _>::bare(SharedMemory::new(4).unwrap()).unwrap();
        let count = || {
            for _ in 0..1000 {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        };
        let children = [crate::support::fork(|| (count(), 0).1), crate::support::fork(|| (count(), 0).1)];
        count();
        children.into_iter().for_each(crate::support::Forked::succeed);
        assert_eq!(counter.load(Ordering::Relaxed), 3000);
    });
}

#[test]
fn wiped_memory_is_zero_in_a_child_and_stays_in_the_parent() {
    isolated(|| {
        for guard_pages in [false, true] {
            let memory = MapOptions::new().guard_pages(guard_pages).wiped_on_fork(2 * page() + 1).unwrap();
            memory.bytes().fill(7);
            assert!(has_flag(memory.as_ptr(), "wf"));
            // All of it, also the part behind a resize or a split.
            let memory = if guard_pages { memory } else { memory.resize(3 * page()).unwrap() };
            memory.bytes().fill(7);
            let (low, high) = memory.split_at(page()).unwrap();
            in_child(|| {
                for half in [&low, &high] {
                    assert!(half.bytes().to_vec().iter().all(|&byte| byte == 0));
                }
                low.bytes().fill(9);
            });
            assert!(low.bytes().to_vec().iter().chain(&high.bytes().to_vec()).all(|&byte| byte == 7));
        }
    });
}

/// Reads one byte, as only unsafe code can.
fn peek(address: *const u8) -> u8 {
    // SAFETY: where nothing is mapped for reading, this ends the child, which is what the test looks for.
    unsafe { address.read_volatile() }
}

/// The pages beside the mapping, and nothing of it, are without access.
fn is_guarded(start: *const u8, len: usize) {
    let (first, last) = (start, start.wrapping_add(len - 1));
    peek(first);
    peek(last);
    let whole = (first.addr() / page() * page(), (last.addr() / page() + 1) * page());
    dies_of(libc::SIGSEGV, || peek(start.with_addr(whole.0 - 1)));
    dies_of(libc::SIGSEGV, || peek(start.with_addr(whole.1)));
    for guard in [whole.0 - page(), whole.1] {
        assert_eq!(mapped_at(guard).unwrap().rights, "---p");
    }
}

#[test]
fn guard_pages_stand_on_either_side_of_every_kind() {
    isolated(|| {
        let options = MapOptions::new().guard_pages(true);
        let file = crate::tools::file(3 * page());
        let memfd = Memfd::options().create(3 * page() as u64).unwrap().fix().unwrap();
        let private = options.private(page() + 1).unwrap();
        is_guarded(private.as_ptr(), private.len());
        let shared = options.shared(page()).unwrap();
        is_guarded(shared.as_ptr(), shared.len());
        let wiped = options.wiped_on_fork(1).unwrap();
        is_guarded(wiped.as_ptr(), wiped.len());
        let fixed = options.offset(5000).len(100).fixed(&memfd).unwrap();
        is_guarded(fixed.as_ptr(), fixed.len());
        let part = options.offset(1).file(&file).unwrap();
        is_guarded(part.as_ptr(), part.len());
        let (before, start, len) = (crate::tools::mappings(), private.as_ptr().addr(), private.len());
        drop(private);
        assert!(crate::tools::mappings() < before);
        for address in [start - 1, start, start + len, start + 2 * page()] {
            assert!(mapped_at(address).is_none(), "the guards go with the mapping");
        }
    });
}

#[test]
fn each_half_of_a_guarded_mapping_has_one_guard() {
    isolated(|| {
        let memory = MapOptions::new().guard_pages(true).private(4 * page()).unwrap();
        let start = memory.as_ptr().addr();
        let (low, high) = memory.split_at(page()).unwrap();
        drop(high);
        assert!(mapped_at(start + page()).is_none() && mapped_at(start + 4 * page()).is_none());
        assert_eq!((mapped_at(start - 1).unwrap().rights.as_str(), low[0]), ("---p", 0));
        drop(low);
        assert!(mapped_at(start).is_none() && mapped_at(start - 1).is_none());
    });
}

#[test]
fn reserved_addresses_are_taken_and_unusable_until_they_are_protected() {
    isolated(|| {
        let reserved = MapOptions::new().reserve(16 * page()).unwrap();
        let address = reserved.as_ptr();
        dies_of(libc::SIGSEGV, || peek(address));
        let (low, rest) = reserved.split_at(4 * page()).unwrap();
        let mut low = low.protect::<ReadWrite>().unwrap();
        low.fill(7);
        assert_eq!(low[4 * page() - 1], 7);
        dies_of(libc::SIGSEGV, || peek(rest.as_ptr()));
        assert_eq!(rest.as_ptr(), address.wrapping_add(4 * page()));
    });
}

#[test]
fn a_reservation_may_be_larger_than_memory() {
    isolated(|| {
        let reserved = MapOptions::new().reserve(1 << 44).unwrap();
        assert_eq!(reserved.len(), 1 << 44);
        let sparse = MapOptions::new().no_reserve(true).private(1 << 30).unwrap();
        assert!(has_flag(sparse.as_ptr(), "nr"));
    });
}

#[test]
fn residency_says_which_pages_are_there() {
    isolated(|| {
        let mut memory = PrivateMemory::new(8 * page() - 5).unwrap();
        memory.advise(ipc_safe::memory::Advice::NoHugePage).unwrap();
        assert_eq!(memory.residency().unwrap(), [false; 8]);
        (memory[0], memory[7 * page()]) = (1, 1);
        let pages = memory.residency().unwrap();
        assert_eq!((pages[0], &pages[1..7], pages[7]), (true, &[false; 6][..], true));
        let populated = MapOptions::new().populate(true).guard_pages(true).private(8 * page()).unwrap();
        assert_eq!(populated.residency().unwrap(), [true; 8]);
    });
}

#[test]
fn a_view_outlives_the_scope_of_the_mapping_when_it_owns_it() {
    isolated(|| {
        let bytes = OwnedBytes::new(SharedMemory::new(page()).unwrap());
        let part = bytes.slice(10..20).unwrap();
        std::thread::spawn(move || part.view().fill(7)).join().unwrap();
        let memory = bytes.try_into_region().unwrap();
        assert_eq!(memory.bytes().load::<[u8; 12]>(9).unwrap(), [0, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 0]);
    });
}

#[test]
fn all_shared_memory_is_one_kind_of_region() {
    fn first<R: Region>(region: &R) -> u8 {
        region.bytes().load(0).unwrap()
    }
    isolated(|| {
        let memfd =
            FixedMemfd::try_from(std::os::fd::OwnedFd::from(Memfd::options().create(8).unwrap().fix().unwrap()));
        let segment = ipc_safe::sysv::Segment::private(8).unwrap();
        let total = first(&memfd.unwrap().map_read_only().unwrap())
            + first(&SharedMemory::new(8).unwrap())
            + first(&MapOptions::new().wiped_on_fork(8).unwrap())
            + first(&segment.attach().unwrap());
        assert_eq!(total, 0);
    });
}
