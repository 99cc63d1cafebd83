//! Pipes, one a direction: without a name, in packets, with a name, and with a program on the way.

use super::mechanism::{Channel, End, Mechanism, Objects};
use super::memory::unused_name;
use crate::failure::{Failure, Result};
use crate::inventory::Name;
use ipc_safe::command::Pipeline;
use ipc_safe::pipe::{Fifo, OwnedFifo, PIPE_BUF, PipeOptions, PipeReader, PipeWriter, Writable, pipe};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Pipes of one sort.
pub(super) struct Pipes {
    name: &'static str,
    title: &'static str,
    unit: usize,
    create: fn() -> Result<Box<dyn Objects>>,
}

impl Pipes {
    pub(super) const PLAIN: Self = Self { name: "pipe", title: "pipe", unit: 64 << 10, create: Inherited::plain };
    pub(super) const PACKETS: Self =
        Self { name: "packets", title: "pipe of packets", unit: PAYLOAD, create: Inherited::packets };
    pub(super) const FIFO: Self = Self { name: "fifo", title: "FIFO", unit: 64 << 10, create: Fifos::create };
    pub(super) const COPROCESS: Self =
        Self { name: "coprocess", title: "pipes through a filter", unit: 64 << 10, create: Inherited::filtered };
}

impl Mechanism for Pipes {
    fn name(&self) -> &'static str {
        self.name
    }

    fn title(&self) -> &'static str {
        self.title
    }

    fn unit(&self) -> Result<usize> {
        Ok(self.unit)
    }

    fn create(&self, _unit: usize) -> Result<Box<dyn Objects>> {
        (self.create)()
    }
}

/// The two ends of each direction.
type Ends = [(PipeReader, PipeWriter); 2];

/// Pipes that the receiver inherits.
struct Inherited {
    /// Of both processes, until one of them connects.
    ends: Mutex<Option<Ends>>,
    in_packets: bool,
    programs: Vec<Pipeline>,
}

impl Inherited {
    fn plain() -> Result<Box<dyn Objects>> {
        Ok(Self::boxed([pipe()?, pipe()?], false, Vec::new()))
    }

    fn packets() -> Result<Box<dyn Objects>> {
        let options = PipeOptions::new().packets(true);
        Ok(Self::boxed([options.create()?, options.create()?], true, Vec::new()))
    }

    /// What is written to a filter is read from it.
    fn filtered() -> Result<Box<dyn Objects>> {
        let mut programs = Vec::new();
        let mut filter = || {
            let mut cat = Pipeline::start([Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped())])?;
            let ends = cat.take_output().zip(cat.take_input());
            programs.push(cat);
            ends.ok_or_else(|| Failure::new("the filter has no pipes"))
        };
        let ends = [filter()?, filter()?];
        Ok(Self::boxed(ends, false, programs))
    }

    fn boxed(ends: Ends, in_packets: bool, programs: Vec<Pipeline>) -> Box<dyn Objects> {
        Box::new(Self { ends: Mutex::new(Some(ends)), in_packets, programs })
    }
}

impl Objects for Inherited {
    fn names(&self) -> Vec<Name> {
        Vec::new()
    }

    fn connect(&self, end: End) -> Result<Box<dyn Channel + '_>> {
        let ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner).take();
        let [first, second] = ends.ok_or_else(|| Failure::new("the ends of the pipes are in use"))?;
        let (sends, receives) = if end.sends() == 0 { (first, second) } else { (second, first) };
        // What the other process uses is closed here: the stream ends when it does.
        Ok(Both::boxed(receives.0, sends.1, self.in_packets))
    }
}

impl Drop for Inherited {
    /// The next receiver is forked while this process has one thread: nobody else waits for the programs.
    fn drop(&mut self) {
        self.programs.iter_mut().for_each(Pipeline::kill);
    }
}

/// A FIFO a direction, which each process opens by its name.
struct Fifos([OwnedFifo; 2]);

impl Fifos {
    fn create() -> Result<Box<dyn Objects>> {
        let make = || -> Result<OwnedFifo> {
            let path = std::env::temp_dir().join(unused_name()?);
            Ok(Fifo::options().create_new(true).open(path)?.into_owned())
        };
        Ok(Box::new(Self([make()?, make()?])))
    }
}

impl Objects for Fifos {
    fn names(&self) -> Vec<Name> {
        self.0.iter().map(|fifo| Name::File { path: fifo.path().to_owned() }).collect()
    }

    fn connect(&self, end: End) -> Result<Box<dyn Channel + '_>> {
        /// Longer than the other process takes to open its ends.
        const PATIENCE: Duration = Duration::from_secs(10);
        // Each opens for reading at once, so that both find a reader when they open for writing.
        let reader = Fifo::open(self.0[usize::from(end.receives())].path())?.try_open_reader()?;
        let writer = Fifo::open(self.0[usize::from(end.sends())].path())?.open_writer_timeout(PATIENCE)?;
        Ok(Both::boxed(reader, writer, false))
    }
}

/// Before a message in a stream: its length.
const HEADER: usize = size_of::<u64>();
/// Bytes of a message in a packet, behind a byte that says whether it is the last one of the message.
const PAYLOAD: usize = PIPE_BUF - 1;
/// For calls that wait without an end, and whose errors say what failed.
const FOR_EVER: Duration = Duration::MAX;

struct Both {
    reader: PipeReader,
    writer: PipeWriter,
    in_packets: bool,
    outgoing: Vec<u8>,
    incoming: Vec<u8>,
}

impl Both {
    fn boxed(reader: PipeReader, writer: PipeWriter, in_packets: bool) -> Box<dyn Channel> {
        Box::new(Self { reader, writer, in_packets, outgoing: Vec::new(), incoming: Vec::new() })
    }

    fn send_packets(&mut self, mut message: &[u8]) -> ipc_safe::Result<()> {
        loop {
            let (part, rest) = message.split_at(message.len().min(PAYLOAD));
            self.outgoing.clear();
            self.outgoing.push(u8::from(rest.is_empty()));
            self.outgoing.extend_from_slice(part);
            self.writer.write_atomic(&self.outgoing)?;
            if rest.is_empty() {
                return Ok(());
            }
            message = rest;
        }
    }

    fn send_stream(&mut self, message: &[u8]) -> ipc_safe::Result<()> {
        self.outgoing.clear();
        self.outgoing.extend_from_slice(&(message.len() as u64).to_le_bytes());
        self.outgoing.extend_from_slice(message);
        let mut written = 0;
        while written < self.outgoing.len() {
            written += self.writer.write_timeout(&self.outgoing[written..], FOR_EVER)?;
        }
        Ok(())
    }

    /// How long the message is.
    fn receive_packets(&mut self) -> ipc_safe::Result<usize> {
        let mut packet = [0; PIPE_BUF];
        self.incoming.clear();
        loop {
            let len = self.reader.read_timeout(&mut packet, FOR_EVER)?;
            let (is_last, part) = packet[..len].split_first().unwrap_or((&1, &[]));
            self.incoming.extend_from_slice(part);
            if *is_last != 0 {
                return Ok(self.incoming.len());
            }
        }
    }

    /// Waits for bytes, or for the end of the stream. A FIFO that nobody has opened for writing yet would read as ended; and when the
    /// other process ends before it has, the FIFO does not tell, but then nobody reads what is written either.
    fn wait(&self) -> ipc_safe::Result<()> {
        const LOOK: Duration = Duration::from_millis(50);
        loop {
            match self.reader.wait_timeout(LOOK) {
                Err(error) if error.is_timed_out() => {}
                ready => return ready.map(drop),
            }
            if matches!(self.writer.try_wait(), Ok(Writable::Broken)) {
                return Ok(());
            }
        }
    }

    /// How long the message is.
    fn receive_stream(&mut self) -> ipc_safe::Result<usize> {
        self.wait()?;
        self.fill(HEADER)?;
        let header = self.incoming.first_chunk().copied().unwrap_or_default();
        self.fill(usize::try_from(u64::from_le_bytes(header)).unwrap_or(0))
    }

    /// Reads so many bytes; says 0 when the stream ends before: the other process is gone, and whoever watches knows why.
    fn fill(&mut self, len: usize) -> ipc_safe::Result<usize> {
        if self.incoming.len() < len {
            self.incoming.resize(len, 0);
        }
        let mut filled = 0;
        while filled < len {
            match self.reader.read_timeout(&mut self.incoming[filled..len], FOR_EVER)? {
                0 => {
                    self.incoming.fill(0);
                    return Ok(0);
                }
                read => filled += read,
            }
        }
        Ok(len)
    }
}

impl Channel for Both {
    fn send(&mut self, message: &[u8]) -> Result {
        if self.in_packets {
            self.send_packets(message)?
        } else {
            self.send_stream(message)?
        }
        Ok(())
    }

    fn receive(&mut self) -> Result<&[u8]> {
        let len = if self.in_packets { self.receive_packets() } else { self.receive_stream() }?;
        Ok(&self.incoming[..len])
    }
}
