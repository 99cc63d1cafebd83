//! How two processes that share nothing but a name find each other.

use super::bells::Bells;
use super::channel::Channel;
use super::format::Format;
use crate::error::{Error, ErrorKind, Result};
use crate::memory::{FixedMemfd, SharedMemory};
use crate::socket::{
    BindOptions, Bound, Credentials, Incoming, LocalAddress, LocalSeqPacket, Outgoing, SeqPacket, SeqPacketListener,
};
use core::fmt;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

/// A channel that is to be had at the address of a local socket: whoever [connects](Channel::connect) there is handed its memory.
///
/// The descriptor ([`AsFd`]) is readable when somebody has connected; then, or before, call [`hand_over`](Self::hand_over). A path is
/// for those who may write to it, mode 0600; an abstract name is for everybody, so look at who it is.
///
/// ```
/// use ipc_safe::channel::{Channel, Messages, Offer};
/// use ipc_safe::socket::LocalAddress;
/// use std::time::Duration;
///
/// let folder = tempfile::tempdir()?;
/// let address = LocalAddress::path(folder.path().join("channel"))?;
/// let (memfd, channel) = Channel::<_, Messages>::memfd(4096)?;
/// let mut receiver = channel.receiver()?;
/// let offer = Offer::new(&address, memfd)?;
/// # let there = address.clone();
/// let other = std::thread::spawn(move || {
///     // in another process
///     let channel = Channel::<_, Messages>::connect(&there, Duration::from_secs(5)).unwrap();
///     channel.sender().unwrap().send(b"found it").unwrap();
/// });
/// offer.hand_over(|who| who.uid == ipc_safe::socket::Credentials::current().uid)?;
/// assert_eq!(receiver.peek()?.bytes().to_vec(), b"found it");
/// # other.join().unwrap();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Offer {
    listener: Bound<SeqPacketListener>,
    memfd: FixedMemfd,
    bells: Option<Bells>,
}

/// What stands in the message with the descriptors: what it is, and how many there are.
const GREETING: &[u8; 16] = b"ipc-safe channel";
/// The memory, and the bells.
const MOST: usize = 3;

impl Offer {
    /// Listens at this address. The path of one who is gone is taken over; it is unlinked when this is dropped.
    ///
    /// # Errors
    ///
    /// As [`BindOptions::listen`].
    pub fn new(address: &LocalAddress, memfd: FixedMemfd) -> Result<Self> {
        let listener = BindOptions::new().replace_stale(true).listen::<SeqPacket>(address)?;
        Ok(Self { listener, memfd, bells: None })
    }

    /// Hands these over, too.
    #[must_use]
    pub fn with_bells(mut self, bells: Bells) -> Self {
        self.bells = Some(bells);
        self
    }

    /// Waits for somebody to connect, and hands the channel over if that one is `welcome`. Tells whether it was.
    ///
    /// # Errors
    ///
    /// Those of accepting, and [`Closed`](ErrorKind::Closed) when that one is gone already.
    pub fn hand_over(&self, welcome: impl FnOnce(&Credentials) -> bool) -> Result<bool> {
        self.give(self.listener.accept()?, welcome)
    }

    /// [`hand_over`](Self::hand_over) without waiting.
    ///
    /// # Errors
    ///
    /// Also [`WouldBlock`](ErrorKind::WouldBlock) when nobody connected.
    pub fn try_hand_over(&self, welcome: impl FnOnce(&Credentials) -> bool) -> Result<bool> {
        self.give(self.listener.try_accept()?, welcome)
    }

    /// [`hand_over`](Self::hand_over) that waits at most so long.
    ///
    /// # Errors
    ///
    /// Also [`TimedOut`](ErrorKind::TimedOut).
    pub fn hand_over_timeout(&self, timeout: Duration, welcome: impl FnOnce(&Credentials) -> bool) -> Result<bool> {
        self.give(self.listener.accept_timeout(timeout)?, welcome)
    }

    /// [`hand_over`](Self::hand_over) that a signal handler ends.
    ///
    /// # Errors
    ///
    /// Also [`Interrupted`](ErrorKind::Interrupted).
    pub fn hand_over_interruptible(&self, welcome: impl FnOnce(&Credentials) -> bool) -> Result<bool> {
        self.give(self.listener.accept_interruptible()?, welcome)
    }

    fn give(&self, socket: LocalSeqPacket, welcome: impl FnOnce(&Credentials) -> bool) -> Result<bool> {
        if !welcome(&socket.peer_credentials()?) {
            return Ok(false);
        }
        let mut descriptors = vec![self.memfd.as_fd()];
        descriptors.extend(self.bells.iter().flat_map(Bells::descriptors));
        // There is room: it is the first message of the connection.
        socket.try_send(Outgoing::new(GREETING).descriptors(&descriptors))?;
        Ok(true)
    }

    /// The path of the socket, if it has one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.listener.path()
    }
}

impl AsFd for Offer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

impl fmt::Debug for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Offer").field("listener", &self.listener).finish_non_exhaustive()
    }
}

impl<F: Format> Channel<SharedMemory, F> {
    /// Opens the channel that is [offered](Offer) at this address, with its bells if it has any.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) and [`Refused`](ErrorKind::Refused) when nobody listens there,
    /// [`TimedOut`](ErrorKind::TimedOut) when it is not handed over in time, [`Closed`](ErrorKind::Closed) when this process is not
    /// welcome; [`InvalidInput`](ErrorKind::InvalidInput) when what is there is something else; as [`open`](Self::open).
    pub fn connect(address: &LocalAddress, timeout: Duration) -> Result<Self> {
        let begun = Instant::now();
        let socket = LocalSeqPacket::connect_timeout(address, timeout)?;
        let mut greeting = [0; GREETING.len()];
        let mut incoming = Incoming::new(&mut greeting).descriptors(MOST);
        let received = socket.receive_message_timeout(&mut incoming, timeout.saturating_sub(begun.elapsed()))?;
        let (len, descriptors) = (received.len, received.descriptors);
        if len == 0 {
            return Err(Error::invalid("Channel::connect", "the other side did not hand the channel over")
                .without_errno()
                .kind_of(ErrorKind::Closed));
        }
        let stranger =
            || Error::invalid("Channel::connect", "what is at that address offers no channel").without_errno();
        if &greeting[..len] != GREETING {
            return Err(stranger());
        }
        let mut descriptors = descriptors.into_iter();
        let (memfd, bells) = match (descriptors.next(), descriptors.next(), descriptors.next()) {
            (Some(memfd), None, None) => (memfd, None),
            (Some(memfd), Some(sender), Some(receiver)) => (memfd, Some(Bells::from_descriptors(sender, receiver))),
            _ => return Err(stranger()),
        };
        let channel = Self::from_memfd(&fixed(memfd)?)?;
        Ok(match bells {
            Some(bells) => channel.with_bells(bells),
            None => channel,
        })
    }
}

fn fixed(descriptor: OwnedFd) -> Result<FixedMemfd> {
    Ok(FixedMemfd::try_from(descriptor)?)
}
