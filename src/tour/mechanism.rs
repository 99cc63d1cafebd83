//! What a row of the tour needs.

use crate::failure::Result;
use crate::inventory::Name;

/// A way to send messages from one process to another and back.
///
/// The sender [creates](Self::create) the objects and forks the receiver, which inherits them; each connects its
/// [end](Objects::connect). Sending and receiving may wait as long as they like: when the other end dies, nothing moves any
/// more, or somebody presses Ctrl-C, the objects that have [names](Objects::names) are removed, which ends the wait of who
/// waits on one of them, and the receiver is killed, which ends the wait of a sender whose descriptor leads to it.
pub(super) trait Mechanism: Sync {
    /// The name on the command line.
    fn name(&self) -> &'static str;

    /// The name in the table.
    fn title(&self) -> &'static str;

    /// The longest message, in bytes, that suits it; within [`UNITS`].
    fn unit(&self) -> Result<usize>;

    /// Makes what both ends use, for messages of up to `unit` bytes.
    fn create(&self, unit: usize) -> Result<Box<dyn Objects>>;
}

/// How many bytes a message may have at most: the verdict of the receiver, and a message of the ping-pong, fit into the
/// smallest unit; many buffers of the largest one fit into memory.
pub(super) const UNITS: std::ops::RangeInclusive<usize> = 256..=64 << 20;

/// What both ends use, owned by the sender: gone when this is dropped there.
pub(super) trait Objects: Sync {
    /// Those that have a name by which somebody could find them later.
    fn names(&self) -> Vec<Name>;

    /// One end.
    fn connect(&self, end: End) -> Result<Box<dyn Channel + '_>>;

    /// Called in the sender when the receiver was killed: ends a wait for one that may not have come so far as to be missed.
    fn stop_waiting(&self) {}
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
    fn send(&mut self, message: &[u8]) -> Result;

    /// Waits for the next message of the other end.
    fn receive(&mut self) -> Result<&[u8]>;
}
