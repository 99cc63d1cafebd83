//! What a run leaves behind.

use ipc_safe::sysv::{MessageQueue, Segment, SemaphoreSet};
use ipc_safe::testing::{Resources, Snapshot};
use rustix::param::page_size;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::File;
use std::os::fd::AsRawFd;

thread_local! {
    static BEFORE: RefCell<Option<Before>> = const { RefCell::new(None) };
}

/// The objects that there are before a run.
#[derive(Debug)]
struct Before {
    snapshot: Snapshot,
    count: u32,
}

/// To be called before a run does anything. The namespace is the target's own: each run finds the objects that the first one
/// found.
pub(crate) fn begin() {
    BEFORE.with_borrow_mut(|before| {
        let take = || Snapshot::options().only(Resources::OBJECTS).take().expect("the kernel lists its objects");
        before.get_or_insert_with(|| Before { snapshot: take(), count: count() });
    });
}

/// Panics when something is there that was not, or the other way round.
pub(crate) fn check() {
    BEFORE.with_borrow(|before| {
        let before = before.as_ref().expect("begun");
        // Nothing then and nothing now needs no closer look, which takes as long as a run.
        if before.count > 0 || count() > 0 {
            let left = before.snapshot.changes().expect("the kernel lists its objects");
            assert!(left.is_empty(), "not as it was before:\n{left}");
        }
    });
}

/// How many objects there are.
fn count() -> u32 {
    let queues = MessageQueue::usage().expect("what is in use").queues;
    let sets = SemaphoreSet::usage().expect("what is in use").sets;
    queues + sets + Segment::usage().expect("what is in use").segments
}

/// The mappings that a run makes of one file, and its descriptors. A snapshot would take as long as the run, and show what the
/// fuzzer opens and maps between two runs, too.
#[derive(Debug)]
pub(crate) struct Mapped {
    /// Start and end of all there ever were, in whole pages.
    ranges: BTreeSet<(usize, usize)>,
    lowest_free: i32,
}

impl Mapped {
    /// To be made before the file is.
    pub(crate) fn begin() -> Self {
        Self { ranges: BTreeSet::new(), lowest_free: lowest_free() }
    }

    /// Notes what is mapped: at which address, how many bytes.
    pub(crate) fn note(&mut self, mappings: impl Iterator<Item = (usize, usize)>) {
        let page = page_size();
        self.ranges.extend(mappings.map(|(start, len)| (start / page * page, (start + len).next_multiple_of(page))));
    }

    /// Panics when a part of the file is still mapped, or a descriptor open. `name` is that of the file, as the kernel shows it.
    pub(crate) fn check(&self, name: &str) {
        assert_eq!(lowest_free(), self.lowest_free, "a descriptor is left");
        if self.ranges.iter().any(|range| is_mapped(*range)) {
            // Perhaps something else is there now.
            let maps = std::fs::read_to_string("/proc/self/maps").expect("the kernel lists mappings");
            let left = maps.lines().find(|line| line.contains(name));
            assert_eq!(left, None, "a mapping is left");
        }
    }
}

/// The number that the next descriptor gets.
fn lowest_free() -> i32 {
    File::open("/dev/null").expect("a descriptor").as_raw_fd()
}

/// Whether anything is mapped in a range.
#[expect(unsafe_code, reason = "a question to the kernel")]
fn is_mapped((start, end): (usize, usize)) -> bool {
    (start..end).step_by(page_size()).any(|page| {
        let mut resident = 0_u8;
        // SAFETY: the kernel writes a byte for the one page.
        let result = unsafe { libc::mincore(std::ptr::without_provenance_mut(page), page_size(), &raw mut resident) };
        result == 0
    })
}
