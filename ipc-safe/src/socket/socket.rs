//! A local socket of any kind.

use super::fault::{fault, fault_at};
use super::kind::Kind;
use super::raw::{self, Whence, Whose};
use super::ready::{errno, perform};
use super::{Credentials, Incoming, LocalAddress, Outgoing, Received};
use crate::error::{Errno, Error, ErrorKind, Rejected, Result};
use crate::wait::Wait;
use core::fmt;
use core::marker::PhantomData;
use rustix::event::PollFlags;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::time::Duration;

/// A local socket of kind `K`: [`LocalStream`](super::LocalStream), [`LocalDatagram`](super::LocalDatagram) or
/// [`LocalSeqPacket`](super::LocalSeqPacket).
///
/// Close-on-exec. Converts from and to what std has for the kind, and to and from an [`OwnedFd`], which is checked.
///
/// ```
/// use ipc_safe::socket::LocalSeqPacket;
///
/// let (here, there) = LocalSeqPacket::pair()?;
/// here.send("one")?;
/// here.send("two")?;
/// let mut bytes = [0; 16];
/// assert_eq!(there.receive(&mut bytes)?, 3);
/// assert_eq!(there.receive(&mut bytes)?, 3);
/// assert!(there.try_receive(&mut bytes).unwrap_err().is_would_block());
/// drop(here);
/// assert_eq!(there.receive(&mut bytes)?, 0); // the end
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [socket(2)](https://man7.org/linux/man-pages/man2/socket.2.html), [socketpair(2)](https://man7.org/linux/man-pages/man2/socketpair.2.html)
#[doc(alias = "socket")]
pub struct LocalSocket<K> {
    descriptor: OwnedFd,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> LocalSocket<K> {
    /// Two sockets that are connected with each other.
    ///
    /// # Errors
    ///
    /// [`LimitReached`](ErrorKind::LimitReached) when there are too many descriptors. Then none is left behind.
    #[doc(alias = "socketpair")]
    pub fn pair() -> Result<(Self, Self)> {
        let (one, other) = rustix::net::socketpair(AddressFamily::UNIX, K::TYPE, SocketFlags::CLOEXEC, None)
            .map_err(|number| fault("socketpair", errno(number)))?;
        Ok((Self::of(one), Self::of(other)))
    }

    /// A socket without address and peer.
    pub(super) fn new() -> Result<Self> {
        rustix::net::socket_with(AddressFamily::UNIX, K::TYPE, SocketFlags::CLOEXEC, None)
            .map(Self::of)
            .map_err(|number| fault("socket", errno(number)))
    }

    pub(super) fn of(descriptor: OwnedFd) -> Self {
        Self { descriptor, kind: PhantomData }
    }

    /// Sends a message; waits until there is room for it. How many bytes were sent: all of a message, at least one of a
    /// stream's. What goes with them went with the first byte.
    ///
    /// # Errors
    ///
    /// [`Closed`](ErrorKind::Closed) when the peer is closed, and no signal;
    /// [`Refused`](ErrorKind::Refused) when nobody has the address of a datagram;
    /// [`TooBig`](ErrorKind::TooBig) for a message that is longer than the send buffer, or has more than
    /// [253](Outgoing::MAX_DESCRIPTORS) descriptors;
    /// [`InvalidInput`](ErrorKind::InvalidInput) for what the kernel would drop without a word (descriptors without a byte on
    /// a stream) or the receiver take for the end (a seqpacket without a byte);
    /// [`LimitReached`](ErrorKind::LimitReached) when too many descriptors are under way;
    /// [`PermissionDenied`](ErrorKind::PermissionDenied) for credentials of others.
    #[doc(alias = "sendmsg")]
    #[inline]
    pub fn send<'m>(&self, message: impl Into<Outgoing<'m>>) -> Result<usize> {
        self.send_as(&message.into(), Wait::Forever)
    }

    /// As [`send`](Self::send), without waiting.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](ErrorKind::WouldBlock) when there is no room; otherwise as [`send`](Self::send).
    #[doc(alias = "MSG_DONTWAIT")]
    #[inline]
    pub fn try_send<'m>(&self, message: impl Into<Outgoing<'m>>) -> Result<usize> {
        self.send_as(&message.into(), Wait::No)
    }

    /// As [`send`](Self::send), waiting at most so long.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](ErrorKind::TimedOut) when there is no room by then; otherwise as [`send`](Self::send).
    pub fn send_timeout<'m>(&self, message: impl Into<Outgoing<'m>>, timeout: Duration) -> Result<usize> {
        self.send_as(&message.into(), Wait::at_most(timeout))
    }

    /// As [`send`](Self::send), until a signal handler has run.
    ///
    /// # Errors
    ///
    /// [`Interrupted`](ErrorKind::Interrupted), then nothing was sent; otherwise as [`send`](Self::send).
    pub fn send_interruptible<'m>(&self, message: impl Into<Outgoing<'m>>) -> Result<usize> {
        self.send_as(&message.into(), Wait::Interruptible)
    }

    #[inline]
    pub(super) fn send_as(&self, message: &Outgoing<'_>, wait: Wait) -> Result<usize> {
        Self::check(message)?;
        let sent = perform(self.as_fd(), PollFlags::OUT, wait, |dont_wait| {
            let flags = message.flags | if dont_wait { SendFlags::DONTWAIT } else { SendFlags::empty() };
            match message.plain() {
                Some(bytes) => rustix::net::send(self, bytes, flags).map_err(errno),
                None => raw::send(self.as_fd(), message, flags.bits().cast_signed()),
            }
        });
        sent.map_err(|errno| match message.address {
            Some(address) => fault_at("sendmsg", errno, address),
            None => fault("sendmsg", errno),
        })
    }

    #[inline]
    fn check(message: &Outgoing<'_>) -> Result<()> {
        if message.descriptors.len() > Outgoing::MAX_DESCRIPTORS {
            return Err(Error::invalid("sendmsg", "a message has at most 253 descriptors")
                .kind_of(ErrorKind::TooBig)
                .about(format!("{} descriptors", message.descriptors.len())));
        }
        if K::TYPE == SocketType::DGRAM || !message.is_empty() {
            return Ok(());
        }
        if K::TYPE == SocketType::SEQPACKET {
            return Err(Error::invalid("sendmsg", "a packet without a byte would look like the end of the connection"));
        }
        if message.has_control() {
            return Err(Error::invalid("sendmsg", "on a stream, descriptors and credentials go with a byte"));
        }
        Ok(())
    }

    /// Receives bytes, or a message; waits for it. How many bytes it has; 0 at the end of a connection.
    ///
    /// Descriptors that come with it are closed by the kernel.
    ///
    /// # Errors
    ///
    /// [`TooBig`](ErrorKind::TooBig) for a message that is longer than `buffer`: what fits is in there, the rest is lost;
    /// [`Closed`](ErrorKind::Closed) when the peer was closed with bytes unread, or nobody is connected.
    #[doc(alias = "recv")]
    #[inline]
    pub fn receive(&self, buffer: &mut [u8]) -> Result<usize> {
        self.receive_as(buffer, RecvFlags::empty(), Wait::Forever)
    }

    /// As [`receive`](Self::receive), without waiting.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](ErrorKind::WouldBlock) when there is nothing; otherwise as [`receive`](Self::receive).
    #[inline]
    pub fn try_receive(&self, buffer: &mut [u8]) -> Result<usize> {
        self.receive_as(buffer, RecvFlags::empty(), Wait::No)
    }

    /// As [`receive`](Self::receive), waiting at most so long.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](ErrorKind::TimedOut) when there is nothing by then; otherwise as [`receive`](Self::receive).
    pub fn receive_timeout(&self, buffer: &mut [u8], timeout: Duration) -> Result<usize> {
        self.receive_as(buffer, RecvFlags::empty(), Wait::at_most(timeout))
    }

    /// As [`receive`](Self::receive), until a signal handler has run.
    ///
    /// # Errors
    ///
    /// [`Interrupted`](ErrorKind::Interrupted); otherwise as [`receive`](Self::receive).
    pub fn receive_interruptible(&self, buffer: &mut [u8]) -> Result<usize> {
        self.receive_as(buffer, RecvFlags::empty(), Wait::Interruptible)
    }

    #[inline]
    fn receive_as(&self, buffer: &mut [u8], flags: RecvFlags, wait: Wait) -> Result<usize> {
        let room = buffer.len();
        let len = self.receive_flagged(buffer, flags | Self::true_len(), wait)?;
        if len <= room {
            return Ok(len);
        }
        let reason = "the message is longer than the buffer; the rest is lost";
        Err(Error::new("recv", Errno::from_raw(libc::EMSGSIZE))
            .without_errno()
            .about(format!("{len} bytes into {room}"))
            .because(reason))
    }

    #[inline]
    fn receive_flagged(&self, buffer: &mut [u8], flags: RecvFlags, wait: Wait) -> Result<usize> {
        let received = perform(self.as_fd(), PollFlags::IN, wait, |dont_wait| {
            let flags = flags | if dont_wait { RecvFlags::DONTWAIT } else { RecvFlags::empty() };
            rustix::net::recv(self, &mut *buffer, flags).map_err(errno)
        });
        received.map(|(_, len)| len).map_err(|errno| fault("recv", errno))
    }

    /// The flag by which the kernel tells how long a message was; streams have none.
    #[inline]
    fn true_len() -> RecvFlags {
        if K::TYPE == SocketType::STREAM { RecvFlags::empty() } else { RecvFlags::TRUNC }
    }

    /// Bytes, or the beginning of the next message, left where they are; waits for them. How many there are in `buffer`.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive), except that a message may be longer than `buffer`.
    #[doc(alias = "MSG_PEEK")]
    pub fn peek(&self, buffer: &mut [u8]) -> Result<usize> {
        self.receive_flagged(buffer, RecvFlags::PEEK, Wait::Forever)
    }

    /// As [`peek`](Self::peek), without waiting.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](ErrorKind::WouldBlock) when there is nothing; otherwise as [`peek`](Self::peek).
    pub fn try_peek(&self, buffer: &mut [u8]) -> Result<usize> {
        self.receive_flagged(buffer, RecvFlags::PEEK, Wait::No)
    }

    /// As [`peek`](Self::peek), waiting at most so long.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](ErrorKind::TimedOut) when there is nothing by then; otherwise as [`peek`](Self::peek).
    pub fn peek_timeout(&self, buffer: &mut [u8], timeout: Duration) -> Result<usize> {
        self.receive_flagged(buffer, RecvFlags::PEEK, Wait::at_most(timeout))
    }

    /// As [`peek`](Self::peek), until a signal handler has run.
    ///
    /// # Errors
    ///
    /// [`Interrupted`](ErrorKind::Interrupted); otherwise as [`peek`](Self::peek).
    pub fn peek_interruptible(&self, buffer: &mut [u8]) -> Result<usize> {
        self.receive_flagged(buffer, RecvFlags::PEEK, Wait::Interruptible)
    }

    /// Receives a message with what goes with it; waits for one. At the end of a connection it has 0 bytes.
    ///
    /// # Errors
    ///
    /// [`Closed`](ErrorKind::Closed) when the peer was closed with bytes unread, or nobody is connected;
    /// [`InvalidInput`](ErrorKind::InvalidInput) when a byte out of band was asked for and there is none. A message that was
    /// cut is no error: see [`Received`].
    #[doc(alias = "recvmsg")]
    #[doc(alias = "recvfrom")]
    #[inline]
    pub fn receive_message(&self, message: &mut Incoming<'_>) -> Result<Received> {
        self.receive_message_as(message, Wait::Forever)
    }

    /// As [`receive_message`](Self::receive_message), without waiting.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](ErrorKind::WouldBlock) when there is none; otherwise as [`receive_message`](Self::receive_message).
    #[inline]
    pub fn try_receive_message(&self, message: &mut Incoming<'_>) -> Result<Received> {
        self.receive_message_as(message, Wait::No)
    }

    /// As [`receive_message`](Self::receive_message), waiting at most so long.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](ErrorKind::TimedOut) when there is none by then; otherwise as
    /// [`receive_message`](Self::receive_message).
    pub fn receive_message_timeout(&self, message: &mut Incoming<'_>, timeout: Duration) -> Result<Received> {
        self.receive_message_as(message, Wait::at_most(timeout))
    }

    /// As [`receive_message`](Self::receive_message), until a signal handler has run.
    ///
    /// # Errors
    ///
    /// [`Interrupted`](ErrorKind::Interrupted); otherwise as [`receive_message`](Self::receive_message).
    pub fn receive_message_interruptible(&self, message: &mut Incoming<'_>) -> Result<Received> {
        self.receive_message_as(message, Wait::Interruptible)
    }

    #[inline]
    pub(super) fn receive_message_as(&self, message: &mut Incoming<'_>, wait: Wait) -> Result<Received> {
        let flags = message.flags | Self::true_len();
        let whence = if K::TYPE == SocketType::DGRAM { Whence::Ask } else { Whence::Known };
        let mut received = Received::nothing();
        let result = perform(self.as_fd(), PollFlags::IN, wait, |dont_wait| {
            let flags = flags | if dont_wait { RecvFlags::DONTWAIT } else { RecvFlags::empty() };
            raw::receive(self.as_fd(), message, flags.bits().cast_signed(), whence, &mut received)
        });
        result.map(|()| received).map_err(|errno| fault("recvmsg", errno))
    }

    /// Receives bytes of a stream, with which no descriptors are to come: how many, and whether some came all the same.
    #[inline]
    pub(super) fn receive_bytes(&self, bytes: &mut [u8], wait: Wait) -> Result<(usize, bool)> {
        let result = perform(self.as_fd(), PollFlags::IN, wait, |dont_wait| {
            let flags = if dont_wait { RecvFlags::DONTWAIT } else { RecvFlags::empty() };
            raw::receive_bytes(self.as_fd(), bytes, flags.bits().cast_signed())
        });
        result.map_err(|errno| fault("recvmsg", errno))
    }

    /// Lets the kernel tell with each message who [sent it](Received::credentials). The receiver asks for it, before messages
    /// are sent that it is to know of.
    ///
    /// # Errors
    ///
    /// None that is to be expected.
    #[doc(alias = "SO_PASSCRED")]
    pub fn pass_credentials(&self, pass: bool) -> Result<()> {
        sockopt::set_socket_passcred(self, pass).map_err(|number| fault("setsockopt", errno(number)))
    }

    /// Lets a descriptor of the [process that sent it](Received::pidfd) come with each message.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](ErrorKind::Unsupported) before Linux 6.5.
    ///
    /// ```
    /// use ipc_safe::socket::{Incoming, LocalStream};
    ///
    /// let (here, there) = LocalStream::pair()?;
    /// if there.pass_pidfd(true).is_ok() {
    ///     here.send("who is it?")?;
    ///     assert!(there.receive_message(&mut Incoming::new(&mut [0; 16]))?.pidfd.is_some());
    /// }
    /// # Ok::<(), ipc_safe::Error>(())
    /// ```
    #[doc(alias = "SO_PASSPIDFD")]
    pub fn pass_pidfd(&self, pass: bool) -> Result<()> {
        raw::set_pass_pidfd(self.as_fd(), pass).map_err(|errno| fault("setsockopt", errno))
    }

    /// Who the peer was when it connected, listened, or made the pair.
    ///
    /// # Errors
    ///
    /// [`Closed`](ErrorKind::Closed) for a socket that was never connected.
    #[doc(alias = "SO_PEERCRED")]
    pub fn peer_credentials(&self) -> Result<Credentials> {
        raw::peer_credentials(self.as_fd())
            .and_then(|credentials| credentials.ok_or(Errno::from_raw(libc::ENOTCONN)))
            .map_err(|errno| fault("getsockopt", errno))
    }

    /// The supplementary groups that the peer had then.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](ErrorKind::Unsupported) before Linux 4.13.
    #[doc(alias = "SO_PEERGROUPS")]
    pub fn peer_groups(&self) -> Result<Vec<u32>> {
        raw::peer_groups(self.as_fd()).map_err(no_peer).map_err(|errno| fault("getsockopt", errno))
    }

    /// A descriptor of the process that connected, listened, or made the pair: unlike a process id it never means another one.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](ErrorKind::Unsupported) before Linux 6.5; [`Closed`](ErrorKind::Closed) for a socket that
    /// was never connected; some error when the process is gone.
    #[doc(alias = "SO_PEERPIDFD")]
    pub fn peer_pidfd(&self) -> Result<OwnedFd> {
        raw::peer_pidfd(self.as_fd()).map_err(no_peer).map_err(|errno| fault("getsockopt", errno))
    }

    /// The address of this socket. That of an accepted one is its listener's.
    ///
    /// # Errors
    ///
    /// None that is to be expected.
    #[doc(alias = "getsockname")]
    pub fn local_address(&self) -> Result<LocalAddress> {
        address(self.as_fd(), Whose::Own)
    }

    /// The address of the peer, mostly none: clients need not be bound. A listener that was [bound](super::BindOptions::listen)
    /// to a path has that of the temporary one.
    ///
    /// # Errors
    ///
    /// [`Closed`](ErrorKind::Closed) when nobody is connected.
    #[doc(alias = "getpeername")]
    pub fn peer_address(&self) -> Result<LocalAddress> {
        address(self.as_fd(), Whose::Peers)
    }

    /// Ends one direction or both, for every process that has this socket: the peer reads to the end, its sends fail.
    ///
    /// # Errors
    ///
    /// None that is to be expected.
    ///
    /// [shutdown(2)](https://man7.org/linux/man-pages/man2/shutdown.2.html)
    pub fn shutdown(&self, how: Shutdown) -> Result<()> {
        let how = match how {
            Shutdown::Read => rustix::net::Shutdown::Read,
            Shutdown::Write => rustix::net::Shutdown::Write,
            Shutdown::Both => rustix::net::Shutdown::Both,
        };
        rustix::net::shutdown(self, how).map_err(|number| fault("shutdown", errno(number)))
    }

    /// Another descriptor of the same socket, close-on-exec.
    ///
    /// # Errors
    ///
    /// [`LimitReached`](ErrorKind::LimitReached) when there are too many descriptors.
    #[doc(alias = "dup")]
    pub fn try_clone(&self) -> Result<Self> {
        rustix::io::fcntl_dupfd_cloexec(self, 0).map(Self::of).map_err(|number| fault("fcntl", errno(number)))
    }
}

/// What the kernel says of a socket that nobody is connected to.
fn no_peer(errno: Errno) -> Errno {
    if errno.as_raw() == libc::ENODATA { Errno::from_raw(libc::ENOTCONN) } else { errno }
}

pub(super) fn address(socket: BorrowedFd<'_>, whose: Whose) -> Result<LocalAddress> {
    let call = match whose {
        Whose::Own => "getsockname",
        Whose::Peers => "getpeername",
    };
    let bytes = raw::address(socket, whose).map_err(|errno| fault(call, errno))?;
    LocalAddress::from_sockaddr(&bytes)
}

/// That the descriptor is a local socket of this type, which listens or not.
pub(super) fn check_type(descriptor: &OwnedFd, kind: SocketType, listens: bool) -> Result<()> {
    let failed = |number| fault("getsockopt", errno(number));
    let found = (
        sockopt::socket_domain(descriptor).map_err(failed)?,
        sockopt::socket_type(descriptor).map_err(failed)?,
        sockopt::socket_acceptconn(descriptor).map_err(failed)?,
    );
    if found == (AddressFamily::UNIX, kind, listens) {
        return Ok(());
    }
    Err(Error::invalid("getsockopt", "the descriptor is not a local socket of this kind").without_errno())
}

impl<K> AsFd for LocalSocket<K> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl<K> AsRawFd for LocalSocket<K> {
    fn as_raw_fd(&self) -> RawFd {
        self.descriptor.as_raw_fd()
    }
}

impl<K> From<LocalSocket<K>> for OwnedFd {
    fn from(socket: LocalSocket<K>) -> Self {
        socket.descriptor
    }
}

/// Fails, and gives the descriptor back, unless it is a local socket of this kind that does not listen.
impl<K: Kind> TryFrom<OwnedFd> for LocalSocket<K> {
    type Error = Rejected<OwnedFd>;

    fn try_from(descriptor: OwnedFd) -> Result<Self, Rejected<OwnedFd>> {
        match check_type(&descriptor, K::TYPE, false) {
            Ok(()) => Ok(Self::of(descriptor)),
            Err(error) => Err(Rejected::new(descriptor, error)),
        }
    }
}

impl From<UnixStream> for LocalSocket<super::Stream> {
    fn from(stream: UnixStream) -> Self {
        Self::of(stream.into())
    }
}

impl From<LocalSocket<super::Stream>> for UnixStream {
    fn from(socket: LocalSocket<super::Stream>) -> Self {
        socket.descriptor.into()
    }
}

impl From<UnixDatagram> for LocalSocket<super::Datagram> {
    fn from(socket: UnixDatagram) -> Self {
        Self::of(socket.into())
    }
}

impl From<LocalSocket<super::Datagram>> for UnixDatagram {
    fn from(socket: LocalSocket<super::Datagram>) -> Self {
        socket.descriptor.into()
    }
}

impl<K: Kind> fmt::Debug for LocalSocket<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalSocket").field("kind", &K::TYPE).field("descriptor", &self.descriptor).finish()
    }
}
