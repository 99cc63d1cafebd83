//! Signals that are blocked and waited for.

use super::{OURS, name};
use crate::fact::Place;
use crate::mechanism::{Channel, Ends, Result, Seat, spin};
use crate::row::Row;
use ipc_safe::process::Pid;
use ipc_safe::signal::{MaskGuard, Signal, SignalSet, to_process};

pub(super) fn events(place: Place) -> [Row; 1] {
    [Row::between(OURS, name::SIGNAL, place, 0, move || Ok(Signals { spins: place == Place::TwoCores }))]
}

struct Signals {
    spins: bool,
}

impl Ends for Signals {
    type Channel<'e> = Both;

    fn connect(&self, seat: Seat) -> Result<Both> {
        Ok(Both { guard: SignalSet::from(Signal::USR1).block()?, peer: seat.peer, spins: self.spins })
    }
}

struct Both {
    guard: MaskGuard,
    peer: Pid,
    spins: bool,
}

impl Channel for Both {
    fn send(&mut self, _: &[u8]) -> Result {
        Ok(to_process(self.peer, Signal::USR1)?)
    }

    fn receive(&mut self, _: &mut [u8]) -> Result {
        if self.spins {
            spin(|| self.guard.try_wait())?;
        } else {
            self.guard.wait()?;
        }
        Ok(())
    }
}
