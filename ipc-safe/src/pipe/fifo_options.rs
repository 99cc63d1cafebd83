//! How a FIFO is made or found.

use super::Fifo;
use super::end::ours;
use super::fifo::{check, fault, subject};
use crate::error::{Errno, Error, ErrorKind, Result};
use crate::names::{identity_at, rename_to_new, temporary};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, mkfifoat, openat, unlinkat};
use rustix::io::retry_on_intr;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// How often somebody else may be faster before that is an error.
const ATTEMPTS: usize = 64;

/// How to make or find a [`Fifo`].
///
/// ```
/// use ipc_safe::pipe::Fifo;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("requests");
/// assert!(Fifo::open(&path).is_err()); // not made yet
/// let fifo = Fifo::options().create(true).mode(0o622).open(&path)?;
/// assert!(fifo.is_new());
/// assert!(Fifo::options().create_new(true).open(&path).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [mkfifo(3)](https://man7.org/linux/man-pages/man3/mkfifo.3.html)
#[doc(alias = "mkfifo")]
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct FifoOptions {
    mode: u32,
    create: bool,
    create_new: bool,
}

impl FifoOptions {
    pub(super) const fn new() -> Self {
        Self { mode: 0o600, create: false, create_new: false }
    }

    /// The permission bits of a new FIFO, less those of the process's mask; 0600 unless changed. How its ends are opened is not
    /// said here, but when they are.
    pub const fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    /// Makes the FIFO when there is none. Of processes that do so at the same time, one [makes it](Fifo::is_new) and the others
    /// find it.
    pub const fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Makes a new FIFO, or fails when the name is taken.
    pub const fn create_new(mut self, create_new: bool) -> Self {
        self.create_new = create_new;
        self
    }

    /// Finds or makes the FIFO at this path. None of its ends is opened, and nothing waits.
    ///
    /// A symbolic link at the end of the path is followed, unless a FIFO may be made: then it is refused.
    ///
    /// A new FIFO is made under a temporary name in the same directory, and then renamed: [`is_new`](Fifo::is_new) is told of the very
    /// file that was made. A process that is killed in between leaves that name, which begins with a dot.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::error::ErrorKind::NotFound) unless one is to be created, and without a directory for it;
    /// [`AlreadyExists`](crate::error::ErrorKind::AlreadyExists) with `create_new`;
    /// [`InvalidInput`](crate::error::ErrorKind::InvalidInput) when what is there is no FIFO, for more than nine mode bits, and for
    /// a path that does not end with a name; [`PermissionDenied`](crate::error::ErrorKind::PermissionDenied);
    /// [`LimitReached`](crate::error::ErrorKind::LimitReached) without room for a name or a descriptor.
    ///
    /// [mkfifo(3)](https://man7.org/linux/man-pages/man3/mkfifo.3.html)
    #[doc(alias = "mkfifo")]
    pub fn open(self, path: impl AsRef<Path>) -> Result<Fifo> {
        self.open_at(CWD, path)
    }

    /// As [`open`](Self::open), with a path that starts at this directory unless it is absolute. The descriptor may be one that
    /// was opened by `O_PATH`; [`rustix::fs::CWD`] stands for the current directory.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    ///
    /// [mkfifoat(3)](https://man7.org/linux/man-pages/man3/mkfifoat.3.html)
    #[doc(alias = "mkfifoat")]
    pub fn open_at(self, directory: impl AsFd, path: impl AsRef<Path>) -> Result<Fifo> {
        let path = path.as_ref();
        if self.mode & !0o777 != 0 {
            let reason = "permission bits are nine: 0o000 to 0o777; how an end is opened is said when it is";
            return Err(Error::invalid("mkfifo", reason).about(format!("mode {:#o}", self.mode)));
        }
        let (folder, name) = split(path)
            .ok_or_else(|| Error::invalid("mkfifo", "the path does not end with a name").about(subject(path)))?;
        let folder = open_folder(directory.as_fd(), &folder, path)?;
        let (node, is_new) = self.find_or_make(&folder, &name, path)?;
        Ok(Fifo::new(folder, name, node, path, is_new))
    }

    fn find_or_make(self, folder: &OwnedFd, name: &OsStr, path: &Path) -> Result<(OwnedFd, bool)> {
        for _ in 0..ATTEMPTS {
            if !self.create_new {
                match self.find(folder, name, path) {
                    Err(error) if self.create && error.kind() == ErrorKind::NotFound => {}
                    found => return Ok((found?, false)),
                }
            } else if identity_at(folder.as_fd(), name).is_ok() {
                return Err(fault("mkfifo", Errno::from_raw(libc::EEXIST), path));
            }
            match self.make(folder, name, path) {
                // Somebody was faster.
                Err(error) if !self.create_new && error.kind() == ErrorKind::AlreadyExists => {}
                made => return Ok((made?, true)),
            }
        }
        Err(fault("mkfifo", Errno::from_raw(libc::EEXIST), path))
    }

    /// Makes a FIFO under a temporary name and gives it its own when it is open: what is opened is what was made, whatever others do
    /// with the name.
    fn make(self, folder: &OwnedFd, name: &OsStr, path: &Path) -> Result<OwnedFd> {
        let failed = |number| fault("mkfifo", ours(number), path);
        let temporary = temporary().map_err(failed)?;
        mkfifoat(folder, &temporary, Mode::from_raw_mode(self.mode)).map_err(failed)?;
        let named = self
            .find(folder, &temporary, path)
            .and_then(|node| rename_to_new(folder.as_fd(), &temporary, name).map(|()| node).map_err(failed));
        if named.is_err() {
            // An error means that it is gone.
            let _ = unlinkat(folder, &temporary, AtFlags::empty());
        }
        named
    }

    fn find(self, folder: &OwnedFd, name: &OsStr, path: &Path) -> Result<OwnedFd> {
        let mut flags = OFlags::PATH | OFlags::CLOEXEC;
        flags.set(OFlags::NOFOLLOW, self.create || self.create_new);
        let node = retry_on_intr(|| openat(folder, name, flags, Mode::empty()))
            .map_err(|number| fault("open", ours(number), path))?;
        check(node.as_fd(), path)?;
        Ok(node)
    }
}

/// The directory that the name is in. Held from now on, so that a path that starts at the current directory stays what it is.
fn open_folder(directory: BorrowedFd<'_>, folder: &OsStr, path: &Path) -> Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    retry_on_intr(|| openat(directory, folder, flags, Mode::empty()))
        .map_err(|number| fault("open", ours(number), path))
}

/// The directory and the name in it.
fn split(path: &Path) -> Option<(OsString, OsString)> {
    let bytes = path.as_os_str().as_bytes();
    let start = bytes.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
    let (folder, name) = bytes.split_at(start);
    if matches!(name, b"" | b"." | b"..") {
        return None;
    }
    let folder = if folder.is_empty() { b"." } else { folder };
    Some((OsString::from_vec(folder.to_vec()), OsString::from_vec(name.to_vec())))
}
