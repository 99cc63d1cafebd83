//! What a row needs: objects, and what each end does with them.

use ipc_safe::process::Pid;
use std::error::Error;

/// Why something could not be measured.
pub type Fault = Box<dyn Error + Send + Sync>;

/// What can fail here.
pub type Result<T = (), E = Fault> = std::result::Result<T, E>;

/// Which of the two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The one that measures, and sends first.
    Near,
    /// The one that answers.
    Far,
}

impl End {
    /// Number of the direction in which this end sends, 0 or 1; it receives in the other one.
    #[must_use]
    pub const fn sends(self) -> usize {
        match self {
            Self::Near => 0,
            Self::Far => 1,
        }
    }

    /// Number of the direction in which this end receives.
    #[must_use]
    pub const fn receives(self) -> usize {
        1 - self.sends()
    }
}

/// Where an end finds itself.
#[derive(Clone, Copy, Debug)]
pub struct Seat {
    /// Which one it is.
    pub end: End,
    /// The process of the other one.
    pub peer: Pid,
}

/// What both ends use. Made before the processes are forked, which inherit it, and dropped when both are gone.
pub trait Ends: Sync {
    /// An end.
    type Channel<'e>: Channel
    where
        Self: 'e;

    /// Makes one end, in its process.
    ///
    /// # Errors
    ///
    /// What keeps the row from being measured.
    fn connect(&self, seat: Seat) -> Result<Self::Channel<'_>>;
}

/// An end that messages go into and come out of. Both calls wait as long as it takes; whoever waits too long is killed.
pub trait Channel {
    /// Sends a copy of the message.
    ///
    /// # Errors
    ///
    /// What went wrong.
    fn send(&mut self, message: &[u8]) -> Result;

    /// Waits for the next message, which is as long as the buffer, and copies it there.
    ///
    /// # Errors
    ///
    /// What went wrong.
    fn receive(&mut self, buffer: &mut [u8]) -> Result;
}

/// Tries until it need not wait.
///
/// # Errors
///
/// Those of the attempts.
#[inline]
pub fn spin<T>(mut attempt: impl FnMut() -> ipc_safe::Result<T>) -> Result<T> {
    loop {
        match attempt() {
            Err(error) if error.is_would_block() => std::hint::spin_loop(),
            other => return Ok(other?),
        }
    }
}
