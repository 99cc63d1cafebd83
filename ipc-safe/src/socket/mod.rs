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
//! Whom they are for: processes of one machine that answer each other, that hand each other open files, memory or sockets, or that
//! must know who the other one is. Whoever has bytes that flow one way is served by a [pipe](crate::pipe), large data that both look
//! at by [shared memory](crate::memory), whose descriptor a local socket carries.
//!
//! # What it is not for
//!
//! The network. Its sockets are [`std::net`]'s, their options and flags the crate socket2's, name service is dns-lookup's; what none
//! of those has (the tables of networks, protocols and services) is the C library's. Only the [end of a connection begun
//! elsewhere](finish_connect) has a function here, since everybody gets that wrong. How these work together is shown by the
//! examples `tcp_server` and `tcp_client`, and by the tests in `tests/socket`: `network.rs` has the calls of sockets one by one,
//! `service.rs` those of names. Deadlines, several sockets at once, and a signal that ends a server go through their
//! descriptors, as with all others.
//!
//! Options of local sockets, `shutdown` of other sockets and the like are rustix's `net`. All types here have a descriptor
//! ([`AsFd`](std::os::fd::AsFd)) and work with `poll`, mio and tokio (`events.rs` among the tests), and convert from and to
//! those of std.
//!
//! Calls with types, requests and replies of serde, are the example `rpc`, over a [`FramedStream`]. They are two functions and no
//! part of the crate: the format, whether calls overlap, and what a fault says are for each program to choose.
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
//! A call costs what the system call does, and reserves no memory, except for what it hands out: the vector of
//! [descriptors](Received::descriptors) and the bytes of a [`Frame`]. Those come in memory that was there before when it is
//! [given back](FramedStream::reuse) ([for descriptors](Incoming::reuse)).
//!
//! # Programs
//!
//! Among the examples are an echo server and its client (`unix_echo_server`, `unix_echo_client`) and `rpc`. A C program at the
//! other end sees an ordinary socket; frames are eight bytes of header, described at [`FramedStream`].
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
#[cfg(feature = "testing")]
pub(crate) use control::owned_items as control_items;
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
