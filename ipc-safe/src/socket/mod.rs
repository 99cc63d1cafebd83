//! Local sockets: bytes and messages between processes of one machine, with descriptors and credentials.
//!
//! | | a connection | keeps messages apart | made by |
//! |---|---|---|---|
//! | [`LocalStream`] | yes | no | [`StreamListener`], [`pair`](LocalSocket::pair) |
//! | [`LocalSeqPacket`] | yes | yes | [`SeqPacketListener`], [`pair`](LocalSocket::pair) |
//! | [`LocalDatagram`] | no | yes | [`LocalDatagram::bind`], [`pair`](LocalSocket::pair) |
//!
//! What makes them worth an area beside [`std::os::unix::net`]: descriptors travel over them and are [owned](Received) from
//! the moment they arrive, cut control data included; the kernel vouches for who the [peer](Credentials) is; every call that waits
//! has a timeout; a message that was cut is not taken for a whole one; a listener's path is there when it listens, not before, and
//! [goes with it](Bound). No call raises `SIGPIPE`.
//!
//! ```
//! use ipc_safe::socket::{BindOptions, Incoming, LocalAddress, LocalStream, Outgoing, Stream};
//! use std::io::{Read, Write};
//! use std::os::fd::AsFd;
//!
//! let folder = tempfile::tempdir()?;
//! let address = LocalAddress::path(folder.path().join("service"))?;
//! let listener = BindOptions::new().replace_stale(true).listen::<Stream>(&address)?;
//!
//! let client = LocalStream::connect(&address)?; // in another process
//! let server = listener.accept()?;
//! assert_eq!(server.peer_credentials()?.pid, Some(ipc_safe::process::getpid()));
//!
//! let mut file = tempfile::tempfile()?;
//! file.write_all(b"in a file")?;
//! client.send(Outgoing::new(b"look").descriptors(&[file.as_fd()]))?;
//!
//! let mut bytes = [0; 16];
//! let received = server.receive_message(&mut Incoming::new(&mut bytes).descriptors(1))?;
//! assert_eq!((&bytes[..received.len], received.descriptors.len()), (&b"look"[..], 1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is somebody else's
//!
//! Network sockets are [`std::net`]'s, their options and flags the crate socket2's, name service is dns-lookup's; options of
//! local sockets, `shutdown` of other sockets and the like are rustix's `net`: all types here have a descriptor
//! ([`AsFd`](std::os::fd::AsFd)) and work with `poll`, mio and tokio. Only the end of a [connection begun
//! elsewhere](finish_connect) has a function here. The types convert from and to those of std.
//!
//! # Waiting
//!
//! The forms of a call are those of the crate: plain, `try_`, `_timeout`, `_interruptible`. They mean what they say, whether the
//! descriptor is non-blocking or not: that flag is shared with every process that has the socket.
//!
//! # Sizes
//!
//! A [`FramedStream`] is a stream of messages of any length up to a limit that is enforced before memory is reserved.
//! A message of a seqpacket or datagram socket fits into the send buffer as a whole (`SO_SNDBUF`, some 200 KiB).
//!
//! [unix(7)](https://man7.org/linux/man-pages/man7/unix.7.html)

mod address;
mod bound;
mod connecting;
mod control;
mod credentials;
mod datagram;
mod fault;
mod framed;
mod kind;
mod listener;
mod message;
mod options;
mod raw;
mod ready;
#[allow(clippy::module_inception, reason = "the noun of the area")]
mod socket;
mod stream;

pub use address::LocalAddress;
pub use bound::Bound;
pub use connecting::{finish_connect, finish_connect_interruptible, finish_connect_timeout, try_finish_connect};
pub use credentials::Credentials;
pub use framed::{Frame, FramedStream};
pub use kind::{Connected, Datagram, Kind, SeqPacket, Stream};
pub use listener::Listener;
pub use message::{Incoming, Outgoing, Received};
pub use options::BindOptions;
pub use socket::LocalSocket;

/// A connection for bytes, without boundaries between messages.
#[doc(alias = "SOCK_STREAM")]
pub type LocalStream = LocalSocket<Stream>;

/// A socket for messages, without connections. None is lost between local sockets, and the order is kept.
#[doc(alias = "SOCK_DGRAM")]
pub type LocalDatagram = LocalSocket<Datagram>;

/// A connection for messages.
#[doc(alias = "SOCK_SEQPACKET")]
pub type LocalSeqPacket = LocalSocket<SeqPacket>;

/// Waits for connections for bytes.
pub type StreamListener = Listener<Stream>;

/// Waits for connections for messages.
pub type SeqPacketListener = Listener<SeqPacket>;
