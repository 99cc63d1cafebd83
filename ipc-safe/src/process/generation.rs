//! Fork generations.

use super::raw;
use crate::error::{Error, Result};
use std::sync::atomic::{AtomicU64, Ordering};

/// The fork generation of a process: equal in all its threads, different in every process that it forks.
///
/// Comparing costs two loads and no system call. Along a line of forks the numbers rise, so that nothing inherited from an
/// ancestor ever looks like one's own; siblings may have equal numbers, but they inherit nothing from each other.
///
/// `vfork` and `clone` with `CLONE_VM` make no generation: the memory, and with it the guards, is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generation(u64);

/// The number given out last in this line of processes. Inherited by a child, which goes on counting.
static LAST: AtomicU64 = AtomicU64::new(0);

impl Generation {
    /// The generation of the calling process.
    #[inline]
    #[must_use]
    pub fn current() -> Self {
        match raw::peek() {
            0 => Self::first(),
            generation => Self(generation),
        }
    }

    /// The number, never 0: for a word that says which process of this line holds something.
    pub(crate) const fn number(self) -> u64 {
        self.0
    }

    /// Whether the calling process is the one that [`current`](Self::current) was asked in.
    #[inline]
    #[must_use]
    pub fn is_current(self) -> bool {
        self == Self::current()
    }

    /// That the calling process is the one that made what this generation belongs to.
    pub(crate) fn check(self, call: &'static str) -> Result<()> {
        if self.is_current() {
            return Ok(());
        }
        Err(Error::invalid(call, "it belongs to the process that this one was forked from"))
    }

    /// The generation of a process that has not asked yet.
    #[cold]
    fn first() -> Self {
        match raw::word() {
            Some(word) => Self(current(word)),
            None => Self::of_pid(),
        }
    }

    /// Wrong only in nested pid namespaces, and one system call.
    fn of_pid() -> Self {
        Self(u64::from(std::process::id()))
    }
}

/// The number in `word`, or a new one for a process that just came out of `fork`.
#[inline]
fn current(word: &AtomicU64) -> u64 {
    match word.load(Ordering::Relaxed) {
        0 => assign(word),
        generation => generation,
    }
}

/// Gives the process its number. When two threads try, both take that of the first.
#[cold]
fn assign(word: &AtomicU64) -> u64 {
    let fresh = LAST.fetch_add(1, Ordering::Relaxed) + 1;
    word.compare_exchange(0, fresh, Ordering::Relaxed, Ordering::Relaxed).map_or_else(|theirs| theirs, |_| fresh)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_threads_have_the_generation_of_the_process() {
        let here = Generation::current();
        let there = std::thread::spawn(Generation::current).join().unwrap();
        assert_eq!(here, there);
        assert!(here.is_current());
    }

    #[test]
    fn a_wiped_word_gets_a_new_and_higher_number() {
        let word = AtomicU64::new(0);
        let parent = current(&word);
        assert_eq!(current(&word), parent);
        word.store(0, Ordering::Relaxed); // what fork does
        assert!(current(&word) > parent);
    }

    #[test]
    fn without_the_page_the_pid_serves() {
        assert_eq!(Generation::of_pid(), Generation::of_pid());
    }
}
