//! How long a call waits, and the two ways to sleep that the kernel does not offer as a call.

use crate::error::{Errno, Error, Result};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fd::BorrowedFd;
use std::time::{Duration, Instant};

/// How a call waits: what the suffix of its name says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wait {
    /// No suffix: until it is done. Signal handlers do not show.
    Forever,
    /// `try_`: not at all.
    No,
    /// `_timeout`: until this instant. Signal handlers do not show.
    Until(Instant),
    /// `_interruptible`: until it is done or a signal handler ran.
    Interruptible,
}

impl Wait {
    /// At most this long from now. A time that the clock cannot reach is for ever.
    pub(crate) fn at_most(timeout: Duration) -> Self {
        Instant::now().checked_add(timeout).map_or(Self::Forever, Self::Until)
    }

    /// Whether an interrupted call is made again.
    pub(crate) const fn retries(self) -> bool {
        !matches!(self, Self::Interruptible)
    }
}

/// Makes `call` again for as long as a signal handler interrupts it, unless `wait` is interruptible.
#[inline]
pub(crate) fn uninterrupted<T>(
    wait: Wait,
    mut call: impl FnMut() -> core::result::Result<T, Errno>,
) -> core::result::Result<T, Errno> {
    loop {
        match call() {
            Err(Errno::INTR) if wait.retries() => {}
            other => return other,
        }
    }
}

/// The time as C has it; one that is too long for it is as long as can be.
pub(crate) fn timespec(time: Duration) -> libc::timespec {
    libc::timespec {
        tv_sec: time.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_nsec: time.subsec_nanos().into(),
    }
}

/// Reads from a descriptor that does not block, and waits for it as `wait` says while there is nothing.
#[inline]
pub(crate) fn read_when_ready<T>(
    descriptor: BorrowedFd<'_>,
    wait: Wait,
    mut read: impl FnMut() -> core::result::Result<T, Errno>,
) -> Result<T> {
    loop {
        match uninterrupted(wait, &mut read) {
            Err(Errno::AGAIN) if !matches!(wait, Wait::No) => until_readable(descriptor, wait)?,
            other => return other.map_err(|errno| Error::new("read", errno)),
        }
    }
}

/// Waits until there is something to read.
pub(crate) fn until_readable(descriptor: BorrowedFd<'_>, wait: Wait) -> Result<()> {
    match until_ready(descriptor, PollFlags::IN, wait) {
        Ok(_) => Ok(()),
        Err(errno) => Err(Error::new("poll", errno)),
    }
}

/// Waits until one of the events is there, or an error or hang-up, and tells which.
pub(crate) fn until_ready(
    descriptor: BorrowedFd<'_>,
    events: PollFlags,
    wait: Wait,
) -> core::result::Result<PollFlags, Errno> {
    let mut descriptors = [PollFd::from_borrowed_fd(descriptor, events)];
    until_any_ready(&mut descriptors, wait)?;
    Ok(descriptors[0].revents())
}

/// Waits until one of the descriptors is ready, which then says so.
pub(crate) fn until_any_ready(descriptors: &mut [PollFd<'_>], wait: Wait) -> core::result::Result<(), Errno> {
    const LONGEST: Timespec = Timespec { tv_sec: i64::MAX, tv_nsec: 0 };
    let ready = uninterrupted(wait, || {
        let timeout = match wait {
            Wait::Until(deadline) => {
                Some(deadline.saturating_duration_since(Instant::now()).try_into().unwrap_or(LONGEST))
            }
            Wait::No => Some(Timespec { tv_sec: 0, tv_nsec: 0 }),
            Wait::Forever | Wait::Interruptible => None,
        };
        rustix::event::poll(descriptors, timeout.as_ref()).map_err(|errno| Errno::from_raw(errno.raw_os_error()))
    })?;
    match ready {
        0 if matches!(wait, Wait::No) => Err(Errno::AGAIN),
        0 => Err(Errno::TIMEDOUT),
        _ => Ok(()),
    }
}

/// Sleeps between two looks at a condition that nothing wakes us for: a few times not at all, then longer and longer, at
/// most [`Backoff::LONGEST`], never past the deadline.
#[derive(Debug)]
pub(crate) struct Backoff {
    deadline: Option<Instant>,
    round: u32,
}

impl Backoff {
    /// The longest sleep, and with it the most that a look can come late.
    pub(crate) const LONGEST: Duration = Duration::from_millis(1);
    const YIELDS: u32 = 4;
    const SHORTEST: Duration = Duration::from_micros(20);

    pub(crate) const fn until(deadline: Option<Instant>) -> Self {
        Self { deadline, round: 0 }
    }

    pub(crate) fn at_most(timeout: Duration) -> Self {
        Self::until(Instant::now().checked_add(timeout))
    }

    /// Sleeps, or fails with [`Errno::TIMEDOUT`] when the deadline is past.
    pub(crate) fn sleep(&mut self) -> core::result::Result<(), Errno> {
        let left = match self.deadline {
            Some(deadline) => deadline.saturating_duration_since(Instant::now()),
            None => Duration::MAX,
        };
        if left.is_zero() {
            return Err(Errno::TIMEDOUT);
        }
        match Self::pause(self.round) {
            Some(pause) => std::thread::sleep(pause.min(left)),
            None => std::thread::yield_now(),
        }
        self.round = self.round.saturating_add(1);
        Ok(())
    }

    /// How long to sleep in a round; the first one is 0.
    fn pause(round: u32) -> Option<Duration> {
        let doublings = round.checked_sub(Self::YIELDS)?;
        Some((Self::SHORTEST * (1 << doublings.min(6))).min(Self::LONGEST))
    }
}

/// Looks at `condition` until it gives a value or the time is over (`Ok(None)`).
pub(crate) fn poll<T>(timeout: Duration, mut condition: impl FnMut() -> Result<Option<T>, Error>) -> Result<Option<T>> {
    let mut backoff = Backoff::at_most(timeout);
    loop {
        if let Some(value) = condition()? {
            return Ok(Some(value));
        }
        if backoff.sleep().is_err() {
            return Ok(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_sleeps_longer_and_longer() {
        let micros = |round| Backoff::pause(round).map(|pause| pause.as_micros());
        let pauses: Vec<_> = (0..13).map(micros).collect();
        let doubled = [20, 40, 80, 160, 320, 640, 1000, 1000, 1000].map(Some);
        assert_eq!(pauses, [&[None; 4][..], &doubled].concat());
        assert_eq!(micros(u32::MAX), Some(1000));
    }

    #[test]
    fn backoff_ends_at_its_deadline_and_not_before() {
        let start = Instant::now();
        let mut backoff = Backoff::at_most(Duration::from_millis(10));
        while backoff.sleep().is_ok() {}
        assert!(start.elapsed() >= Duration::from_millis(10));
    }

    #[test]
    fn a_time_beyond_the_clock_is_for_ever() {
        assert!(matches!(Wait::at_most(Duration::MAX), Wait::Forever));
    }

    #[test]
    fn only_the_interruptible_form_shows_a_signal() {
        let mut calls = 0;
        let mut twice = || {
            calls += 1;
            if calls < 3 { Err(Errno::INTR) } else { Ok(calls) }
        };
        assert_eq!(uninterrupted(Wait::Interruptible, &mut twice), Err(Errno::INTR));
        assert_eq!(uninterrupted(Wait::Forever, twice), Ok(3));
    }
}
