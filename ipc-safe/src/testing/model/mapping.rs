//! What a file and mappings of it do.

use super::{Answer, Fault, text};
use crate::error::ErrorKind;
use std::collections::BTreeMap;

/// The file ends before.
const TRUNCATED: Fault = Fault { errno: None, kind: ErrorKind::Truncated };
/// Not a place to cut a mapping.
const NO_CUT: Fault = Fault { errno: None, kind: ErrorKind::InvalidInput };

/// What may be done with a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// Read and write, shared with the file.
    ReadWrite,
    /// Read only, shared with the file.
    ReadOnly,
    /// Neither.
    NoAccess,
    /// Private: what is written stays in the mapping.
    CopyOnWrite,
}

impl Rights {
    /// Whether it can be read.
    #[must_use]
    pub const fn can_read(self) -> bool {
        !matches!(self, Self::NoAccess)
    }

    /// Whether it can be written.
    #[must_use]
    pub const fn can_write(self) -> bool {
        matches!(self, Self::ReadWrite | Self::CopyOnWrite)
    }
}

/// A mapping.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// The first byte, in the file.
    offset: usize,
    /// Its length in bytes.
    pub len: usize,
    /// What may be done with it.
    pub rights: Rights,
    /// The pages of the file that it has a copy of, by number.
    copies: BTreeMap<usize, Vec<u8>>,
}

/// The file, and all mappings of it.
///
/// ```
/// use ipc_safe::testing::model::mapping::{Files, Rights};
///
/// let mut files = Files::new(4096);
/// files.set_size(100);
/// files.map(Rights::ReadWrite, 0, None, false)?;
/// files.map(Rights::CopyOnWrite, 0, None, false)?;
/// files.write(0, 10, b"to all")?;
/// files.write(1, 0, b"for me")?; // the page is a copy from here on
/// files.write(0, 20, b"not to the copy")?;
/// assert_eq!(files.read(1, 10, 6)?, b"to all");
/// assert_eq!(files.read(1, 20, 3)?, [0; 3]);
/// # Ok::<(), ipc_safe::testing::model::Fault>(())
/// ```
#[derive(Clone, Debug)]
pub struct Files {
    /// The bytes of the file.
    pub bytes: Vec<u8>,
    /// The mappings, in the order in which they were made.
    pub mappings: Vec<Mapping>,
    page: usize,
}

impl Files {
    /// An empty file, on a system with pages of this size.
    #[must_use]
    pub const fn new(page: usize) -> Self {
        Self { bytes: Vec::new(), mappings: Vec::new(), page }
    }

    /// Maps a part of the file; without a length, all from `offset` on. Beyond its end only if asked to, and never nothing.
    pub fn map(&mut self, rights: Rights, offset: usize, len: Option<usize>, beyond_end: bool) -> Answer<()> {
        let available = self.bytes.len().saturating_sub(offset);
        let len = match len {
            Some(len) if len > 0 && (len <= available || beyond_end) => len,
            None if available > 0 => available,
            _ => return Err(Fault::INVALID),
        };
        self.mappings.push(Mapping { offset, len, rights, copies: BTreeMap::new() });
        Ok(())
    }

    /// Makes the file longer, by zeros, or shorter: copies of pages that it does not have any more are lost.
    pub fn set_size(&mut self, size: usize) {
        let pages = size.div_ceil(self.page);
        if size < self.bytes.len() {
            self.mappings.iter_mut().for_each(|mapping| mapping.copies.retain(|page, _| *page < pages));
        }
        self.bytes.resize(size, 0);
    }

    /// Writes the file itself, which grows, unless there is nothing to write.
    pub fn write_file(&mut self, offset: usize, source: &[u8]) {
        if source.is_empty() {
            return;
        }
        let end = offset + source.len();
        if end > self.bytes.len() {
            self.bytes.resize(end, 0);
        }
        self.bytes[offset..end].copy_from_slice(source);
    }

    /// Punches a hole, up to the end of the file.
    pub fn punch(&mut self, offset: usize, len: usize) {
        let size = self.bytes.len();
        self.bytes[offset.min(size)..(offset + len).min(size)].fill(0);
    }

    /// How many bytes of a mapping the file has.
    pub fn available(&self, which: usize) -> usize {
        let mapping = &self.mappings[which];
        self.bytes.len().saturating_sub(mapping.offset).min(mapping.len)
    }

    /// How many bytes of a range are there; or it leaves the mapping.
    fn inside(&self, which: usize, offset: usize, len: usize) -> Answer<usize> {
        let end = offset.checked_add(len).filter(|&end| end <= self.mappings[which].len);
        end.map(|end| self.available(which).min(end).saturating_sub(offset)).ok_or(Fault::OUT_OF_VIEW)
    }

    /// Reads through a mapping.
    pub fn read(&self, which: usize, offset: usize, len: usize) -> Answer<Vec<u8>> {
        if self.inside(which, offset, len)? < len {
            return Err(TRUNCATED);
        }
        let mapping = &self.mappings[which];
        let start = mapping.offset + offset;
        let mut bytes = Vec::with_capacity(len);
        while bytes.len() < len {
            let at = start + bytes.len();
            let (page, from) = (at / self.page, at % self.page);
            let part = (self.page - from).min(len - bytes.len());
            bytes.extend_from_slice(match mapping.copies.get(&page) {
                Some(copy) => &copy[from..from + part],
                None => &self.bytes[at..at + part],
            });
        }
        Ok(bytes)
    }

    /// Writes through a mapping, up to the end of the file.
    pub fn write(&mut self, which: usize, offset: usize, source: &[u8]) -> Answer<()> {
        let inside = self.inside(which, offset, source.len())?;
        let start = self.mappings[which].offset + offset;
        let size = self.page;
        for (at, byte) in (start..).zip(&source[..inside]) {
            match self.mappings[which].rights {
                Rights::CopyOnWrite => self.copy(which, at / size)[at % size] = *byte,
                _ => self.bytes[at] = *byte,
            }
        }
        if inside < source.len() { Err(TRUNCATED) } else { Ok(()) }
    }

    /// The copy that a mapping has of a page, made when it is written first.
    fn copy(&mut self, which: usize, page: usize) -> &mut Vec<u8> {
        let start = (page * self.page).min(self.bytes.len());
        let end = (start + self.page).min(self.bytes.len());
        let (bytes, size) = (&self.bytes[start..end], self.page);
        self.mappings[which].copies.entry(page).or_insert_with(|| {
            let mut copy = bytes.to_vec();
            copy.resize(size, 0);
            copy
        })
    }

    /// Cuts a mapping in two; the second part becomes the last mapping.
    pub fn split(&mut self, which: usize, at: usize) -> Answer<()> {
        let mapping = &mut self.mappings[which];
        let cut = mapping.offset.wrapping_add(at);
        if at == 0 || at >= mapping.len || !cut.is_multiple_of(self.page) {
            return Err(NO_CUT);
        }
        let copies = mapping.copies.split_off(&(cut / self.page));
        let high = Mapping { offset: cut, len: mapping.len - at, rights: mapping.rights, copies };
        mapping.len = at;
        self.mappings.push(high);
        Ok(())
    }

    /// Changes the length of a mapping. Pages that leave it take their copies with them.
    pub fn resize(&mut self, which: usize, len: usize) -> Answer<()> {
        let available = self.bytes.len().saturating_sub(self.mappings[which].offset);
        let mapping = &mut self.mappings[which];
        if len == 0 || (len > mapping.len && len > available) {
            return Err(Fault::INVALID);
        }
        let pages = (mapping.offset + len).div_ceil(self.page);
        mapping.copies.retain(|page, _| *page < pages);
        mapping.len = len;
        Ok(())
    }
}

/// A call on the file, or on a mapping by its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Maps a part of the file.
    Map {
        /// What may be done with the mapping.
        rights: Rights,
        /// Its first byte in the file.
        offset: usize,
        /// Its length; `None` for all from there on.
        len: Option<usize>,
        /// Whether it may reach beyond the end.
        beyond_end: bool,
    },
    /// Changes the size of the file.
    SetSize {
        /// In bytes.
        size: usize,
    },
    /// Writes so many bytes, which count up, to the file.
    WriteFile {
        /// Where.
        offset: usize,
        /// How many.
        len: usize,
        /// The first.
        byte: u8,
    },
    /// Punches a hole into the file.
    Punch {
        /// Where.
        offset: usize,
        /// How many bytes.
        len: usize,
    },
    /// Writes so many bytes, which count up, through a mapping.
    Write {
        /// Which mapping.
        mapping: usize,
        /// Where in it.
        offset: usize,
        /// How many.
        len: usize,
        /// The first.
        byte: u8,
    },
    /// Reads through a mapping.
    Read {
        /// Which mapping.
        mapping: usize,
        /// Where in it.
        offset: usize,
        /// How many bytes.
        len: usize,
    },
    /// Has the file take what was written through a mapping.
    Flush {
        /// Which mapping.
        mapping: usize,
    },
    /// Changes what may be done with a mapping.
    Protect {
        /// Which mapping.
        mapping: usize,
        /// To this.
        rights: Rights,
    },
    /// Cuts a mapping in two.
    Split {
        /// Which mapping.
        mapping: usize,
        /// Where in it.
        at: usize,
    },
    /// Changes the length of a mapping.
    Resize {
        /// Which mapping.
        mapping: usize,
        /// To so many bytes.
        len: usize,
    },
    /// Takes a mapping away.
    Unmap {
        /// Which mapping.
        mapping: usize,
    },
}

impl Files {
    /// Whether the types of the crate allow the step: the mapping is there, and may be read or written as the step does. A
    /// copy-on-write mapping stays one.
    #[must_use]
    pub fn is_possible(&self, step: &Step) -> bool {
        let rights = |mapping: usize| self.mappings.get(mapping).map(|mapping| mapping.rights);
        match *step {
            Step::Map { .. } | Step::SetSize { .. } | Step::WriteFile { .. } | Step::Punch { .. } => true,
            Step::Write { mapping, .. } => rights(mapping).is_some_and(Rights::can_write),
            Step::Read { mapping, .. } => rights(mapping).is_some_and(Rights::can_read),
            Step::Protect { mapping, .. } => rights(mapping).is_some_and(|rights| rights != Rights::CopyOnWrite),
            Step::Flush { mapping }
            | Step::Split { mapping, .. }
            | Step::Resize { mapping, .. }
            | Step::Unmap { mapping } => mapping < self.mappings.len(),
        }
    }

    /// What a [possible](Self::is_possible) step answers: what was read, or nothing. Others panic.
    pub fn perform(&mut self, step: &Step) -> Answer<Vec<u8>> {
        match *step {
            Step::Map { rights, offset, len, beyond_end } => self.map(rights, offset, len, beyond_end)?,
            Step::SetSize { size } => self.set_size(size),
            Step::WriteFile { offset, len, byte } => self.write_file(offset, &text(byte, len)),
            Step::Punch { offset, len } => self.punch(offset, len),
            Step::Write { mapping, offset, len, byte } => self.write(mapping, offset, &text(byte, len))?,
            Step::Read { mapping, offset, len } => return self.read(mapping, offset, len),
            Step::Flush { .. } => {}
            Step::Protect { mapping, rights } => self.mappings[mapping].rights = rights,
            Step::Split { mapping, at } => self.split(mapping, at)?,
            Step::Resize { mapping, len } => self.resize(mapping, len)?,
            Step::Unmap { mapping } => drop(self.mappings.remove(mapping)),
        }
        Ok(Vec::new())
    }
}
