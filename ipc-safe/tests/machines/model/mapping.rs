//! What a file and mappings of it do.

use super::{Answer, Fault};
use ipc_safe::error::ErrorKind;
use std::collections::BTreeMap;

/// The file ends before.
const TRUNCATED: Fault = Fault { errno: None, kind: ErrorKind::Truncated };
/// Not a place to cut a mapping.
const NO_CUT: Fault = Fault { errno: None, kind: ErrorKind::InvalidInput };

/// What may be done with a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rights {
    ReadWrite,
    ReadOnly,
    NoAccess,
    /// Private: what is written stays in the mapping.
    CopyOnWrite,
}

impl Rights {
    pub(crate) const fn can_read(self) -> bool {
        !matches!(self, Self::NoAccess)
    }

    pub(crate) const fn can_write(self) -> bool {
        matches!(self, Self::ReadWrite | Self::CopyOnWrite)
    }
}

/// A mapping.
#[derive(Clone, Debug)]
pub(crate) struct Mapping {
    /// The first byte, in the file.
    offset: usize,
    pub(crate) len: usize,
    pub(crate) rights: Rights,
    /// The pages of the file that it has a copy of, by number.
    copies: BTreeMap<usize, Vec<u8>>,
}

/// The file, and all mappings of it.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    pub(crate) bytes: Vec<u8>,
    pub(crate) mappings: Vec<Mapping>,
    page: usize,
}

impl Files {
    /// An empty file.
    pub(crate) const fn new(page: usize) -> Self {
        Self { bytes: Vec::new(), mappings: Vec::new(), page }
    }

    /// Maps a part of the file; without a length, all from `offset` on.
    pub(crate) fn map(&mut self, rights: Rights, offset: usize, len: Option<usize>, beyond_end: bool) -> Answer<()> {
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
    pub(crate) fn set_size(&mut self, size: usize) {
        let pages = size.div_ceil(self.page);
        if size < self.bytes.len() {
            self.mappings.iter_mut().for_each(|mapping| mapping.copies.retain(|page, _| *page < pages));
        }
        self.bytes.resize(size, 0);
    }

    /// Writes the file itself, which grows, unless there is nothing to write.
    pub(crate) fn write_file(&mut self, offset: usize, source: &[u8]) {
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
    pub(crate) fn punch(&mut self, offset: usize, len: usize) {
        let size = self.bytes.len();
        self.bytes[offset.min(size)..(offset + len).min(size)].fill(0);
    }

    /// How many bytes of a mapping the file has.
    pub(crate) fn available(&self, which: usize) -> usize {
        let mapping = &self.mappings[which];
        self.bytes.len().saturating_sub(mapping.offset).min(mapping.len)
    }

    /// How many bytes of a range are there; or it leaves the mapping.
    fn inside(&self, which: usize, offset: usize, len: usize) -> Answer<usize> {
        let end = offset.checked_add(len).filter(|&end| end <= self.mappings[which].len);
        end.map(|end| self.available(which).min(end).saturating_sub(offset)).ok_or(Fault::OUT_OF_VIEW)
    }

    /// Reads through a mapping.
    pub(crate) fn read(&self, which: usize, offset: usize, len: usize) -> Answer<Vec<u8>> {
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
    pub(crate) fn write(&mut self, which: usize, offset: usize, source: &[u8]) -> Answer<()> {
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
    pub(crate) fn split(&mut self, which: usize, at: usize) -> Answer<()> {
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
    pub(crate) fn resize(&mut self, which: usize, len: usize) -> Answer<()> {
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
