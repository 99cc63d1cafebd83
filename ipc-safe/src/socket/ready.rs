//! Waiting until a socket is ready.

use crate::error::Errno;
use crate::wait::Wait;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::BorrowedFd;
use std::time::{Duration, Instant};

/// The shortest and the longest pause when the kernel says that a socket is ready and the call finds that it is not.
const SHORTEST: Duration = Duration::from_micros(20);
const LONGEST: Duration = Duration::from_millis(1);

/// Makes a call, which is told whether it must not wait, until it is done or `wait` says that it has been long enough.
///
/// The plain form waits in the call itself, and goes on here when the descriptor is non-blocking. The others are made
/// without waiting, so that neither the flags of the descriptor nor those of signal handlers matter.
pub(super) fn perform<T>(
    socket: BorrowedFd<'_>,
    events: PollFlags,
    wait: Wait,
    mut call: impl FnMut(bool) -> Result<T, Errno>,
) -> Result<T, Errno> {
    let dont_wait = !matches!(wait, Wait::Forever);
    let mut sleep = Sleep { socket, events, wait, in_vain: 0 };
    loop {
        match call(dont_wait) {
            Err(Errno::INTR) if wait.retries() => {}
            Err(Errno::AGAIN) if !matches!(wait, Wait::No) => sleep.sleep()?,
            other => return other,
        }
    }
}

struct Sleep<'fd> {
    socket: BorrowedFd<'fd>,
    events: PollFlags,
    wait: Wait,
    /// How often the socket was ready and the call was not.
    in_vain: u32,
}

impl Sleep<'_> {
    /// Sleeps until the socket is ready, or a while. Poll does not see all that a call waits for: room at the receiver of
    /// a datagram that has an address, or a byte behind one that is out of band when only looking. Then there are pauses.
    fn sleep(&mut self) -> Result<(), Errno> {
        let mut sockets = [PollFd::from_borrowed_fd(self.socket, self.events)];
        let ready = self.retried(poll(&mut sockets, self.left().as_ref()))?;
        if ready == Some(0) {
            return Err(Errno::TIMEDOUT);
        }
        if ready.is_some() && self.in_vain > 0 {
            self.pause()?;
        }
        self.in_vain += 1;
        Ok(())
    }

    fn pause(&self) -> Result<(), Errno> {
        let pause = (SHORTEST * (1 << self.in_vain.min(6))).min(LONGEST);
        let pause = match self.wait {
            Wait::Until(deadline) => pause.min(deadline.saturating_duration_since(Instant::now())),
            _ => pause,
        };
        if pause.is_zero() {
            return Err(Errno::TIMEDOUT);
        }
        self.retried(poll(&mut [], timespec(pause).as_ref())).map(drop)
    }

    /// The time that is left, or none when it has no end.
    fn left(&self) -> Option<Timespec> {
        match self.wait {
            Wait::Until(deadline) => timespec(deadline.saturating_duration_since(Instant::now())),
            _ => None,
        }
    }

    /// None for a wait that a signal handler ended and that goes on.
    fn retried(&self, polled: rustix::io::Result<usize>) -> Result<Option<usize>, Errno> {
        match polled.map_err(errno) {
            Err(Errno::INTR) if self.wait.retries() => Ok(None),
            other => other.map(Some),
        }
    }
}

/// Waits until the socket is ready; false when `wait` does not wait and it is not.
pub(super) fn wait_for(socket: BorrowedFd<'_>, events: PollFlags, wait: Wait) -> Result<bool, Errno> {
    let now = || poll(&mut [PollFd::from_borrowed_fd(socket, events)], Some(&Timespec::default())).map_err(errno);
    let ready = perform(socket, events, wait, |_| if now()? == 0 { Err(Errno::AGAIN) } else { Ok(()) });
    match ready {
        Ok(()) => Ok(true),
        Err(Errno::AGAIN) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// A time that is too long for the kernel has no end.
fn timespec(time: Duration) -> Option<Timespec> {
    time.try_into().ok()
}

pub(super) fn errno(errno: rustix::io::Errno) -> Errno {
    Errno::from_raw(errno.raw_os_error())
}
