//! How a coprocess is talked to.

use super::Coprocess;
use super::message::Protocol;
use crate::error::Result;
use std::process::Command;

/// How a [`Coprocess`] is talked to: lines or frames, and how much is taken from it.
///
/// ```
/// use ipc_safe::command::Coprocess;
/// use std::process::Command;
///
/// // `cat` sends frames back as they are; no more than 100 bytes of one are taken.
/// let mut cat = Coprocess::options().frames().limit(100).start(&mut Command::new("cat"))?;
/// assert_eq!(cat.request("two\nlines")?, b"two\nlines");
/// # Ok::<(), ipc_safe::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct CoprocessOptions {
    protocol: Protocol,
    limit: usize,
}

impl CoprocessOptions {
    pub(super) const fn new() -> Self {
        Self { protocol: Protocol::Lines, limit: 1 << 20 }
    }

    /// Messages are frames: the length in four bytes, the most significant first, and so many bytes, of any value. Otherwise
    /// they are lines.
    pub const fn frames(mut self) -> Self {
        self.protocol = Protocol::Frames;
        self
    }

    /// At most so many bytes are taken before they are received, 1 MiB unless changed: a longer message, and a program that
    /// writes without end, are errors.
    pub const fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// Starts the program. Its standard input and output are set here.
    ///
    /// # Errors
    ///
    /// As [`CommandReader::start`](super::CommandReader::start).
    pub fn start(self, command: &mut Command) -> Result<Coprocess> {
        Coprocess::new(command, self.protocol, self.limit)
    }
}
