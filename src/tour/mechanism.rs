//! What a row of the tour needs.

use crate::failure::Result;

/// A way to send messages from one process to another and back.
///
/// The sender [creates](Self::create) the objects and starts the receiver with their
/// [arguments](Objects::arguments). Both [connect](Self::connect). Sending and receiving may wait as long as they like: when
/// the other end dies, nothing moves any more, or somebody presses Ctrl-C, [`cancel`](Self::cancel) ends the wait.
pub(super) trait Mechanism: Sync {
    /// The name on the command line.
    fn name(&self) -> &'static str;

    /// The name in the table.
    fn title(&self) -> &'static str;

    /// The longest message, in bytes, that suits it; at least [`LEAST_UNIT`].
    fn unit(&self) -> Result<usize>;

    /// Makes what both ends use, for messages of up to `unit` bytes.
    fn create(&self, unit: usize) -> Result<Box<dyn Objects>>;

    /// One end.
    fn connect(&self, unit: usize, arguments: &[String], end: End) -> Result<Box<dyn Channel>>;

    /// Makes all calls that wait in either end fail, by removing the objects. Called from another thread, or in the receiver
    /// when the sender is dead.
    fn cancel(&self, arguments: &[String]);
}

/// The verdict of the receiver, and a message of the ping-pong, fit into a unit of so many bytes.
pub(super) const LEAST_UNIT: usize = 256;

/// What both ends use, owned by the sender: gone when this is dropped.
pub(super) trait Objects: Send + Sync {
    /// How the receiver finds them.
    fn arguments(&self) -> Vec<String>;

    /// Removes everything, and says what is there nevertheless.
    fn finish(self: Box<Self>) -> Result<Vec<String>>;
}

/// Which end this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Sender,
    Receiver,
}

impl End {
    /// Number of the direction in which this end sends, 0 or 1; it receives in the other one.
    pub(super) const fn sends(self) -> u16 {
        match self {
            Self::Sender => 0,
            Self::Receiver => 1,
        }
    }

    pub(super) const fn receives(self) -> u16 {
        1 - self.sends()
    }
}

/// An end that messages go into and come out of.
pub(super) trait Channel {
    /// Sends a message of up to a unit. It may be empty.
    fn send(&mut self, message: &[u8]) -> ipc_safe::Result<()>;

    /// Waits for the next message of the other end.
    fn receive(&mut self) -> ipc_safe::Result<&[u8]>;
}
