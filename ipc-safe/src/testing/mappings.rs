//! The mappings of this process.

use super::Resources;
use super::internals::MapsLine;
use super::proc::read;
use super::snapshot::Item;
use crate::error::{Error, Result};

/// A mapping, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mapping {
    start: u64,
    end: u64,
    /// `rw-s`
    rights: String,
    /// Of its first byte, in the file.
    offset: u64,
    device: String,
    inode: u64,
    path: String,
}

/// All but those that the kernel makes for each process.
pub(super) fn find() -> Result<Vec<Mapping>> {
    let text = read("/proc/self/maps")?;
    let bad =
        |line: &str| Error::invalid("procfs", "not a line of /proc/self/maps").without_errno().about(line.to_owned());
    let mappings = text.lines().map(|line| parse(line).ok_or_else(|| bad(line)));
    mappings.filter(|mapping| mapping.as_ref().map_or(true, |mapping| !mapping.is_given())).collect()
}

/// `7f0c8000-7f0c9000 rw-s 00000000 00:01 32769    /SYSV00000000 (deleted)`
pub(super) fn parse(line: &str) -> Option<Mapping> {
    let mut rest = line;
    let mut word = || {
        let (word, behind) = rest.split_once(' ').unwrap_or((rest, ""));
        rest = behind;
        word
    };
    let (start, end) = word().split_once('-')?;
    let hex = |text| u64::from_str_radix(text, 16).ok();
    Some(Mapping {
        start: hex(start)?,
        end: hex(end)?,
        rights: word().to_owned(),
        offset: hex(word())?,
        device: word().to_owned(),
        inode: word().parse().ok()?,
        path: rest.trim_start().to_owned(),
    })
}

impl Mapping {
    pub(super) fn into_line(self) -> MapsLine {
        let Self { start, end, rights, offset, device, inode, path } = self;
        MapsLine { start, end, rights, offset, device, inode, path }
    }

    /// Heap, stack and the kernel's own pages.
    fn is_given(&self) -> bool {
        self.path.starts_with('[') && !self.path.starts_with("[anon")
    }

    /// Which kind of resource it is.
    pub(super) fn resource(&self) -> Resources {
        let is_private = self.rights.ends_with('p') && self.inode == 0;
        if is_private { Resources::PRIVATE_MEMORY } else { Resources::MAPPINGS }
    }

    /// Whether a byte that both have is the same byte in both.
    fn agrees(&self, other: &Self) -> bool {
        let same_file =
            self.inode == 0 || self.offset.wrapping_sub(self.start) == other.offset.wrapping_sub(other.start);
        self.rights == other.rights
            && self.device == other.device
            && self.inode == other.inode
            && self.path == other.path
            && same_file
    }

    fn part(&self, start: u64, end: u64) -> Self {
        Self { start, end, offset: self.offset.wrapping_add(start - self.start), ..self.clone() }
    }

    pub(super) fn to_item(&self) -> Item {
        let what = match self.path.strip_prefix("/SYSV") {
            Some(_) => format!("segment {}", self.inode),
            None if self.path.is_empty() => "anonymous memory".to_owned(),
            None => self.path.clone(),
        };
        let state = format!("{} bytes {} of {what}", self.end - self.start, self.rights);
        Item::new(format_args!("mapping at {:#x}", self.start), state)
    }
}

/// The parts of `these` that are not in `those`. Neighbours that the kernel merged, or one that it split, are the same.
pub(super) fn beyond(these: &[Mapping], those: &[Mapping]) -> Vec<Mapping> {
    these.iter().flat_map(|mapping| beyond_of(mapping, those)).collect()
}

fn beyond_of(mapping: &Mapping, those: &[Mapping]) -> Vec<Mapping> {
    let mut parts = Vec::new();
    let mut start = mapping.start;
    // Both are in the order of their addresses.
    for other in
        those.iter().filter(|other| other.agrees(mapping) && other.start < mapping.end && other.end > mapping.start)
    {
        if other.start > start {
            parts.push(mapping.part(start, other.start));
        }
        start = start.max(other.end);
    }
    if start < mapping.end {
        parts.push(mapping.part(start, mapping.end));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mappings(text: &str) -> Vec<Mapping> {
        text.lines().map(|line| parse(line).unwrap()).collect()
    }

    #[test]
    fn a_line_is_taken_apart() {
        let [mapping] = &mappings("1000-3000 rw-s 00002000 00:01 32769    /SYSV00000000 (deleted)")[..] else {
            panic!()
        };
        let item = mapping.to_item();
        assert_eq!(
            (item.name.as_str(), item.state.as_str()),
            ("mapping at 0x1000", "8192 bytes rw-s of segment 32769")
        );
        assert_eq!(mapping.path, "/SYSV00000000 (deleted)");
        assert_eq!(parse("nonsense"), None);
        assert_eq!(parse("1000-2000 rw-p 0 00:00 0").unwrap().resource(), Resources::PRIVATE_MEMORY);
    }

    #[test]
    fn merging_and_splitting_is_no_difference() {
        let one = mappings("1000-4000 rw-s 00000000 00:01 7 /f");
        let two = mappings("1000-2000 rw-s 00000000 00:01 7 /f\n2000-4000 rw-s 00001000 00:01 7 /f");
        assert_eq!(beyond(&one, &two), []);
        assert_eq!(beyond(&two, &one), []);
    }

    #[test]
    fn what_is_beyond_is_told_by_the_page() {
        let whole = mappings("1000-5000 rw-s 00000000 00:01 7 /f");
        let middle = mappings("2000-3000 rw-s 00001000 00:01 7 /f");
        let expected = mappings("1000-2000 rw-s 00000000 00:01 7 /f\n3000-5000 rw-s 00002000 00:01 7 /f");
        assert_eq!(beyond(&whole, &middle), expected);
        assert_eq!(beyond(&middle, &whole), []);
        let elsewhere = mappings("1000-5000 rw-s 00001000 00:01 7 /f");
        assert_eq!(beyond(&whole, &elsewhere), whole);
    }
}
