//! Pipes and FIFOs, one a direction.

use super::{OURS, name};
use crate::fact::Place;
use crate::mechanism::{Channel, Ends, Result, Seat};
use crate::row::Row;
use ipc_safe::pipe::{Fifo, OwnedFifo, PipeOptions, PipeReader, PipeWriter};
use ipc_safe::sysv::Key;
use std::io::{self, ErrorKind, Read, Write};

pub(super) fn rows(place: Place, bytes: usize) -> Vec<Row> {
    vec![
        Row::between(OURS, name::PIPE, place, bytes, move || {
            let pipe = || PipeOptions::new().nonblocking(place == Place::TwoCores).create();
            Ok(Pipes { ends: [pipe()?, pipe()?], _fifos: Vec::new() })
        }),
        Row::between(OURS, name::FIFO, place, bytes, move || fifos(place == Place::TwoCores)),
    ]
}

struct Pipes {
    ends: [(PipeReader, PipeWriter); 2],
    /// Unlinked when dropped.
    _fifos: Vec<OwnedFifo>,
}

fn fifos(spins: bool) -> Result<Pipes> {
    let make = || -> Result<OwnedFifo> {
        let path = std::env::temp_dir().join(format!("ipc-measure-{}-{}", std::process::id(), Key::random()?));
        Ok(Fifo::options().create_new(true).open(path)?.into_owned())
    };
    let fifos = [make()?, make()?];
    let open = |fifo: &Fifo| -> Result<_> {
        let (reader, writer) = fifo.open_both()?;
        reader.set_nonblocking(spins)?;
        writer.set_nonblocking(spins)?;
        Ok((reader, writer))
    };
    Ok(Pipes { ends: [open(&fifos[0])?, open(&fifos[1])?], _fifos: fifos.into() })
}

impl Ends for Pipes {
    type Channel<'e> = Both<'e>;

    fn connect(&self, seat: Seat) -> Result<Both<'_>> {
        let Self { ends, .. } = self;
        Ok(Both { reader: &ends[seat.end.receives()].0, writer: &ends[seat.end.sends()].1 })
    }
}

struct Both<'e> {
    reader: &'e PipeReader,
    writer: &'e PipeWriter,
}

impl Channel for Both<'_> {
    fn send(&mut self, message: &[u8]) -> Result {
        let mut rest = message;
        while !rest.is_empty() {
            let written = until_done(|| self.writer.write(rest))?;
            rest = &rest[written..];
        }
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result {
        let mut filled = 0;
        while filled < buffer.len() {
            filled += until_done(|| self.reader.read(&mut buffer[filled..]))?;
        }
        Ok(())
    }
}

/// An end that is non-blocking is asked again and again.
fn until_done(mut attempt: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match attempt() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::hint::spin_loop(),
            other => return other,
        }
    }
}
