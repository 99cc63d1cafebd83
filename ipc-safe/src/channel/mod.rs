//! Channels in shared memory: messages and values from one process to another, without the kernel.

mod barrier;
mod batch;
mod bells;
#[allow(clippy::module_inception, reason = "the noun of the area")]
mod channel;
mod claim;
mod drain;
mod end;
mod format;
mod header;
#[cfg(test)]
mod models;
mod peeked;
mod raw;
mod receiver;
mod record;
mod reservation;
mod ring;
mod sender;
mod typed_receiver;
mod typed_sender;
mod waiting;

pub use batch::Batch;
pub use bells::Bells;
pub use channel::Channel;
pub use drain::Drain;
pub use format::{Format, Messages, Values};
pub use peeked::Peeked;
pub use receiver::Receiver;
pub use reservation::Reservation;
pub use sender::Sender;
pub use typed_receiver::TypedReceiver;
pub use typed_sender::TypedSender;
pub use waiting::Waiting;

use crate::error::Result;
use crate::memory::SharedMemory;
use crate::shared::Plain;

/// A channel for messages of bytes, between two threads: both ends, with a ring of `capacity` bytes.
///
/// # Errors
///
/// As [`Channel::memfd`].
pub fn pair(capacity: usize) -> Result<(Sender<SharedMemory>, Receiver<SharedMemory>)> {
    let (memfd, channel) = Channel::<_, Messages>::memfd(capacity)?;
    let receiver = Channel::<_, Messages>::from_memfd(&memfd)?.receiver()?;
    Ok((channel.sender()?, receiver))
}

/// A channel for values, between two threads: both ends, with a ring of `capacity` values.
///
/// # Errors
///
/// As [`Channel::memfd`].
pub fn typed_pair<P: Plain>(capacity: usize) -> Result<(TypedSender<P, SharedMemory>, TypedReceiver<P, SharedMemory>)> {
    let (memfd, channel) = Channel::<_, Values<P>>::memfd(capacity)?;
    let receiver = Channel::<_, Values<P>>::from_memfd(&memfd)?.receiver()?;
    Ok((channel.sender()?, receiver))
}
