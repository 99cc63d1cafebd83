//! What pipes and FIFOs do: bytes in pages, ends that are opened and closed, a name.

use super::{Answer, Fault};
use crate::error::{Errno, ErrorKind};
use crate::pipe::{PIPE_BUF, Readable, Writable};
use std::collections::VecDeque;

/// The pages of a new pipe.
const PAGES: usize = 16;

const BROKEN: Fault = Fault::new(Errno::from_raw(libc::EPIPE), ErrorKind::Closed);
/// More than is written in one piece.
const TOO_BIG: Fault = Fault { errno: None, kind: ErrorKind::TooBig };
/// There is more in it than that.
const BUSY: Fault = Fault::new(Errno::from_raw(libc::EBUSY), ErrorKind::Other);
/// Nobody has it open for reading.
const NO_READER: Fault = Fault::new(Errno::from_raw(libc::ENXIO), ErrorKind::WouldBlock);
/// The name means another file.
const REPLACED: Fault = Fault { errno: None, kind: ErrorKind::Removed };

/// A page, or a part of one.
#[derive(Clone, Debug)]
struct Page {
    /// What was read of it.
    read: usize,
    bytes: Vec<u8>,
}

/// A pipe, while any end of it is open.
#[derive(Clone, Debug)]
struct Pipe {
    pages: VecDeque<Page>,
    most: usize,
    /// How many descriptions are open for reading, and for writing.
    readers: usize,
    writers: usize,
    /// How often it was opened for writing.
    writers_ever: u32,
}

impl Pipe {
    const fn new() -> Self {
        Self { pages: VecDeque::new(), most: PAGES, readers: 0, writers: 0, writers_ever: 0 }
    }

    fn len(&self) -> usize {
        self.pages.iter().map(|page| page.bytes.len() - page.read).sum()
    }
}

/// An open description: what the copies of a descriptor share.
#[derive(Clone, Debug)]
struct Description {
    pipe: usize,
    copies: usize,
    reads: bool,
    writes: bool,
    /// How often the pipe had been opened for writing, when a reader found no writer: it reports no hang-up before the next.
    alone_at: Option<u32>,
}

/// All there is. Ends are known by their place among the open ones, in the order in which they were made.
///
/// Asking for an end that is not there panics.
///
/// ```
/// use ipc_safe::testing::model::pipe::Pipes;
///
/// let mut pipes = Pipes::pipe(4096, false);
/// pipes.write(0, b"abc", false)?;
/// pipes.close_writer(0);
/// assert_eq!(pipes.read(0, 2)?, b"ab");
/// assert_eq!(pipes.read(0, 2)?, b"c");
/// assert_eq!(pipes.read(0, 2)?, b""); // the end
/// # Ok::<(), ipc_safe::testing::model::Fault>(())
/// ```
#[derive(Clone, Debug)]
pub struct Pipes {
    page: usize,
    packets: bool,
    pipes: Vec<Pipe>,
    descriptions: Vec<Description>,
    /// The descriptions of the reading ends.
    pub readers: Vec<usize>,
    /// The descriptions of the writing ends.
    pub writers: Vec<usize>,
    /// What the name means, and which of them the handle is bound to.
    name: Option<usize>,
    handle: Option<usize>,
}

impl Pipes {
    /// A pipe with both ends, of bytes or of packets, on a system with pages of this size.
    #[must_use]
    pub fn pipe(page: usize, packets: bool) -> Self {
        let mut pipes = Self::nothing(page);
        pipes.packets = packets;
        pipes.pipes.push(Pipe::new());
        let (reader, writer) = (pipes.describe(0, true, false), pipes.describe(0, false, true));
        pipes.readers.push(reader);
        pipes.writers.push(writer);
        // A pipe was never without a writer.
        pipes.descriptions[reader].alone_at = None;
        pipes
    }

    /// A name that means nothing yet.
    #[must_use]
    pub const fn nothing(page: usize) -> Self {
        Self {
            page,
            packets: false,
            pipes: Vec::new(),
            descriptions: Vec::new(),
            readers: Vec::new(),
            writers: Vec::new(),
            name: None,
            handle: None,
        }
    }

    fn describe(&mut self, which: usize, reads: bool, writes: bool) -> usize {
        let pipe = &mut self.pipes[which];
        pipe.readers += usize::from(reads);
        pipe.writers += usize::from(writes);
        pipe.writers_ever += u32::from(writes);
        let alone_at = (pipe.writers == 0).then_some(pipe.writers_ever);
        self.descriptions.push(Description { pipe: which, copies: 1, reads, writes, alone_at });
        self.descriptions.len() - 1
    }

    fn close(&mut self, description: usize) {
        let description = &mut self.descriptions[description];
        description.copies -= 1;
        if description.copies > 0 {
            return;
        }
        let pipe = &mut self.pipes[description.pipe];
        pipe.readers -= usize::from(description.reads);
        pipe.writers -= usize::from(description.writes);
        if (pipe.readers, pipe.writers) == (0, 0) {
            *pipe = Pipe::new();
        }
    }

    fn of(&self, description: usize) -> &Pipe {
        &self.pipes[self.descriptions[description].pipe]
    }

    fn of_mut(&mut self, description: usize) -> &mut Pipe {
        &mut self.pipes[self.descriptions[description].pipe]
    }

    /// Writes as much as there is room for, or with `atomic` everything or nothing.
    pub fn write(&mut self, writer: usize, bytes: &[u8], atomic: bool) -> Answer<usize> {
        let (page, packets) = (self.page, self.packets);
        let pipe = self.of_mut(self.writers[writer]);
        if atomic && bytes.len() > PIPE_BUF {
            return Err(TOO_BIG);
        }
        if bytes.is_empty() {
            return Ok(0);
        }
        if pipe.readers == 0 {
            return Err(BROKEN);
        }
        // What is over whole pages joins the last page, when it has room for all of that.
        let mut left = bytes;
        let over = bytes.len() % page;
        let joins = |last: &&mut Page| !packets && over > 0 && last.bytes.len() + over <= page;
        if let Some(last) = pipe.pages.back_mut().filter(joins) {
            let (joined, rest) = left.split_at(over);
            last.bytes.extend_from_slice(joined);
            left = rest;
        }
        while !left.is_empty() && pipe.pages.len() < pipe.most {
            let (part, rest) = left.split_at(left.len().min(page));
            pipe.pages.push_back(Page { read: 0, bytes: part.to_vec() });
            left = rest;
        }
        let written = bytes.len() - left.len();
        if written == 0 { Err(Fault::WOULD_BLOCK) } else { Ok(written) }
    }

    /// Reads at most so much; nothing at the end.
    pub fn read(&mut self, reader: usize, len: usize) -> Answer<Vec<u8>> {
        let packets = self.packets;
        let pipe = self.of_mut(self.readers[reader]);
        let mut bytes = Vec::new();
        if len == 0 {
            return Ok(bytes);
        }
        if pipe.pages.is_empty() {
            return if pipe.writers == 0 { Ok(bytes) } else { Err(Fault::WOULD_BLOCK) };
        }
        while bytes.len() < len {
            let Some(page) = pipe.pages.front_mut() else { break };
            let end = page.bytes.len().min(page.read + len - bytes.len());
            bytes.extend_from_slice(&page.bytes[page.read..end]);
            page.read = end;
            if packets || end == page.bytes.len() {
                pipe.pages.pop_front();
            }
            if packets {
                break;
            }
        }
        Ok(bytes)
    }

    /// Sets how much the pipe holds; how much it is then.
    pub fn set_capacity(&mut self, writer: usize, bytes: usize) -> Answer<usize> {
        let page = self.page;
        let pipe = self.of_mut(self.writers[writer]);
        let pages = bytes.max(page).next_power_of_two() / page;
        if pages < pipe.pages.len() {
            return Err(BUSY);
        }
        pipe.most = pages;
        Ok(pages * page)
    }

    /// Copies the descriptor of a reading end.
    pub fn clone_reader(&mut self, reader: usize) {
        let description = self.readers[reader];
        self.descriptions[description].copies += 1;
        self.readers.push(description);
    }

    /// Copies the descriptor of a writing end.
    pub fn clone_writer(&mut self, writer: usize) {
        let description = self.writers[writer];
        self.descriptions[description].copies += 1;
        self.writers.push(description);
    }

    /// Closes a reading end.
    pub fn close_reader(&mut self, reader: usize) {
        let description = self.readers.remove(reader);
        self.close(description);
    }

    /// Closes a writing end.
    pub fn close_writer(&mut self, writer: usize) {
        let description = self.writers.remove(writer);
        self.close(description);
    }

    /// Makes a FIFO of the name, or with `new` insists on that; whether it is new.
    pub fn create(&mut self, new: bool) -> Answer<bool> {
        let is_new = self.name.is_none();
        if new && !is_new {
            return Err(Fault::EXISTS);
        }
        if is_new {
            self.pipes.push(Pipe::new());
            self.name = Some(self.pipes.len() - 1);
        }
        self.handle = self.name;
        Ok(is_new)
    }

    /// Whether there is a handle to open ends by.
    #[must_use]
    pub const fn has_handle(&self) -> bool {
        self.handle.is_some()
    }

    /// Removes the name, if it still means what the handle does.
    pub fn unlink(&mut self) -> Answer<()> {
        if self.name != self.handle {
            return Err(REPLACED);
        }
        self.name = None;
        Ok(())
    }

    fn named(&self) -> Answer<usize> {
        match (self.name, self.handle) {
            (None, _) => Err(Fault::NOT_FOUND),
            (name, handle) if name != handle => Err(REPLACED),
            (Some(pipe), _) => Ok(pipe),
        }
    }

    /// Opens for reading; with `lasting` also for writing, so that no writer is ever the last.
    pub fn open_reader(&mut self, lasting: bool) -> Answer<()> {
        let pipe = self.named()?;
        let reader = self.describe(pipe, true, lasting);
        self.readers.push(reader);
        Ok(())
    }

    /// Opens for writing, without waiting for a reader.
    pub fn open_writer(&mut self) -> Answer<()> {
        // What the name means is opened before it is compared.
        if self.name.is_some_and(|pipe| self.pipes[pipe].readers == 0) {
            return Err(NO_READER);
        }
        let pipe = self.named()?;
        let writer = self.describe(pipe, false, true);
        self.writers.push(writer);
        Ok(())
    }

    /// Bytes that wait, and the capacity, as an end sees them.
    #[must_use]
    pub fn sizes(&self, description: usize) -> (usize, usize) {
        let pipe = self.of(description);
        (pipe.len(), pipe.most * self.page)
    }

    /// What a reading end would find.
    pub fn readable(&self, reader: usize) -> Answer<Readable> {
        let description = &self.descriptions[self.readers[reader]];
        let pipe = &self.pipes[description.pipe];
        if !pipe.pages.is_empty() {
            Ok(Readable::Bytes)
        } else if pipe.writers == 0 && description.alone_at != Some(pipe.writers_ever) {
            Ok(Readable::End)
        } else {
            Err(Fault::WOULD_BLOCK)
        }
    }

    /// What a writing end would find.
    pub fn writable(&self, writer: usize) -> Answer<Writable> {
        let pipe = self.of(self.writers[writer]);
        if pipe.readers == 0 {
            Ok(Writable::Broken)
        } else if pipe.pages.len() < pipe.most {
            Ok(Writable::Room)
        } else {
            Err(Fault::WOULD_BLOCK)
        }
    }
}

/// A call on a pipe, whose ends are known by their place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Writes so many equal bytes.
    Write {
        /// By which end.
        writer: usize,
        /// How many.
        len: usize,
        /// Which.
        byte: u8,
        /// All or nothing.
        atomic: bool,
    },
    /// Reads.
    Read {
        /// By which end.
        reader: usize,
        /// At most so many bytes.
        len: usize,
    },
    /// Sets how much the pipe holds.
    SetCapacity {
        /// By which end.
        writer: usize,
        /// In bytes.
        bytes: usize,
    },
    /// Copies the descriptor of a reading end.
    CloneReader {
        /// Which end.
        reader: usize,
    },
    /// Copies the descriptor of a writing end.
    CloneWriter {
        /// Which end.
        writer: usize,
    },
    /// Closes a reading end.
    CloseReader {
        /// Which end.
        reader: usize,
    },
    /// Closes a writing end.
    CloseWriter {
        /// Which end.
        writer: usize,
    },
}

/// What a [`Step`] answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Done,
    /// So much was written, or is the capacity.
    Count(usize),
    /// This was read.
    Bytes(Vec<u8>),
}

impl Pipes {
    /// Whether the end of the step is there.
    #[must_use]
    pub const fn is_possible(&self, step: &Step) -> bool {
        match *step {
            Step::Read { reader, .. } | Step::CloneReader { reader } | Step::CloseReader { reader } => {
                reader < self.readers.len()
            }
            Step::Write { writer, .. }
            | Step::SetCapacity { writer, .. }
            | Step::CloneWriter { writer }
            | Step::CloseWriter { writer } => writer < self.writers.len(),
        }
    }

    /// What a [possible](Self::is_possible) step answers. Others panic.
    pub fn perform(&mut self, step: &Step) -> Answer<Outcome> {
        match *step {
            Step::Write { writer, len, byte, atomic } => {
                return self.write(writer, &vec![byte; len], atomic).map(Outcome::Count);
            }
            Step::Read { reader, len } => return self.read(reader, len).map(Outcome::Bytes),
            Step::SetCapacity { writer, bytes } => return self.set_capacity(writer, bytes).map(Outcome::Count),
            Step::CloneReader { reader } => self.clone_reader(reader),
            Step::CloneWriter { writer } => self.clone_writer(writer),
            Step::CloseReader { reader } => self.close_reader(reader),
            Step::CloseWriter { writer } => self.close_writer(writer),
        }
        Ok(Outcome::Done)
    }
}
