//! What pipes and FIFOs do: bytes in pages, ends that are opened and closed, a name.

use super::{Answer, Fault};
use crate::error::{Errno, ErrorKind, Result};
use crate::pipe::{Fifo, PIPE_BUF, PipeOptions, PipeReader, PipeWriter, Readable, Writable};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Duration;

/// The pages of a new pipe.
const PAGES: usize = 16;

const BROKEN: Fault = Fault::new(Errno::from_raw(libc::EPIPE), ErrorKind::Closed);
/// More than is written in one piece.
const TOO_BIG: Fault = Fault { errno: None, kind: ErrorKind::TooBig };
/// There is more in it than that.
const BUSY: Fault = Fault::new(Errno::from_raw(libc::EBUSY), ErrorKind::Other);
/// Nobody has it open for reading.
const NO_READER: Fault = Fault::new(Errno::from_raw(libc::ENXIO), ErrorKind::WouldBlock);
/// The time, which was none, ran out.
const TIMED_OUT: Fault = Fault::new(Errno::TIMEDOUT, ErrorKind::TimedOut);
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
    nonblocking: bool,
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
        self.descriptions.push(Description { pipe: which, copies: 1, reads, writes, nonblocking: false, alone_at });
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

    /// Whether the name means anything.
    #[must_use]
    pub const fn has_name(&self) -> bool {
        self.name.is_some()
    }

    /// Removes the name, if it still means what the handle does.
    pub fn unlink(&mut self) -> Answer<()> {
        if self.name != self.handle {
            return Err(REPLACED);
        }
        self.name = None;
        Ok(())
    }

    /// Makes another FIFO of the name, but no handle.
    pub fn replace(&mut self) {
        self.pipes.push(Pipe::new());
        self.name = Some(self.pipes.len() - 1);
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

    /// Opens for reading, without waiting for a writer, of whom there must be one, or something to read.
    pub fn meet_writer(&mut self) -> Answer<()> {
        self.open_reader(false)?;
        let pipe = self.of(self.readers[self.readers.len() - 1]);
        if pipe.writers == 0 && pipe.pages.is_empty() {
            self.close_reader(self.readers.len() - 1);
            return Err(TIMED_OUT);
        }
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

/// A call on a pipe, whose ends are known by their place. None waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Writes so many [bytes](text).
    Write {
        /// By which end.
        writer: usize,
        /// How many.
        len: usize,
        /// The first.
        byte: u8,
        /// All or nothing.
        atomic: bool,
        /// With no time to wait, and not tried.
        timed: bool,
    },
    /// Reads.
    Read {
        /// By which end.
        reader: usize,
        /// At most so many bytes.
        len: usize,
        /// With no time to wait, and not tried.
        timed: bool,
    },
    /// Sets how much the pipe holds.
    SetCapacity {
        /// By which end.
        writer: usize,
        /// In bytes.
        bytes: usize,
    },
    /// Sets whether what is not tried waits, at a reading end.
    SetReaderNonblocking {
        /// Which end.
        reader: usize,
        /// Whether it does not.
        on: bool,
    },
    /// Sets whether what is not tried waits, at a writing end.
    SetWriterNonblocking {
        /// Which end.
        writer: usize,
        /// Whether it does not.
        on: bool,
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

/// A call on a FIFO.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FifoStep {
    /// On an end of it.
    End(Step),
    /// Makes the name, and a handle to open ends by.
    Create {
        /// Insists on making it.
        new: bool,
    },
    /// Takes the name away.
    Unlink,
    /// Other code takes the name away, if there is any, and makes another FIFO of it: the handle knows nothing of that.
    Replace,
    /// Opens an end for reading.
    OpenReader {
        /// And for writing, so that no writer is ever the last.
        lasting: bool,
    },
    /// Opens an end for writing.
    OpenWriter,
    /// Opens an end for reading, if there is a writer or something to read.
    MeetWriter,
    /// Opens an end for writing, with no time to wait for a reader.
    MeetReader,
}

/// What a step answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Done,
    /// So much was written, or is the capacity.
    Count(usize),
    /// This was read.
    Bytes(Vec<u8>),
    /// Whether the name is new.
    IsNew(bool),
}

/// A wait that had no time is over.
fn in_vain<T>(answer: Answer<T>, timed: bool) -> Answer<T> {
    answer.map_err(|fault| if timed && fault == Fault::WOULD_BLOCK { TIMED_OUT } else { fault })
}

/// Bytes that tell where they are, the first of them this one.
#[must_use]
pub fn text(len: usize, byte: u8) -> Vec<u8> {
    let round: Vec<u8> = (0..251).map(|at| byte.wrapping_add(at)).collect();
    let mut text = round.repeat(len / round.len() + 1);
    text.truncate(len);
    text
}

impl Pipes {
    /// Whether the end of the step is there, and there are no more than `ends` of a kind afterwards.
    #[must_use]
    pub const fn is_possible(&self, step: &Step, ends: usize) -> bool {
        let (readers, writers) = (self.readers.len(), self.writers.len());
        match *step {
            Step::CloneReader { reader } => reader < readers && readers < ends,
            Step::CloneWriter { writer } => writer < writers && writers < ends,
            Step::Read { reader, .. } | Step::SetReaderNonblocking { reader, .. } | Step::CloseReader { reader } => {
                reader < readers
            }
            Step::Write { writer, .. }
            | Step::SetCapacity { writer, .. }
            | Step::SetWriterNonblocking { writer, .. }
            | Step::CloseWriter { writer } => writer < writers,
        }
    }

    /// Whether there is the end, or the handle, and there are no more than `ends` of a kind afterwards.
    #[must_use]
    pub const fn is_possible_on_fifo(&self, step: &FifoStep, ends: usize) -> bool {
        match step {
            FifoStep::End(step) => self.is_possible(step, ends),
            FifoStep::Create { .. } | FifoStep::Replace => true,
            FifoStep::Unlink => self.has_handle(),
            FifoStep::OpenReader { .. } | FifoStep::MeetWriter => self.has_handle() && self.readers.len() < ends,
            FifoStep::OpenWriter | FifoStep::MeetReader => self.has_handle() && self.writers.len() < ends,
        }
    }

    /// What a [possible](Self::is_possible) step answers. Others panic.
    pub fn perform(&mut self, step: &Step) -> Answer<Outcome> {
        match *step {
            Step::Write { writer, len, byte, atomic, timed } => {
                let written = self.write(writer, &text(len, byte), atomic);
                return in_vain(written, timed).map(Outcome::Count);
            }
            Step::Read { reader, len, timed } => {
                let read = self.read(reader, len);
                return in_vain(read, timed).map(Outcome::Bytes);
            }
            Step::SetCapacity { writer, bytes } => return self.set_capacity(writer, bytes).map(Outcome::Count),
            Step::SetReaderNonblocking { reader, on } => self.descriptions[self.readers[reader]].nonblocking = on,
            Step::SetWriterNonblocking { writer, on } => self.descriptions[self.writers[writer]].nonblocking = on,
            Step::CloneReader { reader } => self.clone_reader(reader),
            Step::CloneWriter { writer } => self.clone_writer(writer),
            Step::CloseReader { reader } => self.close_reader(reader),
            Step::CloseWriter { writer } => self.close_writer(writer),
        }
        Ok(Outcome::Done)
    }

    /// What a [possible](Self::is_possible_on_fifo) step answers. Others panic.
    pub fn perform_on_fifo(&mut self, step: &FifoStep) -> Answer<Outcome> {
        let done = |()| Outcome::Done;
        match *step {
            FifoStep::End(ref step) => self.perform(step),
            FifoStep::Create { new } => self.create(new).map(Outcome::IsNew),
            FifoStep::Unlink => self.unlink().map(done),
            FifoStep::Replace => {
                self.replace();
                Ok(Outcome::Done)
            }
            FifoStep::OpenReader { lasting } => self.open_reader(lasting).map(done),
            FifoStep::OpenWriter => self.open_writer().map(done),
            FifoStep::MeetWriter => self.meet_writer().map(done),
            FifoStep::MeetReader => {
                let opened = self.open_writer();
                opened.map_err(|fault| if fault == NO_READER { TIMED_OUT } else { fault }).map(done)
            }
        }
    }

    /// Whether calls at the end do not wait that are not tried.
    #[must_use]
    pub fn is_nonblocking(&self, description: usize) -> bool {
        self.descriptions[description].nonblocking
    }
}

/// The ends themselves, on which the steps are performed, too.
///
/// ```
/// use ipc_safe::testing::model::pipe::{Ends, Pipes, Step};
///
/// let (mut kernel, mut model) = (Ends::pipe(false)?, Pipes::pipe(4096, false));
/// for step in [
///     Step::Write { writer: 0, len: 5000, byte: 1, atomic: false, timed: false },
///     Step::CloseWriter { writer: 0 },
///     Step::Read { reader: 0, len: 4999, timed: false },
///     Step::Read { reader: 0, len: 2, timed: true },
///     Step::Read { reader: 0, len: 1, timed: false }, // the end
/// ] {
///     assert_eq!(kernel.perform(&step), model.perform(&step), "{step:?}");
///     kernel.check(&model);
/// }
/// # Ok::<(), ipc_safe::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Ends {
    readers: Vec<PipeReader>,
    writers: Vec<PipeWriter>,
}

impl Ends {
    /// Both ends of a new pipe, of bytes or of packets.
    pub fn pipe(packets: bool) -> Result<Self> {
        let (reader, writer) = PipeOptions::new().packets(packets).create()?;
        Ok(Self { readers: vec![reader], writers: vec![writer] })
    }

    /// What the kernel answers. Panics when there is no such end.
    pub fn perform(&mut self, step: &Step) -> Answer<Outcome> {
        match *step {
            Step::Write { writer, len, byte, atomic, timed } => {
                let (writer, bytes, whole) = (&self.writers[writer], text(len, byte), |()| len);
                let written = match (atomic, timed) {
                    (true, false) => writer.try_write_atomic(&bytes).map(whole),
                    (true, true) => writer.write_atomic_timeout(&bytes, Duration::ZERO).map(whole),
                    (false, false) => writer.try_write(&bytes),
                    (false, true) => writer.write_timeout(&bytes, Duration::ZERO),
                };
                return Ok(Outcome::Count(written?));
            }
            Step::Read { reader, len, timed } => {
                let (reader, mut bytes) = (&self.readers[reader], vec![0; len]);
                let came =
                    if timed { reader.read_timeout(&mut bytes, Duration::ZERO) } else { reader.try_read(&mut bytes) }?;
                bytes.truncate(came);
                return Ok(Outcome::Bytes(bytes));
            }
            Step::SetCapacity { writer, bytes } => {
                return Ok(Outcome::Count(self.writers[writer].set_capacity(bytes)?));
            }
            Step::SetReaderNonblocking { reader, on } => self.readers[reader].set_nonblocking(on)?,
            Step::SetWriterNonblocking { writer, on } => self.writers[writer].set_nonblocking(on)?,
            Step::CloneReader { reader } => self.readers.push(self.readers[reader].try_clone()?),
            Step::CloneWriter { writer } => self.writers.push(self.writers[writer].try_clone()?),
            Step::CloseReader { reader } => drop(self.readers.remove(reader)),
            Step::CloseWriter { writer } => drop(self.writers.remove(writer)),
        }
        Ok(Outcome::Done)
    }

    /// That each end sees what the model's does: bytes, capacity, whether it is ready.
    ///
    /// # Panics
    ///
    /// When one does not.
    pub fn check(&self, model: &Pipes) {
        let counts = (self.readers.len(), self.writers.len());
        assert_eq!(counts, (model.readers.len(), model.writers.len()), "ends for reading, and for writing");
        for (at, reader) in self.readers.iter().enumerate() {
            let description = model.readers[at];
            let sizes = reader.available().and_then(|bytes| Ok((bytes, reader.capacity()?)));
            assert_eq!(sizes.map_err(Fault::from), Ok(model.sizes(description)), "bytes and capacity, of reader {at}");
            assert_eq!(reader.try_wait().map_err(Fault::from), model.readable(at), "reader {at}");
            let nonblocking = reader.is_nonblocking().map_err(Fault::from);
            assert_eq!(nonblocking, Ok(model.is_nonblocking(description)), "reader {at} does not wait");
        }
        for (at, writer) in self.writers.iter().enumerate() {
            let description = model.writers[at];
            let sizes = writer.available().and_then(|bytes| Ok((bytes, writer.capacity()?)));
            assert_eq!(sizes.map_err(Fault::from), Ok(model.sizes(description)), "bytes and capacity, of writer {at}");
            assert_eq!(writer.try_wait().map_err(Fault::from), model.writable(at), "writer {at}");
            let nonblocking = writer.is_nonblocking().map_err(Fault::from);
            assert_eq!(nonblocking, Ok(model.is_nonblocking(description)), "writer {at} does not wait");
        }
    }
}

/// A name, the handle of a FIFO that it means or meant, and ends of it.
#[derive(Debug)]
pub struct NamedEnds {
    /// The ends, each of a FIFO that the name meant when it was opened.
    pub ends: Ends,
    path: PathBuf,
    fifo: Option<Fifo>,
}

impl NamedEnds {
    /// A name that means nothing yet.
    #[must_use]
    pub fn nothing(path: impl Into<PathBuf>) -> Self {
        Self { ends: Ends::default(), path: path.into(), fifo: None }
    }

    /// What the kernel answers. Panics when there is no such end, or no handle yet.
    pub fn perform(&mut self, step: &FifoStep) -> Answer<Outcome> {
        match *step {
            FifoStep::End(ref step) => return self.ends.perform(step),
            FifoStep::Create { new } => {
                let fifo = Fifo::options().create(true).create_new(new).open(&self.path)?;
                let is_new = fifo.is_new();
                self.fifo = Some(fifo);
                return Ok(Outcome::IsNew(is_new));
            }
            FifoStep::Unlink => self.fifo().clone().into_owned().unlink()?,
            FifoStep::Replace => {
                // An error means that there was no name.
                let _ = std::fs::remove_file(&self.path);
                Fifo::options().create_new(true).open(&self.path)?;
            }
            FifoStep::OpenReader { lasting } => {
                let fifo = self.fifo();
                let reader = if lasting { fifo.open_lasting_reader()? } else { fifo.try_open_reader()? };
                self.ends.readers.push(reader);
            }
            FifoStep::OpenWriter => {
                let writer = self.fifo().try_open_writer()?;
                self.ends.writers.push(writer);
            }
            FifoStep::MeetWriter => {
                let reader = self.fifo().open_reader_timeout(Duration::ZERO)?;
                self.ends.readers.push(reader);
            }
            FifoStep::MeetReader => {
                let writer = self.fifo().open_writer_timeout(Duration::ZERO)?;
                self.ends.writers.push(writer);
            }
        }
        Ok(Outcome::Done)
    }

    fn fifo(&self) -> &Fifo {
        self.fifo.as_ref().expect("the model asks for one that there is")
    }
}
