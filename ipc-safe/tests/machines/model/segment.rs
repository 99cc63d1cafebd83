//! What a shared memory segment does.

use super::table::{Get, Serial, Table};
use super::{Answer, Fault};

/// A segment.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) bytes: Vec<u8>,
    /// How often it is attached, in all processes together.
    pub(crate) attachments: u64,
    /// It goes with its last attachment.
    pub(crate) removed: bool,
    pub(crate) locked: bool,
}

impl Segment {
    /// A new segment is all zero.
    fn new(size: usize) -> Self {
        Self { bytes: vec![0; size], attachments: 0, removed: false, locked: false }
    }

    /// Writes a range, or nothing when it leaves the segment.
    pub(crate) fn write(&mut self, offset: usize, source: &[u8]) -> Answer<()> {
        let end = offset.checked_add(source.len()).ok_or(Fault::OUT_OF_VIEW)?;
        let target = self.bytes.get_mut(offset..end).ok_or(Fault::OUT_OF_VIEW)?;
        target.copy_from_slice(source);
        Ok(())
    }

    /// A copy of a range.
    pub(crate) fn read(&self, offset: usize, len: usize) -> Answer<Vec<u8>> {
        let end = offset.checked_add(len).ok_or(Fault::OUT_OF_VIEW)?;
        self.bytes.get(offset..end).map(<[u8]>::to_vec).ok_or(Fault::OUT_OF_VIEW)
    }
}

/// What the system allows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// `kernel.shmmni`.
    pub(crate) segments: usize,
    /// `kernel.shmmax`.
    pub(crate) segment_bytes: u64,
    /// `kernel.shmall`.
    pub(crate) pages: u64,
    pub(crate) page: usize,
}

/// All segments.
#[derive(Clone, Debug)]
pub(crate) struct Segments {
    pub(crate) table: Table<Segment>,
    limits: Limits,
}

impl Segments {
    pub(crate) const fn new(limits: Limits) -> Self {
        Self { table: Table::new(limits.segments), limits }
    }

    /// Pages in all segments, removed ones too.
    pub(crate) fn pages(&self) -> u64 {
        self.table.iter().map(|(.., segment)| segment.bytes.len().div_ceil(self.limits.page) as u64).sum()
    }

    /// Finds or makes a segment of `size` bytes.
    pub(crate) fn get(&mut self, get: Get, size: usize) -> Answer<Serial> {
        let (limits, pages) = (self.limits, self.pages());
        let make = |_: &Table<Segment>| {
            if size == 0 || size as u64 > limits.segment_bytes {
                return Err(Fault::INVALID);
            }
            if pages + size.div_ceil(limits.page) as u64 > limits.pages {
                return Err(Fault::LIMIT);
            }
            Ok(Segment::new(size))
        };
        self.table.get(get, make, |existing| if size > existing.bytes.len() { Err(Fault::INVALID) } else { Ok(()) })
    }

    /// Attaches, by id: also a segment that is removed and still attached somewhere.
    pub(crate) fn attach(&mut self, serial: Serial) -> Answer<()> {
        self.table.at_mut(serial).map(|segment| segment.attachments += 1)
    }

    /// Detaches; the last one takes a removed segment with it.
    pub(crate) fn detach(&mut self, serial: Serial) -> Answer<()> {
        let segment = self.table.at_mut(serial)?;
        segment.attachments -= 1;
        if segment.removed && segment.attachments == 0 { self.table.remove(serial) } else { Ok(()) }
    }

    /// Removes: the key at once, the segment with its last attachment.
    pub(crate) fn remove(&mut self, serial: Serial) -> Answer<()> {
        let segment = self.table.at_mut(serial)?;
        if segment.attachments == 0 {
            return self.table.remove(serial);
        }
        segment.removed = true;
        self.table.forget_key(serial);
        Ok(())
    }
}
