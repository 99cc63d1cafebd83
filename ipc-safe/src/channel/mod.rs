//! Channels in shared memory: messages and values from one process to another, without the kernel.
//!
//! One end sends, one receives; between them lies a ring in any [`Region`](crate::shared::Region). A message of 64 bytes costs a few
//! nanoseconds, and no system call while the other side does not sleep.
//!
//! | what goes through | ends | made by |
//! |---|---|---|
//! | messages of any length, with their borders | [`Sender`], [`Receiver`] | [`Channel`], [`pair`] |
//! | the same from several senders | [`SharedSender`]s, [`Receiver`] | [`Channel<_, SharedMessages>`](SharedMessages) |
//! | values of one type, the fastest | [`TypedSender`], [`TypedReceiver`] | [`Channel<_, Values<P>>`](Values), [`typed_pair`] |
//!
//! ```
//! use ipc_safe::channel::Channel;
//! use ipc_safe::error::ErrorKind;
//!
//! // One process makes it, and gives the descriptor to another one: inherited, or sent over a local socket.
//! let (memfd, channel) = Channel::<_>::memfd(1 << 16)?;
//! let mut receiver = channel.receiver()?;
//!
//! // The other one:
//! let mut sender = Channel::<_>::from_memfd(&memfd)?.sender()?;
//! sender.send(b"a message")?; // copied in
//! let room = sender.reserve(8)?; // or written in place
//! room.bytes().store(0, &77_u64)?;
//! room.commit();
//! drop(sender); // the stream ends
//!
//! let mut message = Vec::new();
//! receiver.receive(&mut message)?; // copied out
//! assert_eq!(message, b"a message");
//! let peeked = receiver.peek()?; // or read in place
//! assert_eq!(peeked.bytes().load::<u64>(0)?, 77);
//! peeked.release();
//! assert_eq!(receiver.receive(&mut message).unwrap_err().kind(), ErrorKind::Closed);
//! # Ok::<(), ipc_safe::Error>(())
//! ```
//!
//! # Waiting
//!
//! Each call has the four forms of this crate: plain, `try_`, `_timeout`, `_interruptible`. An end that waits looks for some
//! microseconds, fewer where that was in vain lately, and then sleeps in the kernel; or, [by choice](Waiting::Spinning), looks all the
//! time. A sender without room is woken when there is room for its message and a quarter of the ring is free, or else the two sides
//! would take turns at every message; a look each tenth of a second bounds what that can delay. With [`Bells`], an end has a
//! descriptor for `poll`, mio and tokio.
//!
//! # Death
//!
//! Any process may be killed at any instruction. Then:
//!
//! - **Nothing is torn.** A message can be received when all its bytes are written, and not before: it is made visible by one store. What a
//!   sender was writing when it died, nobody ever sees.
//! - **Nothing that was reported sent is lost**, unless the receiver dies: when `send` or `commit` has returned, the message is in the
//!   ring, and stays there for the receiver that is there, or the next one. A sender that is killed within the call may have sent it
//!   or not; of `send_many`, all that the call would have counted or none.
//! - **Nothing comes twice** to one receiver. A receiver that takes the place of one that died begins with the first message that
//!   was not released: one that the dead one had received or looked at, but whose room it had not yet given back, comes to the next one
//!   again; of a [`Batch`] or [`Drain`], all that it had taken.
//! - **The other side learns of it.** A wait looks every tenth of a second whether the process at the other end lives, and ends with
//!   [`Closed`](crate::error::ErrorKind::Closed) when it does not, after all that it sent was received; calls that only try look as
//!   often. While there are messages, or room, nobody asks. The same look makes up for a wake-up that a process did not live to give.
//! - **The end can be taken** by another process, which opens the channel: [`Channel::sender`] goes on after the last message that was
//!   sent, and the other side goes on as if nothing had been. So it is when an end was dropped.
//!
//! Processes are told apart by their ids and start times (`/proc`), so both sides must be in one pid namespace; another one is an
//! error when the channel is opened. By `exec` a process loses its ends, but counts as their holder until it ends. To look at
//! `/proc` takes a descriptor: a process that has none left does not learn of the death of one that nobody has waited for yet, and
//! where there is no `/proc` nobody does.
//!
//! # Hostile processes
//!
//! Whoever can write the memory can lose, change and invent messages, and make the other side wait. Nothing in the memory is believed
//! further than that: a side's own position is a number in its own memory; the other's must lie within the ring, and not move back; a
//! message's length must lie within what is published. What does not is [`Corrupt`](crate::error::ErrorKind::Corrupt), and the end that
//! saw it is of no use any more. No length that is read leads to a larger allocation than half of the ring. The bytes of a message that
//! is [looked at](Peeked) in place may change meanwhile, which they cannot do for the copying calls: check what you have copied.
//!
//! # Fork
//!
//! An end belongs to the process that took it. A forked child's copy refuses every call and does nothing when dropped; make the
//! [`Channel`] before the fork and take the ends after it. The bytes of a [`Reservation`] that a child inherits are its parent's,
//! too: what it writes there, the parent sends.
//!
//! # How it is made
//!
//! - **Positions** count bytes (or values) modulo 2^32, each on lines of its own that only one side writes. A side looks at the other's only
//!   when what it knew is used up.
//! - **A message lies in one piece**, so that it can be used in place as one view. Where it does not fit before the end of the ring, a mark
//!   is left and it goes to the start; that is why the longest message is half of the ring. Copies in two parts would have saved that
//!   room and cost each use in place a second view.
//! - **Who publishes does not pay for who sleeps.** Between publishing a position and the look whether the other side sleeps there
//!   must be a fence, which costs more than all the rest. The sleeper makes it, by
//!   [membarrier(2)](https://man7.org/linux/man-pages/man2/membarrier.2.html), on all processors that run a process which registered
//!   for it, as every process with an end does. Where the kernel refuses to register, that side has a fence in each call; where it refuses the
//!   barrier, that side sleeps a millisecond at most.
//! - **One receiver.** Several would have to agree on the position, with an atomic exchange for each message, and who is killed between
//!   taking and copying a message would leave a hole. One channel for each receiver costs less, and each is as fast as this one.

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
mod offer;
mod peeked;
mod raw;
mod receiver;
mod record;
mod reservation;
mod ring;
mod seats;
mod sender;
mod shared_sender;
mod typed_receiver;
mod typed_sender;
mod waiting;

pub use batch::Batch;
pub use bells::Bells;
pub use channel::Channel;
pub use drain::Drain;
pub use format::{Format, Messages, SharedMessages, Values};
pub use offer::Offer;
pub use peeked::Peeked;
pub use receiver::Receiver;
pub use reservation::Reservation;
pub use sender::Sender;
pub use shared_sender::SharedSender;
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
