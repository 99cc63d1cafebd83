//! Programs that attach shared memory segments.

use super::{Handles, Outcome, Places, place_found};
use crate::error::Result;
use crate::sysv::{AttachOptions, Attachment, Key, ReadOnlyAttachment, Segment};
use crate::testing::model::segment::{Limits, Segments, Step};
use crate::testing::model::table::{Get, Serial};
use crate::testing::model::{Answer, Fault};

/// The most attachments that a program has at a time.
pub const ATTACHMENTS: usize = 5;

/// One call.
#[derive(Clone, Debug)]
pub enum Call {
    /// Makes a segment, or finds one that is large enough.
    Get {
        /// Where its handle goes.
        place: usize,
        /// How.
        get: Get,
        /// How many bytes.
        size: usize,
    },
    /// Finds a segment, whatever size it has.
    Open {
        /// Where its handle goes.
        place: usize,
        /// Its key.
        key: i32,
    },
    /// Attaches a segment.
    Attach {
        /// Where its handle is.
        place: usize,
        /// For reading only.
        read_only: bool,
    },
    /// Attaches a segment at an address where nothing can be attached.
    AttachAt {
        /// Where its handle is.
        place: usize,
        /// The address.
        address: usize,
    },
    /// Uses what is attached.
    On {
        /// Which attachment.
        attachment: usize,
        /// What is done.
        step: Step,
    },
    /// Detaches.
    Detach {
        /// Which attachment.
        attachment: usize,
        /// By dropping, which says nothing of how that went.
        dropped: bool,
    },
    /// Keeps a segment in memory, or not any more.
    Lock {
        /// Where its handle is.
        place: usize,
        /// Which of the two.
        locked: bool,
    },
    /// Removes a segment.
    Remove {
        /// Where its handle is.
        place: usize,
    },
}

/// A segment in the memory of a process.
#[derive(Clone, Copy, Debug)]
pub struct Attached {
    /// Which segment.
    pub serial: Serial,
    /// Whether it may not be written.
    pub read_only: bool,
}

/// All segments, where the handles are, and what is attached.
#[derive(Clone, Debug)]
pub struct Model {
    /// Which segments there are.
    pub segments: Segments,
    /// What the process has attached.
    pub attached: Vec<Attached>,
    places: Places,
    may_lock: bool,
}

impl Model {
    /// No segments, in the calling thread's IPC namespace. Makes a segment to find out whether it may be locked.
    ///
    /// # Errors
    ///
    /// As [`Segment::limits`] and [`Segment::private`].
    pub fn new() -> Result<Self> {
        let limits = Segment::limits()?;
        let limits = Limits {
            segments: limits.segments as usize,
            segment_bytes: limits.segment_bytes,
            pages: limits.pages,
            page: rustix::param::page_size(),
        };
        Ok(Self {
            segments: Segments::new(limits),
            attached: Vec::new(),
            places: Places::default(),
            may_lock: Segment::private(16384)?.lock().is_ok(),
        })
    }

    /// Whether the program can make the call: it has a handle or an attachment there, or a place for one.
    #[must_use]
    pub fn is_possible(&self, call: &Call) -> bool {
        let has = |place: usize| self.places[place].is_some();
        match *call {
            Call::Get { .. } | Call::Open { .. } => true,
            Call::Attach { place, .. } => has(place) && self.attached.len() < ATTACHMENTS,
            Call::AttachAt { place, .. } | Call::Remove { place } => has(place),
            Call::Lock { place, .. } => self.may_lock && has(place),
            Call::On { attachment, step: Step::Write { .. } } => {
                self.attached.get(attachment).is_some_and(|attached| !attached.read_only)
            }
            Call::On { attachment, .. } | Call::Detach { attachment, .. } => attachment < self.attached.len(),
        }
    }

    fn serial(&self, place: usize) -> Answer<Serial> {
        self.places[place].ok_or(Fault::GONE)
    }

    fn attach(&mut self, place: usize, read_only: bool) -> Answer<()> {
        let serial = self.serial(place)?;
        self.segments.attach(serial)?;
        self.attached.push(Attached { serial, read_only });
        Ok(())
    }

    fn attach_at(&self, place: usize, address: usize) -> Answer<()> {
        // Address 0 does not reach the kernel.
        if address > 0 {
            self.segments.table.at(self.serial(place)?)?;
        }
        Err(Fault::INVALID)
    }

    /// What a [possible](Self::is_possible) call answers.
    pub fn perform(&mut self, call: &Call) -> Outcome<Vec<u8>> {
        let done = match *call {
            Call::Get { place, get, size } => {
                let answer = self.segments.get(get, size);
                return place_found(&mut self.places, place, answer);
            }
            Call::Open { place, key } => {
                let answer = self.segments.table.find(key).ok_or(Fault::NOT_FOUND);
                return place_found(&mut self.places, place, answer);
            }
            Call::On { attachment, ref step } => {
                let segment = self.segments.table.at_mut(self.attached[attachment].serial);
                return Outcome::Done(segment.and_then(|segment| segment.perform(step)));
            }
            Call::Attach { place, read_only } => self.attach(place, read_only),
            Call::AttachAt { place, address } => self.attach_at(place, address),
            Call::Detach { attachment, dropped } => {
                let serial = self.attached.remove(attachment).serial;
                let detached = self.segments.detach(serial);
                if dropped {
                    return Outcome::Silent;
                }
                detached
            }
            Call::Lock { place, locked } => self
                .serial(place)
                .and_then(|serial| self.segments.table.at_mut(serial).map(|segment| segment.locked = locked)),
            Call::Remove { place } => self.serial(place).and_then(|serial| self.segments.remove(serial)),
        };
        Outcome::Done(done.map(|()| Vec::new()))
    }
}

/// An attachment of either type.
#[derive(Debug)]
pub enum Held {
    /// For reading and writing.
    Writable(Attachment),
    /// For reading.
    ReadOnly(ReadOnlyAttachment),
}

impl Held {
    /// All bytes.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        match self {
            Self::Writable(attachment) => attachment.bytes().to_vec(),
            Self::ReadOnly(attachment) => attachment.bytes().to_vec(),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> usize {
        use crate::shared::Region;
        match self {
            Self::Writable(attachment) => attachment.start().addr().get(),
            Self::ReadOnly(attachment) => attachment.start().addr().get(),
        }
    }

    /// Makes a step that the type allows.
    ///
    /// # Panics
    ///
    /// When a read-only attachment is to be written.
    pub fn perform(&self, step: &Step) -> Answer<Vec<u8>> {
        match (self, step) {
            (Self::Writable(attachment), _) => step.perform(attachment),
            (Self::ReadOnly(attachment), Step::Read { offset, len }) => {
                let mut bytes = vec![0; *len];
                attachment.bytes().read(*offset, &mut bytes).map(|()| bytes).map_err(Fault::from)
            }
            (Self::ReadOnly(_), Step::Write { .. }) => unreachable!("a model writes through writable ones only"),
        }
    }

    /// Detaches.
    pub fn detach(self) -> Result<()> {
        match self {
            Self::Writable(attachment) => attachment.detach(),
            Self::ReadOnly(attachment) => attachment.detach(),
        }
    }
}

/// The kernel's segments, and the attachments of this process.
#[derive(Debug, Default)]
pub struct Kernel {
    /// The handles.
    pub handles: Handles<Segment>,
    /// The attachments.
    pub attached: Vec<Held>,
}

impl Kernel {
    fn attach(&mut self, place: usize, read_only: bool) -> Result<()> {
        let segment = self.handles.at(place);
        self.attached.push(match read_only {
            true => Held::ReadOnly(segment.attach_read_only()?),
            false => Held::Writable(segment.attach()?),
        });
        Ok(())
    }

    /// Makes a call that the model takes for possible, and says that it answers `expected`.
    pub fn perform(&mut self, call: &Call, expected: &Outcome<Vec<u8>>) -> Outcome<Vec<u8>> {
        let done = match *call {
            Call::Get { place, get: Get { key, create, create_new }, size } => {
                let options = Segment::options().create(create).create_new(create_new);
                return self.handles.found(place, expected, options.open(Key::new(key), size));
            }
            Call::Open { place, key } => {
                return self.handles.found(place, expected, Segment::open(Key::new(key)));
            }
            Call::On { attachment, ref step } => return Outcome::Done(self.attached[attachment].perform(step)),
            Call::Attach { place, read_only } => self.attach(place, read_only),
            Call::AttachAt { place, address } => {
                AttachOptions::new().address(address).attach(self.handles.at(place)).map(drop)
            }
            Call::Detach { attachment, dropped: true } => {
                drop(self.attached.remove(attachment));
                return Outcome::Silent;
            }
            Call::Detach { attachment, dropped: false } => self.attached.remove(attachment).detach(),
            Call::Lock { place, locked: true } => self.handles.at(place).lock(),
            Call::Lock { place, locked: false } => self.handles.at(place).unlock(),
            Call::Remove { place } => self.handles.at(place).remove(),
        };
        Outcome::of(done.map(|()| Vec::new()))
    }

    /// Compares what there is with the model.
    ///
    /// # Panics
    ///
    /// When something is different.
    pub fn check(&self, model: &Model) {
        let table = &model.segments.table;
        for (serial, key, expected) in table.iter() {
            let status = self.handles.of(serial).status().expect("the model has the segment");
            assert_eq!(status.size, expected.bytes.len(), "size");
            assert_eq!(status.attachments, expected.attachments, "attachments");
            assert_eq!((status.removed, status.locked), (expected.removed, expected.locked), "removed and locked");
            assert_eq!(status.permissions.key.as_raw(), key, "key");
        }
        assert_eq!(self.attached.len(), model.attached.len(), "attachments of this process");
        for (held, attached) in self.attached.iter().zip(&model.attached) {
            let expected = table.at(attached.serial).expect("what is attached is there");
            assert!(held.to_vec() == expected.bytes, "bytes differ");
        }
        let usage = Segment::usage().expect("what is in use");
        assert_eq!((usage.segments as usize, usage.pages), (table.iter().count(), model.segments.pages()), "usage");
    }

    /// Removes all segments that the program made, and then detaches them.
    pub fn clear(&mut self) {
        for segment in self.handles.iter() {
            // An error: it is gone.
            let _ = segment.remove();
        }
        self.handles = Handles::default();
        self.attached.clear();
    }
}
