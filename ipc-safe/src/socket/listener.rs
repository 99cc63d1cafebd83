//! Waiting for connections.

use super::fault::fault;
use super::kind::Connected;
use super::raw::Whose;
use super::ready::{errno, perform};
use super::socket::{address, check_type};
use super::{BindOptions, Bound, LocalAddress, LocalSocket};
use crate::error::{Rejected, Result};
use crate::wait::{Wait, until_ready};
use core::fmt;
use core::marker::PhantomData;
use rustix::event::PollFlags;
use rustix::net::SocketFlags;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixListener;
use std::time::Duration;

/// Waits for connections of kind `K`: [`StreamListener`](super::StreamListener) or
/// [`SeqPacketListener`](super::SeqPacketListener).
///
/// Close-on-exec, and non-blocking: accepting has no flag for that, and a connection that is there when one looks may be
/// gone, or another thread's, when one takes it.
///
/// ```
/// use ipc_safe::socket::{LocalAddress, LocalStream, StreamListener};
///
/// let listener = StreamListener::bind(&LocalAddress::UNNAMED)?; // the kernel chooses a name
/// assert!(listener.try_accept().unwrap_err().is_would_block());
/// let client = LocalStream::connect(&listener.local_address()?)?;
/// let server = listener.accept()?;
/// server.send("hello")?;
/// assert_eq!(client.receive(&mut [0; 16])?, 5);
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [listen(2)](https://man7.org/linux/man-pages/man2/listen.2.html), [accept(2)](https://man7.org/linux/man-pages/man2/accept.2.html)
#[doc(alias = "listen")]
pub struct Listener<K> {
    descriptor: OwnedFd,
    kind: PhantomData<fn() -> K>,
}

impl<K: Connected> Listener<K> {
    /// Listens at this address, with a path's permissions 0600.
    ///
    /// # Errors
    ///
    /// As [`BindOptions::listen`].
    pub fn bind(address: &LocalAddress) -> Result<Bound<Self>> {
        BindOptions::new().listen(address)
    }

    /// Makes a listener of a socket that listens already.
    pub(super) fn of(descriptor: OwnedFd) -> rustix::io::Result<Self> {
        rustix::io::ioctl_fionbio(&descriptor, true)?;
        Ok(Self { descriptor, kind: PhantomData })
    }

    /// Takes a connection; waits for one. The new socket is close-on-exec, and not non-blocking.
    ///
    /// # Errors
    ///
    /// [`LimitReached`](crate::error::ErrorKind::LimitReached) when there are too many descriptors. The connection stays where it is then, and
    /// the listener is ready: whoever asks again at once, spins.
    #[doc(alias = "accept4")]
    pub fn accept(&self) -> Result<LocalSocket<K>> {
        self.accept_as(Wait::Forever)
    }

    /// As [`accept`](Self::accept), without waiting.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](crate::error::ErrorKind::WouldBlock) when there is none; otherwise as [`accept`](Self::accept).
    pub fn try_accept(&self) -> Result<LocalSocket<K>> {
        self.accept_as(Wait::No)
    }

    /// As [`accept`](Self::accept), waiting at most so long.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](crate::error::ErrorKind::TimedOut) when there is none by then; otherwise as [`accept`](Self::accept).
    pub fn accept_timeout(&self, timeout: Duration) -> Result<LocalSocket<K>> {
        self.accept_as(Wait::at_most(timeout))
    }

    /// As [`accept`](Self::accept), until a signal handler has run.
    ///
    /// # Errors
    ///
    /// [`Interrupted`](crate::error::ErrorKind::Interrupted); otherwise as [`accept`](Self::accept).
    pub fn accept_interruptible(&self) -> Result<LocalSocket<K>> {
        self.accept_as(Wait::Interruptible)
    }

    fn accept_as(&self, wait: Wait) -> Result<LocalSocket<K>> {
        let accept = |_| match rustix::net::accept_with(self, SocketFlags::CLOEXEC).map_err(errno) {
            // The kernel looks for a descriptor before it looks for a connection, which there may be none of.
            Err(number) if matches!(number.as_raw(), libc::EMFILE | libc::ENFILE) => {
                until_ready(self.as_fd(), PollFlags::IN, Wait::No).and(Err(number))
            }
            other => other,
        };
        perform(self.as_fd(), PollFlags::IN, wait, accept).map(LocalSocket::of).map_err(|errno| fault("accept", errno))
    }

    /// The address. That of a path is the temporary one that it was bound to: see [`BindOptions::listen`].
    ///
    /// # Errors
    ///
    /// None that is to be expected.
    #[doc(alias = "getsockname")]
    pub fn local_address(&self) -> Result<LocalAddress> {
        address(self.as_fd(), Whose::Own)
    }
}

impl<K> AsFd for Listener<K> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl<K> AsRawFd for Listener<K> {
    fn as_raw_fd(&self) -> RawFd {
        self.descriptor.as_raw_fd()
    }
}

impl<K> From<Listener<K>> for OwnedFd {
    fn from(listener: Listener<K>) -> Self {
        listener.descriptor
    }
}

/// Fails, and gives the descriptor back, unless it is a local socket of this kind that listens. Makes it non-blocking, for
/// whoever shares it too.
impl<K: Connected> TryFrom<OwnedFd> for Listener<K> {
    type Error = Rejected<OwnedFd>;

    fn try_from(descriptor: OwnedFd) -> Result<Self, Rejected<OwnedFd>> {
        if let Err(error) = check_type(&descriptor, K::TYPE, true) {
            return Err(Rejected::new(descriptor, error));
        }
        if let Err(number) = rustix::io::ioctl_fionbio(&descriptor, true) {
            return Err(Rejected::new(descriptor, fault("ioctl", errno(number))));
        }
        Ok(Self { descriptor, kind: PhantomData })
    }
}

/// Makes it non-blocking, for whoever shares it too.
impl TryFrom<UnixListener> for Listener<super::Stream> {
    type Error = Rejected<OwnedFd>;

    fn try_from(listener: UnixListener) -> Result<Self, Rejected<OwnedFd>> {
        OwnedFd::from(listener).try_into()
    }
}

/// Makes it blocking, as std's are.
impl From<Listener<super::Stream>> for UnixListener {
    fn from(listener: Listener<super::Stream>) -> Self {
        let listener = Self::from(listener.descriptor);
        // It cannot fail on a socket.
        let _ = listener.set_nonblocking(false);
        listener
    }
}

impl<K: Connected> fmt::Debug for Listener<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("kind", &K::TYPE).field("descriptor", &self.descriptor).finish()
    }
}
