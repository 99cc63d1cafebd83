//! Events that reset themselves, in shared memory, one a direction.

use super::{OURS, name};
use crate::fact::Place;
use crate::mechanism::{Channel, Ends, Result, Seat, spin};
use crate::row::Row;
use ipc_safe::memory::{MapOptions, SharedMemory};
use ipc_safe::shared::Shared;
use ipc_safe::sync::AutoResetEvent;

pub(super) fn events(place: Place) -> [Row; 1] {
    let event =
        || -> Result<Event> { Ok(Shared::bare(MapOptions::new().shared(4096)?).map_err(ipc_safe::Error::from)?) };
    [Row::between(OURS, name::EVENT, place, 0, move || {
        Ok(Events { events: [event()?, event()?], spins: place == Place::TwoCores })
    })]
}

type Event = Shared<AutoResetEvent, SharedMemory>;

/// On pages of their own.
struct Events {
    events: [Event; 2],
    spins: bool,
}

impl Ends for Events {
    type Channel<'e> = Both<'e>;

    fn connect(&self, seat: Seat) -> Result<Both<'_>> {
        let Self { events, spins } = self;
        Ok(Both { outgoing: &events[seat.end.sends()], incoming: &events[seat.end.receives()], spins: *spins })
    }
}

struct Both<'e> {
    outgoing: &'e AutoResetEvent,
    incoming: &'e AutoResetEvent,
    spins: bool,
}

impl Channel for Both<'_> {
    fn send(&mut self, _: &[u8]) -> Result {
        self.outgoing.set();
        Ok(())
    }

    fn receive(&mut self, _: &mut [u8]) -> Result {
        if self.spins {
            return spin(|| self.incoming.try_wait());
        }
        self.incoming.wait();
        Ok(())
    }
}
