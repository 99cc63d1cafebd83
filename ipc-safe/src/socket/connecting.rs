//! The end of a connection that was begun elsewhere.

use super::fault::fault;
use super::ready::errno;
use crate::error::Result;
use crate::wait::{Wait, until_ready};
use rustix::event::PollFlags;
use rustix::net::{getpeername, sockopt};
use std::os::fd::AsFd;
use std::time::Duration;

/// Waits until a network socket is connected whose `connect` was interrupted (`EINTR`) or did not wait (`EINPROGRESS`).
///
/// The connection goes on being made meanwhile; calling `connect` again is no way to wait for it. The socket becomes writable
/// when it is made, and when it failed too: so its error is asked for.
///
/// ```
/// use ipc_safe::socket::finish_connect;
/// use socket2::{Domain, Socket, Type};
///
/// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
/// socket.set_nonblocking(true)?;
/// match socket.connect(&listener.local_addr()?.into()) {
///     Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => finish_connect(&socket)?,
///     other => other?,
/// }
/// assert!(socket.peer_addr().is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// That of the connection: [`Refused`](crate::error::ErrorKind::Refused), and others with their
/// [number](crate::Error::errno); [`Closed`](crate::error::ErrorKind::Closed) when none was begun.
///
/// [connect(2)](https://man7.org/linux/man-pages/man2/connect.2.html)
#[doc(alias = "connect")]
#[doc(alias = "EINPROGRESS")]
pub fn finish_connect(socket: impl AsFd) -> Result<()> {
    finish(socket, Wait::Forever)
}

/// As [`finish_connect`], without waiting.
///
/// # Errors
///
/// [`WouldBlock`](crate::error::ErrorKind::WouldBlock) when it is still being made; otherwise as [`finish_connect`].
pub fn try_finish_connect(socket: impl AsFd) -> Result<()> {
    finish(socket, Wait::No)
}

/// As [`finish_connect`], waiting at most so long.
///
/// # Errors
///
/// [`TimedOut`](crate::error::ErrorKind::TimedOut) when it is still being made then; otherwise as [`finish_connect`].
pub fn finish_connect_timeout(socket: impl AsFd, timeout: Duration) -> Result<()> {
    finish(socket, Wait::at_most(timeout))
}

/// As [`finish_connect`], until a signal handler has run.
///
/// # Errors
///
/// [`Interrupted`](crate::error::ErrorKind::Interrupted); otherwise as [`finish_connect`].
pub fn finish_connect_interruptible(socket: impl AsFd) -> Result<()> {
    finish(socket, Wait::Interruptible)
}

fn finish(socket: impl AsFd, wait: Wait) -> Result<()> {
    let failed = |number| fault("connect", number);
    until_ready(socket.as_fd(), PollFlags::OUT, wait).map_err(failed)?;
    sockopt::socket_error(&socket).and_then(|result| result).map_err(errno).map_err(failed)?;
    // One that never began to connect is ready too.
    getpeername(&socket).map(drop).map_err(errno).map_err(failed)
}
