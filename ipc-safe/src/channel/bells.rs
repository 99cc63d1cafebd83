//! Descriptors that become readable when there is something to do.

use crate::error::{Errno, Error, Result};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{FileType, fstat};

/// Two descriptors (`eventfd`), one that the sender waits on and one that the receiver waits on, so that `poll`, mio and tokio can
/// wait for a channel. Both sides need both: each writes to that of the other, but only when the other said that it waits.
///
/// They travel like that of a memfd: inherited, or sent over a local socket; [`from_descriptors`](Self::from_descriptors) on the
/// other side.
///
/// ```
/// use ipc_safe::channel::{Bells, Channel};
///
/// let bells = Bells::new()?;
/// let (memfd, channel) = Channel::<_>::memfd(4096)?;
/// let mut sender = channel.with_bells(bells.try_clone()?).sender()?;
/// let mut receiver = Channel::<_>::from_memfd(&memfd)?.with_bells(bells).receiver()?;
///
/// assert!(receiver.arm()?, "nothing there: wait until the descriptor is readable");
/// sender.send(b"ring")?;
/// // poll on `receiver.bell()` would return now
/// let mut message = Vec::new();
/// receiver.try_receive(&mut message)?;
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [eventfd(2)](https://man7.org/linux/man-pages/man2/eventfd.2.html)
#[doc(alias = "eventfd")]
#[derive(Debug)]
pub struct Bells {
    sender: OwnedFd,
    receiver: OwnedFd,
}

impl Bells {
    /// Two new ones.
    ///
    /// # Errors
    ///
    /// [`LimitReached`](crate::error::ErrorKind::LimitReached) for descriptors.
    pub fn new() -> Result<Self> {
        let new =
            || eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(|number| fault("eventfd", number));
        Ok(Self { sender: new()?, receiver: new()? })
    }

    /// Those that another process made, in this order: the one that the sender waits on, the one that the receiver waits on.
    ///
    /// Anything else but an `eventfd` is never rung: to write to a pipe or a file may raise a signal. A foe who gives one away could
    /// still make a wake-up wait, by filling it in the moment before.
    #[must_use]
    pub const fn from_descriptors(sender: OwnedFd, receiver: OwnedFd) -> Self {
        Self { sender, receiver }
    }

    /// Both descriptors, in the same order, to send them.
    #[must_use]
    pub fn descriptors(&self) -> [BorrowedFd<'_>; 2] {
        [self.sender.as_fd(), self.receiver.as_fd()]
    }

    /// The same two, for the other side.
    ///
    /// # Errors
    ///
    /// [`LimitReached`](crate::error::ErrorKind::LimitReached) for descriptors.
    pub fn try_clone(&self) -> Result<Self> {
        let clone = |bell: &OwnedFd| rustix::io::fcntl_dupfd_cloexec(bell, 0).map_err(|number| fault("fcntl", number));
        Ok(Self { sender: clone(&self.sender)?, receiver: clone(&self.receiver)? })
    }

    pub(super) fn of_sender(&self) -> BorrowedFd<'_> {
        self.sender.as_fd()
    }

    pub(super) fn of_receiver(&self) -> BorrowedFd<'_> {
        self.receiver.as_fd()
    }
}

/// Makes a descriptor readable. One that takes nothing is readable, or not what it should be.
pub(super) fn ring(bell: BorrowedFd<'_>) {
    if is_anonymous(bell) && is_ready(bell, PollFlags::OUT) {
        let _ = rustix::io::write(bell, &1_u64.to_ne_bytes());
    }
}

/// Makes a descriptor unreadable.
pub(super) fn silence(bell: BorrowedFd<'_>) {
    if is_ready(bell, PollFlags::IN) {
        let _ = rustix::io::read(bell, &mut [0_u8; 8]);
    }
}

/// Whether it is nothing that has a type: no pipe, socket, file or terminal, which whoever gave it may have prepared so that a
/// write raises a signal (`SIGPIPE`, `SIGXFSZ`, `SIGTTOU`).
fn is_anonymous(bell: BorrowedFd<'_>) -> bool {
    fstat(bell).is_ok_and(|status| FileType::from_raw_mode(status.st_mode) == FileType::Unknown)
}

/// Whether it takes, or has, something now: the other process may have changed whether it waits.
fn is_ready(bell: BorrowedFd<'_>, events: PollFlags) -> bool {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut [PollFd::from_borrowed_fd(bell, events)], Some(&now)) == Ok(1)
}

fn fault(call: &'static str, number: rustix::io::Errno) -> Error {
    Error::new(call, Errno::from_raw(number.raw_os_error()))
}
