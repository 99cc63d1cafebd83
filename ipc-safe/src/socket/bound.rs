//! Sockets that have a path.

use super::fault::fault_at;
use super::kind::Kind;
use super::ready::errno;
use super::{LocalAddress, LocalSocket};
use crate::error::{Errno, Error, ErrorKind, Rejected, Result, keeping_errno};
use crate::names::{self, Identity};
use crate::process::Generation;
use core::fmt;
use core::ops::Deref;
use rustix::fs::{
    AtFlags, CWD, FileType, FlockOperation, Mode, OFlags, RenameFlags, flock, openat, renameat_with, statat, unlinkat,
};
use rustix::io::retry_on_intr;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A socket that was bound, with its name if that is a path: it is unlinked when this is dropped, in the process that made it, if
/// it still means this socket. Whatever others do with the name in that moment, no file of theirs is taken away.
///
/// ```
/// use ipc_safe::socket::{LocalAddress, StreamListener};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("service");
/// let listener = StreamListener::bind(&LocalAddress::path(&path)?)?;
/// assert_eq!(listener.path(), Some(path.as_path()));
/// drop(listener);
/// assert!(!path.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [unlink(2)](https://man7.org/linux/man-pages/man2/unlink.2.html)
#[doc(alias = "unlink")]
#[must_use = "the path is unlinked when this value is dropped"]
pub struct Bound<S> {
    // Dropped first: nobody is refused who finds the path.
    name: Option<Name>,
    socket: S,
}

impl<S> Bound<S> {
    pub(super) const fn new(socket: S, name: Option<Name>) -> Self {
        Self { name, socket }
    }

    /// The path, as it was given.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.name.as_ref().and_then(|name| name.place.address.as_path())
    }

    /// Unlinks the path now. Who is connected stays connected.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::error::ErrorKind::NotFound) when there is none, or it means another file by now;
    /// [`PermissionDenied`](crate::error::ErrorKind::PermissionDenied) without the right to change the folder;
    /// [`InvalidInput`](crate::error::ErrorKind::InvalidInput) in a forked child. The socket comes back with each of them.
    pub fn unlink(mut self) -> Result<S, Rejected<S>> {
        let unlinked = match self.name.take() {
            Some(name) => name.unlink(),
            None => Err(Error::new("unlink", Errno::NOENT).because("the socket has no path")),
        };
        match unlinked {
            Ok(()) => Ok(self.socket),
            Err(error) => Err(Rejected::new(self.socket, error)),
        }
    }

    /// Gives the name up: it stays until somebody unlinks it.
    pub fn keep(mut self) -> S {
        if let Some(name) = &mut self.name {
            name.kept = true;
        }
        self.socket
    }
}

impl<S> Deref for Bound<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.socket
    }
}

impl<S: AsFd> AsFd for Bound<S> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl<S: AsRawFd> AsRawFd for Bound<S> {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl<S: fmt::Debug> fmt::Debug for Bound<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bound").field("path", &self.path()).field("socket", &self.socket).finish()
    }
}

/// How often somebody else may be faster before that is an error.
pub(super) const ATTEMPTS: usize = 64;

/// How long others may take to replace a socket, which is a few calls.
const TURN: Duration = Duration::from_secs(2);

/// The name of a file, while it means the same one: device and inode.
pub(super) struct Name {
    place: Arc<Place>,
    file: OsString,
    identity: Identity,
    made_in: Generation,
    kept: bool,
}

impl Name {
    fn unlink(mut self) -> Result<()> {
        self.kept = true;
        self.made_in.check("unlink")?;
        match self.take_away() {
            Ok(true) => Ok(()),
            Ok(false) => Err(fault_at("unlink", Errno::NOENT, &self.place.address)),
            Err(number) => Err(fault_at("unlink", number, &self.place.address)),
        }
    }

    fn take_away(&self) -> Raw<bool> {
        names::take_away(self.place.folder.as_fd(), &self.file, self.identity).map_err(errno)
    }

    /// Gives a socket that was bound to this temporary name its own name.
    pub(super) fn rename(self, replace_stale: bool) -> Result<Self> {
        let place = Arc::clone(&self.place);
        let failed = |call, number| Err(fault_at(call, number, &place.address));
        let mut turn = None;
        for _ in 0..ATTEMPTS {
            match place.rename(&self.file, &place.file, RenameFlags::NOREPLACE) {
                Ok(()) => return Ok(self.renamed()),
                Err(Errno::EXIST) if replace_stale => {}
                Err(Errno::EXIST) => break,
                Err(number) => return failed("rename", number),
            }
            if turn.is_none() {
                turn = Some(place.turn()?);
            }
            match place.is_stale(&place.file) {
                Ok(true) => {}
                Ok(false) => break,
                Err(Errno::NOENT) => continue,
                Err(number) => return failed("connect", number),
            }
            match place.rename(&self.file, &place.file, RenameFlags::EXCHANGE) {
                Ok(()) => {}
                Err(Errno::NOENT) => continue,
                Err(number) => return failed("rename", number),
            }
            // Somebody who does not wait for a turn may have been faster, and live. What is under the temporary name now, nobody
            // else touches.
            if place.is_stale(&self.file) == Ok(true) {
                // An error leaves the old socket there under its temporary name.
                let _ = place.unlink(&self.file);
                return Ok(self.renamed());
            }
            if let Err(number) = place.rename(&self.file, &place.file, RenameFlags::EXCHANGE) {
                return failed("rename", number);
            }
        }
        failed("bind", Errno::from_raw(libc::EADDRINUSE))
    }

    fn renamed(mut self) -> Self {
        self.file.clone_from(&self.place.file);
        self
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        if !self.kept && self.made_in.is_current() {
            // An error means that somebody else took the name away, or the right to do so.
            let _ = keeping_errno(|| self.take_away());
        }
    }
}

/// A path, taken apart: the folder as it was when the socket was bound, and the name in it. Where the process goes afterwards,
/// and how the folder is called, does not matter.
pub(super) struct Place {
    folder: OwnedFd,
    file: OsString,
    address: LocalAddress,
}

/// A result with the bare number.
type Raw<T> = core::result::Result<T, Errno>;

impl Place {
    pub(super) fn of(path: &Path, address: &LocalAddress) -> Result<Arc<Self>> {
        let Some(file) = path.file_name() else {
            return Err(Error::invalid("bind", "the path ends with no name").about(address.to_string()));
        };
        let parent = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = retry_on_intr(|| openat(CWD, parent, flags, Mode::empty())).map_err(|number| {
            let error = fault_at("open", errno(number), address);
            match number {
                rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR => {
                    error.because("the folder of the path is not there")
                }
                _ => error,
            }
        })?;
        Ok(Arc::new(Self { folder, file: file.to_owned(), address: *address }))
    }

    /// Binds a socket to a name in the folder that nobody expects.
    pub(super) fn bind_temporarily<K: Kind>(self: &Arc<Self>, socket: &LocalSocket<K>) -> Result<Name> {
        for _ in 0..ATTEMPTS {
            let file = names::temporary().map_err(|number| fault_at("getrandom", errno(number), &self.address))?;
            match bind(socket, &self.address_of(&file)?) {
                Ok(()) => {
                    return self.name(file.clone()).inspect_err(|_| {
                        // Nobody else touches it. An error means that it is gone.
                        let _ = self.unlink(&file);
                    });
                }
                Err(number) if number.as_raw() == libc::EADDRINUSE => {}
                Err(number) => return Err(fault_at("bind", number, &self.address)),
            }
        }
        Err(fault_at("bind", Errno::from_raw(libc::EADDRINUSE), &self.address))
    }

    /// The name that the socket was bound to directly.
    pub(super) fn name_of_what_is_there(self: &Arc<Self>) -> Result<Name> {
        let status = statat(&self.folder, &self.file, AtFlags::SYMLINK_NOFOLLOW).map_err(|number| {
            // The kernel made it just now. An error means that it is gone.
            let _ = self.unlink(&self.file);
            fault_at("stat", errno(number), &self.address)
        })?;
        // Nobody can ask which file the kernel made for the socket. One that belongs to another user is not it.
        let is_ours = status.st_uid == rustix::process::geteuid().as_raw();
        let mut name = self.name_of(self.file.clone(), names::identity(status));
        name.kept = !is_ours;
        Ok(name)
    }

    fn name(self: &Arc<Self>, file: OsString) -> Result<Name> {
        let identity = self.identity(&file).map_err(|number| fault_at("stat", number, &self.address))?;
        Ok(self.name_of(file, identity))
    }

    fn name_of(self: &Arc<Self>, file: OsString, identity: Identity) -> Name {
        Name { place: Arc::clone(self), file, identity, made_in: Generation::current(), kept: false }
    }

    /// Waits until nobody else replaces a stale socket of the folder. Three who do so at once, and each put back what they took
    /// away and found alive, could leave the path with one that has given up.
    pub(super) fn turn(&self) -> Result<Turn> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = match retry_on_intr(|| openat(&self.folder, ".", flags, Mode::empty())) {
            Ok(folder) => folder,
            // A folder that may be changed and not be read: who replaces there has no turn.
            Err(rustix::io::Errno::ACCESS) => return Ok(Turn(None)),
            Err(number) => return Err(fault_at("open", errno(number), &self.address)),
        };
        let take = || match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(())),
            Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => Ok(None),
            // A file system that knows no locks.
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOLCK | rustix::io::Errno::NOSYS) => Ok(Some(())),
            Err(number) => Err(fault_at("flock", errno(number), &self.address)),
        };
        if crate::wait::poll(TURN, take)?.is_none() {
            let error = fault_at("flock", Errno::AGAIN, &self.address).kind_of(ErrorKind::TimedOut);
            return Err(error.because("somebody holds a lock on the folder of the path, and does not get on"));
        }
        Ok(Turn(Some(folder)))
    }

    /// Moves a stale socket away, and unlinks it there. One that turns out to live is put back. Only by who has the turn.
    pub(super) fn take_away_stale(&self) -> Result<()> {
        let failed = |call, number| Err(fault_at(call, number, &self.address));
        match self.is_stale(&self.file) {
            Ok(true) => {}
            Ok(false) => return failed("bind", Errno::from_raw(libc::EADDRINUSE)),
            Err(Errno::NOENT) => return Ok(()),
            Err(number) => return failed("connect", number),
        }
        let Ok(away) = names::temporary() else { return failed("getrandom", Errno::AGAIN) };
        match self.rename(&self.file, &away, RenameFlags::NOREPLACE) {
            Ok(()) => {}
            Err(Errno::NOENT) => return Ok(()),
            Err(number) => return failed("rename", number),
        }
        if self.is_stale(&away) == Ok(true) {
            return self.unlink(&away).or_else(|number| failed("unlink", number));
        }
        match self.rename(&away, &self.file, RenameFlags::NOREPLACE) {
            Ok(()) => failed("bind", Errno::from_raw(libc::EADDRINUSE)),
            Err(number) => failed("rename", number),
        }
    }

    /// Whether there is a socket at this name that nobody has open. Asked by connecting with a socket for datagrams: a socket
    /// for datagrams does not notice, and one of another kind neither, because the kernel refuses it as of the wrong kind.
    fn is_stale(&self, file: &OsStr) -> Raw<bool> {
        let status = statat(&self.folder, file, AtFlags::SYMLINK_NOFOLLOW).map_err(errno)?;
        if FileType::from_raw_mode(status.st_mode) != FileType::Socket {
            return Ok(false);
        }
        let address = self.address_of(file).map_err(|_| Errno::INVAL)?.to_rustix().map_err(errno)?;
        let probe = socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None).map_err(errno)?;
        match rustix::net::connect(&probe, &address) {
            Err(rustix::io::Errno::CONNREFUSED) => Ok(true),
            // Gone; or the folder is, and with it the way to find out.
            Err(rustix::io::Errno::NOENT) => self.identity(file).map(|_| false),
            _ => Ok(false),
        }
    }

    /// An address by which this name in the folder is reached, whatever the folder's own name is.
    fn address_of(&self, file: &OsStr) -> Result<LocalAddress> {
        let parent = self.address.as_path().and_then(Path::parent).unwrap_or(Path::new(""));
        LocalAddress::path(parent.join(file)).or_else(|_| {
            let folder = PathBuf::from(format!("/proc/self/fd/{}", self.folder.as_raw_fd()));
            LocalAddress::path(folder.join(file))
        })
    }

    fn identity(&self, file: &OsStr) -> Raw<Identity> {
        names::identity_at(self.folder.as_fd(), file).map_err(errno)
    }

    fn rename(&self, from: &OsStr, to: &OsStr, flags: RenameFlags) -> Raw<()> {
        renameat_with(&self.folder, from, &self.folder, to, flags).map_err(errno)
    }

    fn unlink(&self, file: &OsStr) -> Raw<()> {
        unlinkat(&self.folder, file, AtFlags::empty()).map_err(errno)
    }
}

/// The right to replace a stale socket of a folder, until this is dropped: a lock on the folder (`flock`).
pub(super) struct Turn(Option<OwnedFd>);

impl Drop for Turn {
    fn drop(&mut self) {
        // Closing is not enough: a child that another thread forked meanwhile has a copy of the descriptor, and would keep the
        // lock. An error means that there was none to be had.
        let _ = self.0.as_ref().map(|folder| keeping_errno(|| flock(folder, FlockOperation::Unlock)));
    }
}

/// Binds a socket.
pub(super) fn bind<K: Kind>(socket: &LocalSocket<K>, address: &LocalAddress) -> Raw<()> {
    let address = address.to_rustix().map_err(errno)?;
    rustix::net::bind(socket, &address).map_err(errno)
}
