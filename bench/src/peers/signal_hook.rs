//! signal-hook: signals that are handled; who waits sleeps on its pipe, or looks at a flag.

use super::peer;
use ipc_measure::ours::name;
use ipc_measure::{Channel, Ends, Place, Result, Row, Seat};
use signal_hook::consts::SIGUSR1;
use signal_hook::iterator::Signals;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub(super) fn events(place: Place) -> [Row; 1] {
    [match place {
        Place::OneCore => Row::between(peer(BY), name::SIGNAL, place, 0, || Ok(Sleeping)),
        Place::TwoCores => Row::between(peer(BY), name::SIGNAL, place, 0, || Ok(Spinning)),
    }]
}

const BY: &str = "signal-hook";

fn send(peer: i32) -> Result {
    // SAFETY: takes integers.
    match unsafe { libc::kill(peer, SIGUSR1) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error().into()),
    }
}

struct Sleeping;

impl Ends for Sleeping {
    type Channel<'e> = Iterator;

    fn connect(&self, seat: Seat) -> Result<Iterator> {
        Ok(Iterator { signals: Signals::new([SIGUSR1])?, peer: seat.peer.as_raw_pid() })
    }
}

struct Iterator {
    signals: Signals,
    peer: i32,
}

impl Channel for Iterator {
    fn send(&mut self, _: &[u8]) -> Result {
        send(self.peer)
    }

    fn receive(&mut self, _: &mut [u8]) -> Result {
        while self.signals.wait().count() == 0 {}
        Ok(())
    }
}

struct Spinning;

impl Ends for Spinning {
    type Channel<'e> = Flag;

    fn connect(&self, seat: Seat) -> Result<Flag> {
        let flag = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(SIGUSR1, Arc::clone(&flag))?;
        Ok(Flag { flag, peer: seat.peer.as_raw_pid() })
    }
}

struct Flag {
    flag: Arc<AtomicBool>,
    peer: i32,
}

impl Channel for Flag {
    fn send(&mut self, _: &[u8]) -> Result {
        send(self.peer)
    }

    fn receive(&mut self, _: &mut [u8]) -> Result {
        while !self.flag.swap(false, Ordering::Acquire) {
            std::hint::spin_loop();
        }
        Ok(())
    }
}
