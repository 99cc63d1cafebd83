//! Signals that are blocked and waited for.

use super::By;
use ipc_measure::ours::name;
use ipc_measure::{Channel, Ends, Place, Result, Row, Seat};
use std::io;

pub(super) fn events(by: By, place: Place) -> [Row; 1] {
    [Row::between(by, name::SIGNAL, place, 0, move || Ok(Signals { spins: place == Place::TwoCores }))]
}

struct Signals {
    spins: bool,
}

impl Ends for Signals {
    type Channel<'e> = Both;

    fn connect(&self, seat: Seat) -> Result<Both> {
        // SAFETY: an all-zero set is one; the calls write it, and read it.
        let (set, failed) = unsafe {
            let mut set: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut set);
            libc::sigaddset(&raw mut set, libc::SIGUSR1);
            (set, libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()))
        };
        if failed != 0 {
            return Err(io::Error::last_os_error().into());
        }
        Ok(Both { set, peer: seat.peer.as_raw_pid(), spins: self.spins })
    }
}

struct Both {
    set: libc::sigset_t,
    peer: libc::pid_t,
    spins: bool,
}

impl Channel for Both {
    fn send(&mut self, _: &[u8]) -> Result {
        // SAFETY: takes integers.
        match unsafe { libc::kill(self.peer, libc::SIGUSR1) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error().into()),
        }
    }

    fn receive(&mut self, _: &mut [u8]) -> Result {
        let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let timeout = if self.spins { &raw const at_once } else { std::ptr::null() };
        loop {
            // SAFETY: reads the kernel's eight bytes of a set, and the timeout if there is one; writes a `siginfo_t`.
            let taken = unsafe {
                let mut information: libc::siginfo_t = std::mem::zeroed();
                libc::syscall(libc::SYS_rt_sigtimedwait, &raw const self.set, &raw mut information, timeout, 8_usize)
            };
            if taken == i64::from(libc::SIGUSR1) {
                return Ok(());
            }
            std::hint::spin_loop();
        }
    }
}
