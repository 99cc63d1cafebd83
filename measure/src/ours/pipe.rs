//! Pipes and FIFOs, one a direction.

use super::{OURS, name};
use crate::fact::Place;
use crate::mechanism::{Channel, Ends, Result, Seat, spin};
use crate::row::Row;
use ipc_safe::pipe::{Fifo, OwnedFifo, PipeReader, PipeWriter, pipe};
use ipc_safe::sysv::Key;
use std::io::{Read, Write};

pub(super) fn rows(place: Place, bytes: usize) -> Vec<Row> {
    vec![
        Row::between(OURS, name::PIPE, place, bytes, move || {
            Ok(Pipes { ends: [pipe()?, pipe()?], spins: place == Place::TwoCores, _fifos: Vec::new() })
        }),
        Row::between(OURS, name::FIFO, place, bytes, move || fifos(place == Place::TwoCores)),
    ]
}

struct Pipes {
    ends: [(PipeReader, PipeWriter); 2],
    spins: bool,
    /// Unlinked when dropped.
    _fifos: Vec<OwnedFifo>,
}

fn fifos(spins: bool) -> Result<Pipes> {
    let make = || -> Result<OwnedFifo> {
        let path = std::env::temp_dir().join(format!("ipc-measure-{}-{}", std::process::id(), Key::random()?));
        Ok(Fifo::options().create_new(true).open(path)?.into_owned())
    };
    let fifos = [make()?, make()?];
    let ends = [fifos[0].open_both()?, fifos[1].open_both()?];
    Ok(Pipes { ends, spins, _fifos: fifos.into() })
}

impl Ends for Pipes {
    type Channel<'e> = Both<'e>;

    fn connect(&self, seat: Seat) -> Result<Both<'_>> {
        let Self { ends, spins, .. } = self;
        Ok(Both { reader: &ends[seat.end.receives()].0, writer: &ends[seat.end.sends()].1, spins: *spins })
    }
}

struct Both<'e> {
    reader: &'e PipeReader,
    writer: &'e PipeWriter,
    spins: bool,
}

impl Channel for Both<'_> {
    fn send(&mut self, message: &[u8]) -> Result {
        if !self.spins {
            return Ok(self.writer.write_all(message)?);
        }
        let mut rest = message;
        while !rest.is_empty() {
            let written = spin(|| self.writer.try_write(rest))?;
            rest = &rest[written..];
        }
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result {
        if !self.spins {
            return Ok(self.reader.read_exact(buffer)?);
        }
        let mut filled = 0;
        while filled < buffer.len() {
            filled += spin(|| self.reader.try_read(&mut buffer[filled..]))?;
        }
        Ok(())
    }
}
