//! Huge pages: private memory of them, and what is refused. The pool belongs to the whole machine: tests use what is free in
//! it and never change it.

use crate::support::{fork, say};
use crate::tools::{dies_of, fails, in_child, isolated, mapped_at, page, says};
use ipc_safe::error::ErrorKind::{InvalidInput, LimitReached, OutOfMemory};
use ipc_safe::memory::{MapOptions, Memfd, ReadOnly};
use std::sync::{Mutex, PoisonError};

const HUGE: usize = 2 << 20;

/// Runs a test while no other test counts the pages that are free.
fn alone_with_the_pool(body: impl FnOnce()) {
    static POOL: Mutex<()> = Mutex::new(());
    let _alone = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    isolated(body);
}

/// How many huge pages are free.
fn free() -> usize {
    let number = |name| {
        let path = format!("/sys/kernel/mm/hugepages/hugepages-{}kB/{name}", HUGE / 1024);
        std::fs::read_to_string(path).ok().and_then(|text| text.trim().parse::<usize>().ok()).unwrap_or(0)
    };
    number("free_hugepages") - number("resv_hugepages")
}

/// Whether so many huge pages are free; says so otherwise.
fn has(pages: usize) -> bool {
    let has = free() >= pages;
    if !has {
        say("skipped: too few huge pages are free (vm.nr_hugepages)");
    }
    has
}

#[test]
fn a_size_of_pages_that_does_not_do_is_refused_in_words() {
    isolated(|| {
        for size in [0, 1, 3 << 20, page()] {
            let text = "the size of a huge page is a power of two above the usual size";
            let error = MapOptions::new().huge_pages(size).private(1);
            says(error, &format!("mmap of huge pages of {size} bytes: EINVAL: {text}"));
        }
        let odd = MapOptions::new().huge_pages(1 << 17).private(1).unwrap_err();
        assert_eq!(odd.to_string(), "mmap of 1 bytes: EINVAL: the system has no huge pages of this size");
        let huge = MapOptions::new().huge_pages(HUGE);
        let about = format!("mmap of huge pages of {HUGE} bytes: EINVAL:");
        says(huge.guard_pages(true).private(1), &format!("{about} huge pages have no guard pages"));
        let text = "huge pages are all taken at once: no_reserve is for others";
        says(huge.no_reserve(true).private(1), &format!("{about} {text}"));
        fails(huge.shared(1), InvalidInput, libc::EINVAL);
        fails(huge.wiped_on_fork(1), InvalidInput, libc::EINVAL);
    });
}

#[test]
fn huge_pages_that_are_not_there_are_an_error_at_once() {
    alone_with_the_pool(|| {
        let error = MapOptions::new().huge_pages(HUGE).private(HUGE << 20).unwrap_err();
        assert_eq!(error.kind(), OutOfMemory, "{error}");
        assert!(error.to_string().ends_with("there are not enough huge pages (vm.nr_hugepages)"), "{error}");
        let size = (HUGE as u64) << 10;
        let error = Memfd::options().huge_pages(HUGE).create(size).unwrap_err();
        assert!(matches!(error.kind(), LimitReached | OutOfMemory), "{error}");
    });
}

/// All pages are taken at once, and given back whole: unmapping takes the length in huge pages.
#[test]
fn private_huge_pages_are_taken_and_given_back() {
    alone_with_the_pool(|| {
        if !has(3) {
            return;
        }
        let before = free();
        let mut memory = MapOptions::new().huge_pages(HUGE).private(2 * HUGE + 1).unwrap();
        assert_eq!((memory.len(), memory.page_size(), before - free()), (2 * HUGE + 1, HUGE, 3));
        memory.fill(7);
        assert_eq!(memory[2 * HUGE], 7);
        assert!(memory.residency().unwrap().iter().all(|&there| there));
        fails(memory.discard(), InvalidInput, libc::EINVAL);
        let rejected = memory.split_at(page()).unwrap_err();
        let (low, high) = rejected.into_inner().split_at(HUGE).unwrap();
        let low = low.protect::<ReadOnly>().unwrap();
        assert_eq!((low[HUGE - 1], high[HUGE]), (7, 7));
        let start = low.as_ptr().addr();
        drop(low);
        assert!(mapped_at(start).is_none() && mapped_at(start + HUGE).is_some());
        assert!(high.resize(HUGE).map_err(drop).is_err());
        assert_eq!(free(), before);
        fails(MapOptions::new().huge_pages(HUGE).private((before + 1) * HUGE), OutOfMemory, libc::ENOMEM);
        assert_eq!(free(), before);
    });
}

/// When a child's copies find no page, the kernel takes them from the child: the parent's memory never faults.
#[test]
fn huge_pages_stay_with_the_parent() {
    alone_with_the_pool(|| {
        if !has(1) {
            return;
        }
        let all = free();
        let mut memory = MapOptions::new().huge_pages(HUGE).private(all * HUGE).unwrap();
        memory.fill(7);
        let child = fork(|| {
            loop {
                std::thread::park();
            }
        });
        memory.fill(8);
        assert!(memory.iter().all(|&byte| byte == 8));
        drop(child);
        assert_eq!(free(), 0);
        drop(memory);
        assert_eq!(free(), all);
    });
}

#[test]
fn a_memfd_of_huge_pages_is_mapped_as_a_file() {
    alone_with_the_pool(|| {
        if !has(2) {
            return;
        }
        let before = free();
        let memfd = Memfd::options().huge_pages(HUGE).create(2 * HUGE as u64).unwrap();
        assert_eq!(before - free(), 2, "its room is reserved");
        let mapping = memfd.map().unwrap();
        assert_eq!(mapping.page_size(), HUGE);
        mapping.write(HUGE - 3, b"across").unwrap();
        assert_eq!(mapping.load::<[u8; 6]>(HUGE - 3).unwrap(), *b"across");
        let guarded = MapOptions::new().guard_pages(true).file(&memfd);
        says(guarded, "mmap: EINVAL: huge pages have no guard pages");
        let part = MapOptions::new().offset(HUGE as u64 + 1).file(&memfd).unwrap();
        assert_eq!(part.load::<[u8; 2]>(0).unwrap(), *b"ss");
        // A hole gives pages back; somebody else takes them; writing is an error and no signal.
        crate::tools::punch(&memfd, 0, 2 * HUGE as u64).unwrap();
        let rest = MapOptions::new().huge_pages(HUGE).private(free() * HUGE).unwrap();
        fails(mapping.write(0, b"none left"), OutOfMemory, libc::ENOMEM);
        in_child(|| assert!(mapping.write(HUGE, b"none left").is_err()));
        dies_of(libc::SIGBUS, || {
            // SAFETY: there is no page for it: the signal ends the child, which is why there is no safe view.
            unsafe { mapping.bytes_unchecked() }.fill(1);
        });
        drop(rest);
        mapping.write(0, b"there again").unwrap();
        drop((mapping, part, memfd));
        assert_eq!(free(), before);
    });
}
