//! Events that reset themselves and counting semaphores, in shared memory, one a direction.

use super::{OURS, name};
use crate::fact::Place;
use crate::mechanism::{Channel, Ends, Result, Seat, spin};
use crate::row::Row;
use ipc_safe::memory::{MapOptions, SharedMemory};
use ipc_safe::shared::{Shared, ShmSafe};
use ipc_safe::sync::{AutoResetEvent, Semaphore};

pub(super) fn events(place: Place) -> [Row; 2] {
    [bells::<AutoResetEvent>(name::EVENT, place), bells::<Semaphore>(name::COUNTER, place)]
}

fn bells<B: Bell>(mechanism: &str, place: Place) -> Row {
    let bell = || -> Result<_> { Ok(Shared::bare(MapOptions::new().shared(4096)?).map_err(ipc_safe::Error::from)?) };
    Row::between(OURS, mechanism, place, 0, move || {
        Ok(Bells::<B> { bells: [bell()?, bell()?], spins: place == Place::TwoCores })
    })
}

/// What says once for each time that something happened.
trait Bell: ShmSafe + Sync + 'static {
    fn ring(&self) -> ipc_safe::Result<()>;
    fn wait(&self);
    fn try_wait(&self) -> ipc_safe::Result<()>;
}

impl Bell for AutoResetEvent {
    fn ring(&self) -> ipc_safe::Result<()> {
        self.set();
        Ok(())
    }

    fn wait(&self) {
        Self::wait(self);
    }

    fn try_wait(&self) -> ipc_safe::Result<()> {
        Self::try_wait(self)
    }
}

impl Bell for Semaphore {
    fn ring(&self) -> ipc_safe::Result<()> {
        self.post()
    }

    fn wait(&self) {
        self.acquire().forget();
    }

    fn try_wait(&self) -> ipc_safe::Result<()> {
        self.try_acquire().map(|permit| permit.forget())
    }
}

/// On pages of their own.
struct Bells<B: Bell> {
    bells: [Shared<B, SharedMemory>; 2],
    spins: bool,
}

impl<B: Bell> Ends for Bells<B> {
    type Channel<'e> = Both<'e, B>;

    fn connect(&self, seat: Seat) -> Result<Both<'_, B>> {
        let Self { bells, spins } = self;
        Ok(Both { outgoing: &bells[seat.end.sends()], incoming: &bells[seat.end.receives()], spins: *spins })
    }
}

struct Both<'e, B> {
    outgoing: &'e B,
    incoming: &'e B,
    spins: bool,
}

impl<B: Bell> Channel for Both<'_, B> {
    fn send(&mut self, _: &[u8]) -> Result {
        Ok(self.outgoing.ring()?)
    }

    fn receive(&mut self, _: &mut [u8]) -> Result {
        if self.spins {
            return spin(|| self.incoming.try_wait());
        }
        self.incoming.wait();
        Ok(())
    }
}
