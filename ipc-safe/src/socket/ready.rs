//! Waiting until a socket is ready.

use crate::error::Errno;
use crate::wait::{Wait, until_ready};
use rustix::event::{PollFlags, poll};
use rustix::fd::BorrowedFd;
use std::time::{Duration, Instant};

/// The shortest and the longest pause when the kernel says that a socket is ready and the call finds that it is not.
const SHORTEST: Duration = Duration::from_micros(20);
const LONGEST: Duration = Duration::from_millis(1);

/// Makes a call, which is told whether it must not wait, until it is done or `wait` says that it has been long enough.
///
/// The plain form waits in the call itself, and goes on here when the descriptor is non-blocking. The others are made
/// without waiting, so that neither the flags of the descriptor nor those of signal handlers matter.
#[inline(always)]
pub(super) fn perform<T>(
    socket: BorrowedFd<'_>,
    events: PollFlags,
    wait: Wait,
    mut call: impl FnMut(bool) -> Result<T, Errno>,
) -> Result<T, Errno> {
    let dont_wait = !matches!(wait, Wait::Forever);
    let mut in_vain = 0;
    loop {
        match call(dont_wait) {
            Err(errno @ (Errno::INTR | Errno::AGAIN)) => be_patient(errno, socket, events, wait, &mut in_vain)?,
            other => return other,
        }
    }
}

/// Waits until a call that failed can be made again, when it is to be.
#[cold]
fn be_patient(
    errno: Errno,
    socket: BorrowedFd<'_>,
    events: PollFlags,
    wait: Wait,
    in_vain: &mut u32,
) -> Result<(), Errno> {
    match errno {
        Errno::INTR if wait.retries() => return Ok(()),
        Errno::AGAIN if !matches!(wait, Wait::No) => {}
        _ => return Err(errno),
    }
    until_ready(socket, events, wait)?;
    // Poll does not see all that a call waits for: room at the receiver of a datagram that has an address, or a
    // byte behind one that is out of band when only looking.
    if *in_vain > 0 {
        pause(*in_vain, wait)?;
    }
    *in_vain += 1;
    Ok(())
}

/// Sleeps a while, the longer the more often it was in vain, and not past the deadline.
fn pause(in_vain: u32, wait: Wait) -> Result<(), Errno> {
    let pause = (SHORTEST * (1 << in_vain.min(6))).min(LONGEST);
    let pause = match wait {
        Wait::Until(deadline) => pause.min(deadline.saturating_duration_since(Instant::now())),
        _ => pause,
    };
    if pause.is_zero() {
        return Err(Errno::TIMEDOUT);
    }
    // At most a millisecond, which fits.
    match poll(&mut [], pause.try_into().ok().as_ref()).map_err(errno) {
        Err(Errno::INTR) if wait.retries() => Ok(()),
        other => other.map(drop),
    }
}

#[inline]
pub(super) fn errno(errno: rustix::io::Errno) -> Errno {
    Errno::from_raw(errno.raw_os_error())
}
