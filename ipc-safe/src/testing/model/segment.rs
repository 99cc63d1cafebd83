//! What a shared memory segment does.

use super::table::{Get, Serial, Table};
use super::{Answer, Fault, text};
use crate::sysv::Attachment;

/// A segment.
#[derive(Clone, Debug)]
pub struct Segment {
    /// What is in it.
    pub bytes: Vec<u8>,
    /// How often it is attached, in all processes together.
    pub attachments: u64,
    /// It goes with its last attachment.
    pub removed: bool,
    /// It is kept in memory.
    pub locked: bool,
}

impl Segment {
    /// A new segment is all zero.
    #[must_use]
    pub fn new(size: usize) -> Self {
        Self { bytes: vec![0; size], attachments: 0, removed: false, locked: false }
    }

    /// Writes a range, or nothing when it leaves the segment.
    pub fn write(&mut self, offset: usize, source: &[u8]) -> Answer<()> {
        let end = offset.checked_add(source.len()).ok_or(Fault::OUT_OF_VIEW)?;
        let target = self.bytes.get_mut(offset..end).ok_or(Fault::OUT_OF_VIEW)?;
        target.copy_from_slice(source);
        Ok(())
    }

    /// A copy of a range.
    pub fn read(&self, offset: usize, len: usize) -> Answer<Vec<u8>> {
        let end = offset.checked_add(len).ok_or(Fault::OUT_OF_VIEW)?;
        self.bytes.get(offset..end).map(<[u8]>::to_vec).ok_or(Fault::OUT_OF_VIEW)
    }
}

/// An access to an attached segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Writes so many bytes, which count up.
    Write {
        /// Where.
        offset: usize,
        /// How many.
        len: usize,
        /// The first.
        byte: u8,
    },
    /// Reads.
    Read {
        /// Where.
        offset: usize,
        /// How many bytes.
        len: usize,
    },
}

impl Step {
    /// Accesses a real segment. What was read, or nothing.
    pub fn perform(&self, attachment: &Attachment) -> Answer<Vec<u8>> {
        let done = match *self {
            Self::Write { offset, len, byte } => {
                attachment.bytes().write(offset, &text(byte, len)).map(|()| Vec::new())
            }
            Self::Read { offset, len } => {
                let mut bytes = vec![0; len];
                attachment.bytes().read(offset, &mut bytes).map(|()| bytes)
            }
        };
        done.map_err(Fault::from)
    }
}

impl Segment {
    /// What the access answers.
    pub fn perform(&mut self, step: &Step) -> Answer<Vec<u8>> {
        match *step {
            Step::Write { offset, len, byte } => self.write(offset, &text(byte, len)).map(|()| Vec::new()),
            Step::Read { offset, len } => self.read(offset, len),
        }
    }
}

/// What the system allows.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// `kernel.shmmni`.
    pub segments: usize,
    /// `kernel.shmmax`.
    pub segment_bytes: u64,
    /// `kernel.shmall`.
    pub pages: u64,
    /// The size of a page.
    pub page: usize,
}

/// All segments.
///
/// ```
/// use ipc_safe::testing::model::segment::{Limits, Segments};
/// use ipc_safe::testing::model::table::Get;
///
/// let limits = Limits { segments: 2, segment_bytes: 1 << 20, pages: 1 << 10, page: 4096 };
/// let mut segments = Segments::new(limits);
/// let segment = segments.get(Get { key: 5, create: true, create_new: true }, 100)?;
/// segments.attach(segment)?;
/// segments.remove(segment)?; // nobody finds it any more ...
/// assert_eq!(segments.table.find(5), None);
/// segments.detach(segment)?; // ... and with its last attachment it is gone
/// assert_eq!(segments.pages(), 0);
/// # Ok::<(), ipc_safe::testing::model::Fault>(())
/// ```
#[derive(Clone, Debug)]
pub struct Segments {
    /// Which there are.
    pub table: Table<Segment>,
    limits: Limits,
}

impl Segments {
    /// A system without segments.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Self { table: Table::new(limits.segments), limits }
    }

    /// Pages in all segments, removed ones too.
    #[must_use]
    pub fn pages(&self) -> u64 {
        self.table.iter().map(|(.., segment)| segment.bytes.len().div_ceil(self.limits.page) as u64).sum()
    }

    /// Finds or makes a segment of `size` bytes.
    pub fn get(&mut self, get: Get, size: usize) -> Answer<Serial> {
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
    pub fn attach(&mut self, serial: Serial) -> Answer<()> {
        self.table.at_mut(serial).map(|segment| segment.attachments += 1)
    }

    /// Detaches; the last one takes a removed segment with it.
    pub fn detach(&mut self, serial: Serial) -> Answer<()> {
        let segment = self.table.at_mut(serial)?;
        segment.attachments -= 1;
        if segment.removed && segment.attachments == 0 { self.table.remove(serial) } else { Ok(()) }
    }

    /// Removes: the key at once, the segment with its last attachment.
    pub fn remove(&mut self, serial: Serial) -> Answer<()> {
        let segment = self.table.at_mut(serial)?;
        if segment.attachments == 0 {
            return self.table.remove(serial);
        }
        segment.removed = true;
        self.table.forget_key(serial);
        Ok(())
    }
}
