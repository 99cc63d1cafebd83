//! Two-slot cells in shared memory, one a direction: the newest value, which the other end looks for.

use super::{OURS, name};
use crate::fact::Place;
use crate::mechanism::{Channel, Ends, Result, Seat};
use crate::row::Row;
use ipc_safe::memory::{MapOptions, SharedMemory};
use ipc_safe::shared::{Sequenced, Shared};

/// Across cores: nobody is woken by a value.
pub(super) fn rows(place: Place, bytes: usize) -> Option<Row> {
    match (place, bytes) {
        (Place::TwoCores, 64) => Some(row::<64>(place)),
        (Place::TwoCores, 4096) => Some(row::<4096>(place)),
        _ => None,
    }
}

fn row<const N: usize>(place: Place) -> Row {
    let cell = || -> Result<Cell<N>> {
        Ok(Shared::bare(MapOptions::new().shared(size_of::<Sequenced<[u8; N]>>())?).map_err(ipc_safe::Error::from)?)
    };
    Row::between(OURS, name::CELL, place, N, move || Ok(Cells::<N>([cell()?, cell()?]))).latency_only()
}

type Cell<const N: usize> = Shared<Sequenced<[u8; N]>, SharedMemory>;

/// On pages of their own.
struct Cells<const N: usize>([Cell<N>; 2]);

impl<const N: usize> Ends for Cells<N> {
    type Channel<'e> = Both<'e, N>;

    fn connect(&self, seat: Seat) -> Result<Both<'_, N>> {
        let Self(cells) = self;
        Ok(Both { outgoing: &cells[seat.end.sends()], incoming: &cells[seat.end.receives()], seen: 0 })
    }
}

struct Both<'e, const N: usize> {
    outgoing: &'e Sequenced<[u8; N]>,
    incoming: &'e Sequenced<[u8; N]>,
    /// The version that was received last.
    seen: u64,
}

impl<const N: usize> Channel for Both<'_, N> {
    fn send(&mut self, message: &[u8]) -> Result {
        self.outgoing.write(message.try_into()?);
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result {
        while self.incoming.version() == self.seen {
            std::hint::spin_loop();
        }
        self.seen += 1;
        buffer.copy_from_slice(&self.incoming.read()?);
        Ok(())
    }
}
