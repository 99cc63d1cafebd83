//! On which processors the ends run.

use crate::fact::Place;
use crate::mechanism::{End, Result};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Two processors of those that this process may use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Processors {
    near: usize,
    far: Option<usize>,
}

impl Processors {
    /// The last ones, because the first one has the interrupts of many machines; two that are no hyperthreads of one core,
    /// where that can be had.
    pub(crate) fn choose() -> Result<Self> {
        let allowed = sched_getaffinity(None)?;
        let numbers: Vec<_> = (0..CpuSet::MAX_CPU).rev().filter(|&number| allowed.is_set(number)).collect();
        let (&near, others) = numbers.split_first().ok_or("no processor may be used")?;
        let siblings = siblings(near);
        let far = others.iter().find(|number| !siblings.contains(number)).or(others.first());
        Ok(Self { near, far: far.copied() })
    }

    pub(crate) const fn has(self, place: Place) -> bool {
        matches!(place, Place::OneCore) || self.far.is_some()
    }

    /// Keeps the calling thread on the processor of this end.
    pub(crate) fn pin(self, end: End, place: Place) -> Result {
        let number = match (end, place) {
            (End::Far, Place::TwoCores) => self.far.ok_or("there is one processor")?,
            _ => self.near,
        };
        let mut set = CpuSet::new();
        set.set(number);
        Ok(sched_setaffinity(None, &set)?)
    }
}

/// The processors that share a core with this one, itself included; none where the system does not say.
fn siblings(processor: usize) -> Vec<usize> {
    let path = format!("/sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list");
    parse_list(&std::fs::read_to_string(path).unwrap_or_default())
}

/// Reads a list as the kernel writes it: `0-2,7`.
fn parse_list(text: &str) -> Vec<usize> {
    let ranges = text.trim().split(',').filter_map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(first.parse().ok()?..=last.parse().ok()?)
    });
    ranges.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_processors_are_read() {
        assert_eq!(parse_list("0-2,7\n"), [0, 1, 2, 7]);
        assert_eq!(parse_list(""), [0; 0]);
    }
}
