//! What the two ends have in common.

use crate::error::{Errno, Error, Rejected, Result};
use crate::wait::{Wait, until_ready};
use rustix::event::PollFlags;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::{CWD, FileType, Mode, OFlags, fcntl_getfl, fcntl_setfl, fstat, openat};
use rustix::pipe::{fcntl_getpipe_size, fcntl_setpipe_size};
use std::sync::OnceLock;

/// An error number of rustix as one of ours.
#[inline]
pub(crate) fn ours(errno: rustix::io::Errno) -> Errno {
    Errno::from_raw(errno.raw_os_error())
}

/// The result of a call: what it returns, or the error number.
pub(super) type Raw<T> = core::result::Result<T, Errno>;

/// How a single call behaves where it would have to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// As the descriptor says.
    AsItIs,
    /// It fails with `EAGAIN`.
    AtOnce,
}

/// What a call that shall not wait is made on where the kernel knows none for this pipe.
pub(super) enum Instead<'e> {
    /// A descriptor of the same pipe that is non-blocking.
    Twin(BorrowedFd<'e>),
    /// The end itself, which is ready at this moment.
    Ready(BorrowedFd<'e>),
}

/// A descriptor of a pipe.
#[derive(Debug)]
pub(super) struct End {
    descriptor: OwnedFd,
    /// The same end of the same pipe, opened once more, non-blocking; made when it is needed.
    twin: OnceLock<OwnedFd>,
}

impl End {
    pub(super) const fn new(descriptor: OwnedFd) -> Self {
        Self { descriptor, twin: OnceLock::new() }
    }

    /// One that came from elsewhere, when it is a pipe's and open for what this end does.
    pub(super) fn check(descriptor: OwnedFd, access: OFlags) -> Result<Self, Rejected<OwnedFd>> {
        match check(descriptor.as_fd(), access) {
            Ok(()) => Ok(Self::new(descriptor)),
            Err(error) => Err(Rejected::new(descriptor, error)),
        }
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }

    pub(super) fn into_descriptor(self) -> OwnedFd {
        self.descriptor
    }

    pub(super) fn try_clone(&self) -> Result<Self> {
        match rustix::io::fcntl_dupfd_cloexec(self.as_fd(), 0) {
            Ok(descriptor) => Ok(Self::new(descriptor)),
            Err(number) => {
                Err(super::options::no_descriptor(Error::new("fcntl", ours(number)).about("F_DUPFD_CLOEXEC")))
            }
        }
    }

    /// Makes a call that waits as `wait` says, on a pipe where `events` say that it need not. `other` is the other side of a
    /// call that moves bytes between two descriptors, and the events that say it for that one.
    #[inline]
    pub(super) fn perform<T>(
        &self,
        wait: Wait,
        events: PollFlags,
        other: Option<(BorrowedFd<'_>, PollFlags)>,
        mut call: impl FnMut(Manner) -> Raw<T>,
    ) -> Raw<T> {
        let manner = match wait {
            Wait::Forever | Wait::Interruptible => Manner::AsItIs,
            Wait::No | Wait::Until(_) => Manner::AtOnce,
        };
        loop {
            match call(manner) {
                Err(errno @ (Errno::AGAIN | Errno::INTR)) => self.be_patient(errno, wait, events, other)?,
                result => return result,
            }
        }
    }

    /// Waits until a call that failed can be made again, when it is to be.
    #[cold]
    fn be_patient(
        &self,
        errno: Errno,
        wait: Wait,
        events: PollFlags,
        other: Option<(BorrowedFd<'_>, PollFlags)>,
    ) -> Raw<()> {
        match errno {
            Errno::INTR if wait.retries() => return Ok(()),
            Errno::AGAIN if !matches!(wait, Wait::No) => {}
            _ => return Err(errno),
        }
        until_ready(self.as_fd(), events, wait)?;
        if let Some((descriptor, events)) = other {
            until_ready(descriptor, events, wait)?;
        }
        Ok(())
    }

    /// What a call that shall not wait is made on when the kernel refuses to make it so for the end itself.
    pub(super) fn instead(&self, events: PollFlags) -> Raw<Instead<'_>> {
        if let Some(twin) = self.twin() {
            return Ok(Instead::Twin(twin));
        }
        match self.reopen(events) {
            Ok(twin) => Ok(Instead::Twin(self.twin.get_or_init(|| twin).as_fd())),
            Err(rustix::io::Errno::NXIO) => Err(Errno::from_raw(libc::EPIPE)),
            Err(_) => until_ready(self.as_fd(), events, Wait::No).map(|_| Instead::Ready(self.as_fd())),
        }
    }

    /// The non-blocking descriptor, when there is one already.
    #[inline]
    pub(super) fn twin(&self) -> Option<BorrowedFd<'_>> {
        self.twin.get().map(AsFd::as_fd)
    }

    #[cold]
    fn reopen(&self, events: PollFlags) -> rustix::io::Result<OwnedFd> {
        let access = if events.contains(PollFlags::IN) { OFlags::RDONLY } else { OFlags::WRONLY };
        // A pipe that is in packet mode stays in it.
        let kept = fcntl_getfl(self.as_fd())? & OFlags::DIRECT;
        let path = format!("/proc/self/fd/{}", self.descriptor.as_raw_fd());
        openat(CWD, path, access | kept | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())
    }

    pub(super) fn is_nonblocking(&self) -> Result<bool> {
        flags(self.as_fd()).map(|flags| flags.contains(OFlags::NONBLOCK))
    }

    pub(super) fn set_nonblocking(&self, nonblocking: bool) -> Result<()> {
        set_nonblocking(self.as_fd(), nonblocking)
    }

    pub(super) fn capacity(&self) -> Result<usize> {
        fcntl_getpipe_size(self.as_fd()).map_err(|number| Error::new("fcntl", ours(number)).about("F_GETPIPE_SZ"))
    }

    pub(super) fn set_capacity(&self, bytes: usize) -> Result<usize> {
        let set = if i32::try_from(bytes).is_ok() {
            fcntl_setpipe_size(self.as_fd(), bytes)
        } else {
            Err(rustix::io::Errno::INVAL)
        };
        set.map_err(|number| refused_capacity(ours(number), bytes))
    }

    pub(super) fn available(&self) -> Result<usize> {
        match rustix::io::ioctl_fionread(self.as_fd()) {
            Ok(bytes) => Ok(usize::try_from(bytes).unwrap_or(usize::MAX)),
            Err(number) => Err(Error::new("ioctl", ours(number)).about("FIONREAD")),
        }
    }
}

fn flags(descriptor: BorrowedFd<'_>) -> Result<OFlags> {
    fcntl_getfl(descriptor).map_err(|number| Error::new("fcntl", ours(number)).about("F_GETFL"))
}

pub(super) fn set_nonblocking(descriptor: BorrowedFd<'_>, nonblocking: bool) -> Result<()> {
    let mut changed = flags(descriptor)?;
    changed.set(OFlags::NONBLOCK, nonblocking);
    fcntl_setfl(descriptor, changed).map_err(|number| Error::new("fcntl", ours(number)).about("F_SETFL"))
}

/// Whether a descriptor is open for writing.
pub(super) fn can_write(descriptor: BorrowedFd<'_>) -> Raw<bool> {
    fcntl_getfl(descriptor).map_err(ours).map(|flags| is_open_for(flags, OFlags::WRONLY))
}

fn is_open_for(flags: OFlags, access: OFlags) -> bool {
    let mode = flags & OFlags::RWMODE;
    !flags.contains(OFlags::PATH) && (mode == access || mode == OFlags::RDWR)
}

fn check(descriptor: BorrowedFd<'_>, access: OFlags) -> Result<()> {
    let status = fstat(descriptor).map_err(|number| Error::new("fstat", ours(number)))?;
    if FileType::from_raw_mode(status.st_mode) != FileType::Fifo {
        return Err(Error::invalid("fstat", "this is neither a pipe nor a FIFO").without_errno());
    }
    if !is_open_for(flags(descriptor)?, access) {
        return Err(Error::invalid("fcntl", "this is the other end: it is not open for that").without_errno());
    }
    Ok(())
}

#[cold]
fn refused_capacity(errno: Errno, bytes: usize) -> Error {
    let error = Error::new("fcntl", errno).about(format!("F_SETPIPE_SZ, {bytes} bytes"));
    match errno.as_raw() {
        libc::EBUSY => error.because("the pipe holds more than that: read it first"),
        libc::EPERM => {
            let most = std::fs::read_to_string("/proc/sys/fs/pipe-max-size").unwrap_or_default();
            error.because(format!(
                "more than {} bytes (fs.pipe-max-size), or more than the user may have in all pipes \
                 (fs.pipe-user-pages-soft), take CAP_SYS_RESOURCE",
                most.trim()
            ))
        }
        libc::EINVAL => error.because("no pipe can be so large"),
        _ => error,
    }
}

/// Implements what both ends have.
macro_rules! both_ends {
    ($end:ident, $access:expr, $std:ident) => {
        impl $end {
            /// Whether reading and writing by [`std::io`] fail where they would have to wait.
            ///
            /// # Errors
            ///
            /// That of `fcntl`.
            pub fn is_nonblocking(&self) -> Result<bool> {
                self.0.is_nonblocking()
            }

            /// Lets reading and writing by [`std::io`] fail with [`WouldBlock`](std::io::ErrorKind::WouldBlock) where they would
            /// have to wait, or not; all other methods wait as their names say, whatever this is. For `poll` and all that is
            /// built on it.
            ///
            /// It holds for all copies of the descriptor, in other processes too; not for the other end.
            ///
            /// # Errors
            ///
            /// That of `fcntl`.
            #[doc(alias = "O_NONBLOCK")]
            pub fn set_nonblocking(&self, nonblocking: bool) -> Result<()> {
                self.0.set_nonblocking(nonblocking)
            }

            /// How many bytes the pipe holds when they were written page by page: 65536 by default. Short writes that are not
            /// joined (packets, `splice`) take a page each.
            ///
            /// # Errors
            ///
            /// That of `fcntl`.
            #[doc(alias = "F_GETPIPE_SZ")]
            pub fn capacity(&self) -> Result<usize> {
                self.0.capacity()
            }

            /// Lets the pipe hold at least `bytes` bytes; what it holds now is returned: a power of two of pages.
            ///
            /// # Errors
            ///
            /// `EBUSY` when it holds more at the moment; [`PermissionDenied`](crate::error::ErrorKind::PermissionDenied) above
            /// the limits `fs.pipe-max-size` (1 MiB by default) and `fs.pipe-user-pages-soft`;
            /// [`OutOfMemory`](crate::error::ErrorKind::OutOfMemory); [`InvalidInput`](crate::error::ErrorKind::InvalidInput)
            /// above 2 GiB.
            #[doc(alias = "F_SETPIPE_SZ")]
            pub fn set_capacity(&self, bytes: usize) -> Result<usize> {
                self.0.set_capacity(bytes)
            }

            /// How many bytes wait to be read.
            ///
            /// # Errors
            ///
            /// That of `ioctl`.
            #[doc(alias = "FIONREAD")]
            pub fn available(&self) -> Result<usize> {
                self.0.available()
            }

            /// The same end once more. The pipe counts it until all copies are dropped.
            ///
            /// # Errors
            ///
            /// [`LimitReached`](crate::error::ErrorKind::LimitReached) when the process has as many descriptors as it may.
            #[doc(alias = "dup")]
            pub fn try_clone(&self) -> Result<Self> {
                self.0.try_clone().map(Self)
            }
        }

        impl AsFd for $end {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.0.as_fd()
            }
        }

        impl AsRawFd for $end {
            fn as_raw_fd(&self) -> RawFd {
                self.0.as_fd().as_raw_fd()
            }
        }

        impl From<$end> for OwnedFd {
            fn from(end: $end) -> Self {
                end.0.into_descriptor()
            }
        }

        /// For [`Command`](std::process::Command): the end becomes the program's standard input or output.
        impl From<$end> for Stdio {
            fn from(end: $end) -> Self {
                OwnedFd::from(end).into()
            }
        }

        impl From<$end> for io::$std {
            fn from(end: $end) -> Self {
                OwnedFd::from(end).into()
            }
        }

        impl From<io::$std> for $end {
            fn from(end: io::$std) -> Self {
                Self(End::new(end.into()))
            }
        }

        /// A descriptor that came from elsewhere, when it is this end of a pipe or FIFO.
        impl TryFrom<OwnedFd> for $end {
            type Error = Rejected<OwnedFd>;

            fn try_from(descriptor: OwnedFd) -> Result<Self, Rejected<OwnedFd>> {
                End::check(descriptor, $access).map(Self)
            }
        }
    };
}

pub(super) use both_ends;
