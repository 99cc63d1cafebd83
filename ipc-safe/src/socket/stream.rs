//! What only connections have, and what only streams have.

use super::fault::fault_at;
use super::kind::Connected;
use super::ready::errno;
use super::{LocalAddress, LocalSocket, LocalStream};
use crate::error::{Errno, Result};
use crate::wait::Wait;
use rustix::net::sockopt::{self, Timeout};
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags};
use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::time::{Duration, Instant};

impl<K: Connected> LocalSocket<K> {
    /// Connects to a listener; waits while its backlog is full. The listener need not accept for that.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::error::ErrorKind::NotFound) when there is no such path; [`Refused`](crate::error::ErrorKind::Refused) when nobody listens
    /// there, as at a path that was left behind; [`PermissionDenied`](crate::error::ErrorKind::PermissionDenied) without the right to write
    /// to the path.
    ///
    /// ```
    /// use ipc_safe::socket::{LocalAddress, LocalSeqPacket, SeqPacketListener};
    ///
    /// let listener = SeqPacketListener::bind(&LocalAddress::UNNAMED)?; // the kernel chooses a name
    /// let client = LocalSeqPacket::connect(&listener.local_address()?)?;
    /// client.send("sent before it is accepted")?;
    /// assert_eq!(listener.accept()?.receive(&mut [0; 64])?, 26);
    /// # Ok::<(), ipc_safe::Error>(())
    /// ```
    ///
    /// [connect(2)](https://man7.org/linux/man-pages/man2/connect.2.html)
    pub fn connect(address: &LocalAddress) -> Result<Self> {
        Self::connect_as(address, Wait::Forever)
    }

    /// As [`connect`](Self::connect), without waiting.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](crate::error::ErrorKind::WouldBlock) when the backlog is full; otherwise as [`connect`](Self::connect).
    pub fn try_connect(address: &LocalAddress) -> Result<Self> {
        Self::connect_as(address, Wait::No)
    }

    /// As [`connect`](Self::connect), waiting at most so long.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](crate::error::ErrorKind::TimedOut) when the backlog is full until then; otherwise as [`connect`](Self::connect).
    pub fn connect_timeout(address: &LocalAddress, timeout: Duration) -> Result<Self> {
        Self::connect_as(address, Wait::at_most(timeout))
    }

    /// As [`connect`](Self::connect), until a signal handler has run.
    ///
    /// # Errors
    ///
    /// [`Interrupted`](crate::error::ErrorKind::Interrupted); otherwise as [`connect`](Self::connect).
    pub fn connect_interruptible(address: &LocalAddress) -> Result<Self> {
        Self::connect_as(address, Wait::Interruptible)
    }

    /// The kernel waits, not longer than the socket's timeout for sending, which is this function's alone until it returns. With
    /// such a timeout a call is not restarted after a signal handler, whatever its flags are. Unlike a network socket, an
    /// interrupted one has not begun to connect.
    fn connect_as(address: &LocalAddress, wait: Wait) -> Result<Self> {
        const LONGEST: Duration = Duration::from_secs(1 << 30);
        let failed = |number| fault_at("connect", number, address);
        let socket = Self::new()?;
        let target = address.to_rustix().map_err(errno).map_err(failed)?;
        let set = |time| sockopt::set_socket_timeout(&socket, Timeout::Send, time).map_err(errno).map_err(failed);
        loop {
            match wait {
                Wait::Forever => {}
                Wait::No => rustix::io::ioctl_fionbio(&socket, true).map_err(errno).map_err(failed)?,
                Wait::Until(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    // No time at all would be no timeout.
                    set(Some(left.clamp(Duration::from_micros(1), LONGEST)))?;
                }
                Wait::Interruptible => set(Some(LONGEST))?,
            }
            match (rustix::net::connect(&socket, &target).map_err(errno), wait) {
                (Ok(()), _) => break,
                // Interrupted, too: the kernel rounds the time that is left up, and a signal that comes sooner would come for ever.
                (Err(Errno::AGAIN | Errno::INTR), Wait::Until(deadline)) if Instant::now() >= deadline => {
                    return Err(failed(Errno::TIMEDOUT));
                }
                (Err(Errno::AGAIN), Wait::Until(_) | Wait::Interruptible) => {}
                (Err(Errno::INTR), _) if wait.retries() => {}
                (Err(number), _) => return Err(failed(number)),
            }
        }
        match wait {
            Wait::Forever => {}
            Wait::No => rustix::io::ioctl_fionbio(&socket, false).map_err(errno).map_err(failed)?,
            Wait::Until(_) | Wait::Interruptible => set(None)?,
        }
        Ok(socket)
    }
}

/// As of any descriptor: an interruption is an error, and so is a wait when the descriptor is non-blocking.
impl Read for &LocalStream {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let (_, len) = rustix::net::recv(self, buffer, RecvFlags::empty())?;
        Ok(len)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> std::io::Result<usize> {
        Ok(rustix::io::readv(self, buffers)?)
    }
}

/// Never raises `SIGPIPE`. Otherwise as of any descriptor.
impl Write for &LocalStream {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Ok(rustix::net::send(self, bytes, SendFlags::NOSIGNAL)?)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> std::io::Result<usize> {
        let control = &mut SendAncillaryBuffer::default();
        Ok(rustix::net::sendmsg(self, slices, control, SendFlags::NOSIGNAL)?)
    }

    /// Does nothing: nothing is kept here.
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// As of a reference.
impl Read for LocalStream {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        (&*self).read(buffer)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> std::io::Result<usize> {
        (&*self).read_vectored(buffers)
    }
}

/// As of a reference.
impl Write for LocalStream {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        (&*self).write(bytes)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> std::io::Result<usize> {
        (&*self).write_vectored(slices)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
