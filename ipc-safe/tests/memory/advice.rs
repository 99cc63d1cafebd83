//! Advice: what it does, and to which pages.

use crate::support::say;
use crate::tools::{dies_of, fails, fails_here, file, has_flag, isolated, page, says};
use ipc_safe::error::ErrorKind::{InvalidInput, OutOfRange, PermissionDenied};
use ipc_safe::memory::{Advice, FileMapping, Hazard, MapOptions, Memfd, PrivateMemory};

/// All advice that keeps contents and access.
const ALL: [Advice; 16] = [
    Advice::Normal,
    Advice::Random,
    Advice::Sequential,
    Advice::WillNeed,
    Advice::Cold,
    Advice::PageOut,
    Advice::PopulateRead,
    Advice::PopulateWrite,
    Advice::HugePage,
    Advice::NoHugePage,
    Advice::Collapse,
    Advice::Mergeable,
    Advice::Unmergeable,
    Advice::DontDump,
    Advice::DoDump,
    Advice::DoFork,
];

#[test]
fn no_safe_advice_changes_a_byte() {
    isolated(|| {
        let file = file(4 * page());
        let mut private = PrivateMemory::new(4 * page()).unwrap();
        private.fill(7);
        let memfd = Memfd::options().create(4 * page() as u64).unwrap().fix().unwrap();
        let (fixed, mapping) = (memfd.map().unwrap(), FileMapping::new(&file).unwrap());
        let copies = FileMapping::copy_on_write(&file).unwrap();
        fixed.bytes().fill(7);
        mapping.write(0, &vec![7; 4 * page()]).unwrap();
        copies.write(page(), &[8]).unwrap();
        for advice in ALL {
            let results = [private.advise(advice), fixed.advise(advice), mapping.advise(advice), copies.advise(advice)];
            for error in results.into_iter().filter_map(Result::err) {
                let refused =
                    matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EAGAIN | libc::ENOMEM | libc::EBUSY));
                assert!(refused, "{error}");
            }
            let mut bytes = vec![0; 4 * page()];
            mapping.read(0, &mut bytes).unwrap();
            let all_seven = |bytes: &[u8]| bytes.iter().all(|&byte| byte == 7);
            assert!(all_seven(&private) && all_seven(&fixed.bytes().to_vec()) && all_seven(&bytes), "{advice:?}");
            assert_eq!(copies.load::<[u8; 2]>(page() - 1).unwrap(), [7, 8], "{advice:?}");
        }
    });
}

#[test]
fn advice_reaches_the_kernel() {
    isolated(|| {
        let memory = PrivateMemory::new(4 * page()).unwrap();
        let flags = |advice, flag| {
            memory.advise(advice).unwrap();
            has_flag(memory.as_ptr(), flag)
        };
        assert!(flags(Advice::Sequential, "sr") && flags(Advice::Random, "rr"));
        assert!(!flags(Advice::Normal, "rr") && !flags(Advice::Normal, "sr"));
        assert!(flags(Advice::DontDump, "dd") && !flags(Advice::DoDump, "dd"));
        if memory.advise(Advice::HugePage).is_ok() {
            assert!(flags(Advice::HugePage, "hg") && flags(Advice::NoHugePage, "nh"));
        }
        if memory.advise(Advice::Mergeable).is_ok() {
            assert!(flags(Advice::Mergeable, "mg") && !flags(Advice::Unmergeable, "mg"));
        }
        memory.advise(Advice::PopulateWrite).unwrap();
        assert_eq!(memory.residency().unwrap(), [true; 4]);
    });
}

#[test]
fn advice_that_is_not_taken_says_so() {
    isolated(|| {
        let read_only = FileMapping::read_only(file(page())).unwrap();
        says(
            read_only.advise(Advice::PopulateWrite),
            "madvise of PopulateWrite: EINVAL: this kernel, or memory of this kind, does not take the advice",
        );
        let beyond = MapOptions::new().beyond_end(true).len(2 * page()).file(file(page())).unwrap();
        says(
            beyond.advise(Advice::PopulateRead),
            "madvise of PopulateRead: EFAULT: the pages cannot be had: the object ends before, or memory ran out",
        );
        beyond.advise_range(..page(), Advice::PopulateRead).unwrap();
    });
}

/// A range past the mapping is not advice for the neighbour: in another crate it is.
#[test]
fn no_range_reaches_past_the_mapping() {
    isolated(|| {
        let mut memory = PrivateMemory::new(3 * page()).unwrap();
        memory.fill(7);
        let (low, rest) = memory.split_at(page()).unwrap();
        let (middle, high) = rest.split_at(page()).unwrap();
        let len = page();
        for (from, to) in [(0, len + 1), (len, len + 1), (len + 1, len + 1), (0, usize::MAX), (usize::MAX, usize::MAX)]
        {
            fails_here(middle.advise_range(from..to, Advice::Cold), OutOfRange);
            // SAFETY: nobody holds a reference into the middle.
            let advised = unsafe { middle.advise_unchecked(from..to, Hazard::DontNeed) };
            says(advised, &format!("madvise of bytes {from} to {to}: the mapping has {len} bytes"));
        }
        #[expect(clippy::reversed_empty_ranges, reason = "what is refused")]
        let reversed = 5..4;
        fails_here(middle.advise_range(reversed, Advice::Cold), OutOfRange);
        fails_here(middle.advise_range(..=len, Advice::Cold), OutOfRange);
        // SAFETY: as above.
        unsafe { middle.advise_unchecked(.., Hazard::DontNeed) }.unwrap();
        let all = |memory: &[u8], value| memory.iter().all(|&byte| byte == value);
        assert!(all(&low, 7) && all(&middle, 0) && all(&high, 7));
    });
}

#[test]
fn advice_covers_the_pages_of_its_bytes() {
    isolated(|| {
        let mut memory = PrivateMemory::new(4 * page()).unwrap();
        let page = page();
        let zeroed = |memory: &mut PrivateMemory, range: std::ops::Range<usize>| {
            memory.fill(7);
            // SAFETY: nobody holds a reference into the memory.
            unsafe { memory.advise_unchecked(range, Hazard::DontNeed) }.unwrap();
            [0, 1, 2, 3].map(|i| memory[i * page] == 0 && memory[(i + 1) * page - 1] == 0)
        };
        assert_eq!(zeroed(&mut memory, 5..6), [true, false, false, false]);
        assert_eq!(zeroed(&mut memory, page - 1..page + 1), [true, true, false, false]);
        assert_eq!(zeroed(&mut memory, page..2 * page), [false, true, false, false]);
        assert_eq!(zeroed(&mut memory, 3 * page + 1..4 * page), [false, false, false, true]);
        for nothing in [0..0, 5..5, page..page, 4 * page..4 * page] {
            assert_eq!(zeroed(&mut memory, nothing), [false; 4]);
        }
    });
}

#[test]
fn the_offset_of_a_mapping_is_counted() {
    isolated(|| {
        let file = file(3 * page());
        let copies = MapOptions::new().offset(page() as u64 - 100).file_copy_on_write(&file).unwrap();
        copies.write(0, &vec![7; copies.len()]).unwrap();
        // SAFETY: the memory is used by copies only.
        unsafe { copies.advise_unchecked(100..101, Hazard::DontNeed) }.unwrap();
        let at = |offset| copies.load::<u8>(offset).unwrap();
        assert_eq!((at(99), at(100), at(99 + page()), at(100 + page())), (7, 0, 0, 7));
    });
}

#[test]
fn hazards_do_what_they_say() {
    isolated(|| {
        let memfd = Memfd::options().create(2 * page() as u64).unwrap().fix().unwrap();
        let memory = memfd.map().unwrap();
        memory.bytes().fill(7);
        // SAFETY: the memory is used by copies only, which then show zeros.
        unsafe { memory.advise_unchecked(page().., Hazard::Remove) }.unwrap();
        assert_eq!(rustix::fs::fstat(&memfd).unwrap().st_blocks as usize * 512, page(), "the page is free");
        assert_eq!(memory.bytes().load::<[u8; 2]>(page() - 1).unwrap(), [7, 0]);

        let mut private = PrivateMemory::new(2 * page()).unwrap();
        private.fill(7);
        // SAFETY: nobody holds a reference into the memory.
        unsafe { private.advise_unchecked(.., Hazard::Free) }.unwrap();
        private.fill(8);
        assert!(private.iter().all(|&byte| byte == 8), "what is written after it stays");
        // SAFETY: as above; what is used on purpose, a child uses.
        if unsafe { private.advise_unchecked(page().., Hazard::GuardInstall) }.is_err() {
            return say("skipped: this kernel has no guards (Linux 6.13)");
        }
        dies_of(libc::SIGSEGV, || private[page()]);
        assert_eq!(private[page() - 1], 8);
        // SAFETY: as above.
        unsafe { private.advise_unchecked(page().., Hazard::GuardRemove) }.unwrap();
        assert_eq!(private[page()], 0);
    });
}

#[test]
fn breaking_the_hardware_takes_rights() {
    isolated(|| {
        crate::tools::become_nobody();
        let memory = PrivateMemory::new(page()).unwrap();
        for hazard in [Hazard::HwPoison, Hazard::SoftOffline] {
            // SAFETY: it is refused.
            let error = unsafe { memory.advise_unchecked(.., hazard) }.unwrap_err();
            assert!(matches!(error.kind(), PermissionDenied | InvalidInput), "{error}");
        }
    });
}

#[test]
fn locked_pages_are_not_discarded() {
    isolated(|| {
        let Ok(mut locked) = MapOptions::new().lock(true).private(page()) else {
            return say("skipped: no page may be locked");
        };
        locked[0] = 7;
        fails(locked.discard(), InvalidInput, libc::EINVAL);
        assert_eq!(locked[0], 7);
        // SAFETY: nobody holds a reference into the memory.
        unsafe { locked.advise_unchecked(.., Hazard::DontNeedLocked) }.unwrap();
        assert_eq!(locked[0], 0);
    });
}
