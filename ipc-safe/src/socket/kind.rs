//! The kinds of local sockets.

use rustix::net::SocketType;

/// The kind of a local socket: [`Stream`], [`Datagram`] or [`SeqPacket`].
pub trait Kind: sealed::Kind {}

/// A kind that has connections: [`Stream`] or [`SeqPacket`].
pub trait Connected: Kind {}

/// Bytes over a connection, without boundaries between messages.
///
/// Of [`LocalSocket`](super::LocalSocket). [unix(7)](https://man7.org/linux/man-pages/man7/unix.7.html)
#[doc(alias = "SOCK_STREAM")]
#[derive(Debug)]
pub enum Stream {}

/// Messages without a connection.
///
/// Of [`LocalSocket`](super::LocalSocket). [unix(7)](https://man7.org/linux/man-pages/man7/unix.7.html)
#[doc(alias = "SOCK_DGRAM")]
#[derive(Debug)]
pub enum Datagram {}

/// Messages over a connection.
///
/// Of [`LocalSocket`](super::LocalSocket). [unix(7)](https://man7.org/linux/man-pages/man7/unix.7.html)
#[doc(alias = "SOCK_SEQPACKET")]
#[derive(Debug)]
pub enum SeqPacket {}

impl Kind for Stream {}
impl Kind for Datagram {}
impl Kind for SeqPacket {}
impl Connected for Stream {}
impl Connected for SeqPacket {}

impl sealed::Kind for Stream {
    const TYPE: SocketType = SocketType::STREAM;
}

impl sealed::Kind for Datagram {
    const TYPE: SocketType = SocketType::DGRAM;
}

impl sealed::Kind for SeqPacket {
    const TYPE: SocketType = SocketType::SEQPACKET;
}

pub(super) mod sealed {
    use rustix::net::SocketType;

    /// Only the kinds of this crate.
    pub trait Kind: 'static {
        #[doc(hidden)]
        const TYPE: SocketType;
    }
}
