//! Messages on their way out and in.

use super::control::MAX_DESCRIPTORS;
use super::{Credentials, LocalAddress};
use rustix::net::{RecvFlags, SendFlags};
use std::fmt;
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{BorrowedFd, OwnedFd};

/// What is sent in one call: bytes, and what goes with them. Bytes alone convert into it.
///
/// ```
/// use ipc_safe::socket::{Incoming, LocalSeqPacket, Outgoing};
/// use std::io::IoSlice;
/// use std::os::fd::AsFd;
///
/// let (here, there) = LocalSeqPacket::pair()?;
/// let parts = [IoSlice::new(b"head, "), IoSlice::new(b"body")];
/// here.send(Outgoing::vectored(&parts).descriptors(&[std::io::stdin().as_fd()]))?;
///
/// let mut bytes = [0; 64];
/// let received = there.receive_message(&mut Incoming::new(&mut bytes).descriptors(1))?;
/// assert_eq!(&bytes[..received.len], b"head, body");
/// assert_eq!(received.descriptors.len(), 1);
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [sendmsg(2)](https://man7.org/linux/man-pages/man2/sendmsg.2.html)
#[doc(alias = "sendmsg")]
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Outgoing<'m> {
    bytes: Bytes<'m>,
    pub(super) descriptors: &'m [BorrowedFd<'m>],
    pub(super) credentials: Option<Credentials>,
    pub(super) address: Option<&'m LocalAddress>,
    pub(super) flags: SendFlags,
}

#[derive(Clone, Copy, Debug)]
enum Bytes<'m> {
    One(IoSlice<'m>),
    Many(&'m [IoSlice<'m>]),
}

impl<'m> Outgoing<'m> {
    /// How many descriptors go with a message at most.
    #[doc(alias = "SCM_MAX_FD")]
    pub const MAX_DESCRIPTORS: usize = MAX_DESCRIPTORS;

    /// These bytes.
    #[inline]
    pub fn new(bytes: &'m [u8]) -> Self {
        Self::of(Bytes::One(IoSlice::new(bytes)))
    }

    /// The bytes of several slices, one after the other.
    #[inline]
    pub fn vectored(slices: &'m [IoSlice<'m>]) -> Self {
        Self::of(Bytes::Many(slices))
    }

    #[inline]
    fn of(bytes: Bytes<'m>) -> Self {
        Self { bytes, descriptors: &[], credentials: None, address: None, flags: SendFlags::NOSIGNAL }
    }

    /// With copies of these descriptors, which share their open file with the original, as those of `dup` do.
    #[doc(alias = "SCM_RIGHTS")]
    pub fn descriptors(mut self, descriptors: &'m [BorrowedFd<'m>]) -> Self {
        self.descriptors = descriptors;
        self
    }

    /// With these credentials instead of those of this process, which the kernel checks: another process, user or group than
    /// one's own takes privileges. The receiver sees them when its socket [passes](super::LocalSocket::pass_credentials) them.
    #[doc(alias = "SCM_CREDENTIALS")]
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// To this address. Only datagrams have one.
    #[doc(alias = "sendto")]
    pub fn to(mut self, address: &'m LocalAddress) -> Self {
        self.address = Some(address);
        self
    }

    /// The last byte is out of band: it overtakes those before it. Only streams have that, since Linux 5.15.
    #[doc(alias = "MSG_OOB")]
    pub fn out_of_band(mut self) -> Self {
        self.flags |= SendFlags::OOB;
        self
    }

    /// Marks the end of a record, where the protocol has such; local sockets take the mark and do not hand it on.
    #[doc(alias = "MSG_EOR")]
    pub fn end_of_record(mut self) -> Self {
        self.flags |= SendFlags::EOR;
        self
    }

    #[inline]
    pub(super) fn slices(&self) -> &[IoSlice<'m>] {
        match &self.bytes {
            Bytes::One(slice) => core::slice::from_ref(slice),
            Bytes::Many(slices) => slices,
        }
    }

    /// The bytes, when they are all that is to be sent.
    #[inline]
    pub(super) fn plain(&self) -> Option<&[u8]> {
        match &self.bytes {
            Bytes::One(bytes) if !self.has_control() && self.address.is_none() => Some(bytes),
            _ => None,
        }
    }

    #[inline]
    pub(super) const fn has_control(&self) -> bool {
        !self.descriptors.is_empty() || self.credentials.is_some()
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.slices().iter().all(|slice| slice.is_empty())
    }
}

impl<'m> From<&'m [u8]> for Outgoing<'m> {
    fn from(bytes: &'m [u8]) -> Self {
        Self::new(bytes)
    }
}

impl<'m, const N: usize> From<&'m [u8; N]> for Outgoing<'m> {
    fn from(bytes: &'m [u8; N]) -> Self {
        Self::new(bytes)
    }
}

impl<'m> From<&'m str> for Outgoing<'m> {
    fn from(text: &'m str) -> Self {
        Self::new(text.as_bytes())
    }
}

/// Room for a message, and how it is to be received.
///
/// ```
/// use ipc_safe::socket::{Incoming, LocalDatagram};
///
/// let (here, there) = LocalDatagram::pair()?;
/// here.send("a long message")?;
/// let mut bytes = [0; 6];
/// let received = there.receive_message(&mut Incoming::new(&mut bytes).peek())?;
/// assert_eq!((received.len, received.message_len), (6, 14)); // it is still there
/// let mut bytes = vec![0; received.message_len];
/// assert!(!there.receive_message(&mut Incoming::new(&mut bytes))?.is_truncated());
/// assert_eq!(bytes, b"a long message");
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [recvmsg(2)](https://man7.org/linux/man-pages/man2/recvmsg.2.html)
#[doc(alias = "recvmsg")]
#[derive(Debug)]
#[must_use]
pub struct Incoming<'b> {
    room: Room<'b>,
    pub(super) descriptors: usize,
    /// Empty; its memory is for the descriptors.
    pub(super) spare: Vec<OwnedFd>,
    pub(super) flags: RecvFlags,
}

enum Room<'b> {
    One(IoSliceMut<'b>),
    Many(&'b mut [IoSliceMut<'b>]),
}

impl fmt::Debug for Room<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lengths = match self {
            Self::One(slice) => vec![slice.len()],
            Self::Many(slices) => slices.iter().map(|slice| slice.len()).collect(),
        };
        write!(f, "room for {lengths:?}")
    }
}

impl<'b> Incoming<'b> {
    /// Room for so many bytes, and no descriptors: those that come all the same are closed by the kernel.
    #[inline]
    pub fn new(bytes: &'b mut [u8]) -> Self {
        Self::of(Room::One(IoSliceMut::new(bytes)))
    }

    /// Room in several slices, filled one after the other.
    #[inline]
    pub fn vectored(slices: &'b mut [IoSliceMut<'b>]) -> Self {
        Self::of(Room::Many(slices))
    }

    #[inline]
    fn of(room: Room<'b>) -> Self {
        Self { room, descriptors: 0, spare: Vec::new(), flags: RecvFlags::CMSG_CLOEXEC }
    }

    /// Room for so many descriptors; more than [253](Outgoing::MAX_DESCRIPTORS) never come.
    #[doc(alias = "SCM_RIGHTS")]
    #[inline]
    pub fn descriptors(mut self, count: usize) -> Self {
        self.descriptors = count.min(MAX_DESCRIPTORS);
        self
    }

    /// Receives descriptors into this vector, whose memory is used again: that of a message [received](Received::descriptors)
    /// before, say. What is in it is closed. Otherwise memory is reserved for each message that has descriptors.
    ///
    /// ```
    /// use ipc_safe::socket::{Incoming, LocalStream, Outgoing};
    /// use std::os::fd::AsFd;
    ///
    /// let (here, there) = LocalStream::pair()?;
    /// let mut descriptors = Vec::new();
    /// for _ in 0..3 {
    ///     here.send(Outgoing::new(b"look").descriptors(&[std::io::stdin().as_fd()]))?;
    ///     let mut bytes = [0; 4];
    ///     let mut incoming = Incoming::new(&mut bytes).descriptors(1).reuse(descriptors);
    ///     descriptors = there.receive_message(&mut incoming)?.descriptors;
    ///     assert_eq!(descriptors.len(), 1);
    /// }
    /// # Ok::<(), ipc_safe::Error>(())
    /// ```
    pub fn reuse(mut self, mut descriptors: Vec<OwnedFd>) -> Self {
        descriptors.clear();
        self.spare = descriptors;
        self
    }

    /// Leaves the message where it is. Descriptors come as new copies each time.
    #[doc(alias = "MSG_PEEK")]
    pub fn peek(mut self) -> Self {
        self.flags |= RecvFlags::PEEK;
        self
    }

    /// Waits until the room is full; for streams, and the plain form. There may still be less: at the end of the stream, at
    /// a byte out of band, around descriptors, when a signal handler runs.
    #[doc(alias = "MSG_WAITALL")]
    pub fn wait_all(mut self) -> Self {
        self.flags |= RecvFlags::WAITALL;
        self
    }

    /// Takes the byte that is out of band, and nothing else. It is an error when there is none.
    #[doc(alias = "MSG_OOB")]
    pub fn out_of_band(mut self) -> Self {
        self.flags |= RecvFlags::OOB;
        self
    }

    #[inline]
    pub(super) fn slices_mut(&mut self) -> &mut [IoSliceMut<'b>] {
        match &mut self.room {
            Room::One(slice) => core::slice::from_mut(slice),
            Room::Many(slices) => slices,
        }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        match &self.room {
            Room::One(slice) => slice.len(),
            Room::Many(slices) => slices.iter().map(|slice| slice.len()).sum(),
        }
    }
}

/// What was received besides the bytes. Dropping it closes the descriptors.
///
/// ```
/// use ipc_safe::socket::{Incoming, LocalStream, Outgoing};
/// use std::os::fd::AsFd;
///
/// let (here, there) = LocalStream::pair()?;
/// let (one, two) = (std::io::stdin(), std::io::stdout());
/// here.send(Outgoing::new(b"!").descriptors(&[one.as_fd(), two.as_fd()]))?;
/// let received = there.receive_message(&mut Incoming::new(&mut [0; 8]).descriptors(1))?;
/// assert_eq!(received.len, 1);
/// assert!(received.descriptors_lost && received.descriptors.is_empty()); // two came, there was room for one
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [recvmsg(2)](https://man7.org/linux/man-pages/man2/recvmsg.2.html)
#[derive(Debug)]
#[non_exhaustive]
pub struct Received {
    /// How many bytes there are in the buffers.
    pub len: usize,
    /// How many bytes the message had. What did not fit into the buffers is lost.
    #[doc(alias = "MSG_TRUNC")]
    pub message_len: usize,
    /// The descriptors, close-on-exec. All that were sent, or none: see [`descriptors_lost`](Self::descriptors_lost).
    pub descriptors: Vec<OwnedFd>,
    /// Whether control data was cut: more descriptors came than there was room for, or than this process may have. Those
    /// that had arrived are closed: nobody can tell which are missing.
    #[doc(alias = "MSG_CTRUNC")]
    pub descriptors_lost: bool,
    /// Who sent it, when the socket [passes credentials](super::LocalSocket::pass_credentials).
    pub credentials: Option<Credentials>,
    /// The process that sent it, when the socket [passes pid descriptors](super::LocalSocket::pass_pidfd).
    pub pidfd: Option<OwnedFd>,
    /// The address of the sender of a datagram, unless it has none.
    pub address: Option<LocalAddress>,
    /// Whether this is a byte that was sent out of band.
    pub out_of_band: bool,
}

impl Received {
    /// What is to be filled in.
    #[inline]
    pub(super) const fn nothing() -> Self {
        Self {
            len: 0,
            message_len: 0,
            descriptors: Vec::new(),
            descriptors_lost: false,
            credentials: None,
            pidfd: None,
            address: None,
            out_of_band: false,
        }
    }

    /// Whether the message had more bytes than there was room for.
    #[must_use]
    pub const fn is_truncated(&self) -> bool {
        self.message_len > self.len
    }
}
