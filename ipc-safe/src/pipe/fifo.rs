//! A FIFO: a pipe with a name.

use super::end::ours;
use super::fifo_options::FifoOptions;
use super::fifo_owned::OwnedFifo;
use super::options::no_descriptor;
use crate::error::{Errno, Error, ErrorKind, Result};
use crate::names::{Identity, identity, take_away};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{FileType, OFlags, fstat};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A FIFO (named pipe): a name in the file system at which processes meet. What is written goes through memory, and into no file.
///
/// A handle, cheap to clone, which does nothing when dropped: the name stays until somebody unlinks it, or with [an
/// owner](Self::into_owned). It is bound to the file it found, and to the directory that this has its name in: when the name means
/// something else by the time an end is opened, that is an error.
///
/// The *ends* are those of any pipe. How opening one waits is said by the name of the method; the ends themselves are blocking,
/// however they were opened.
///
/// ```
/// use ipc_safe::pipe::Fifo;
/// use std::io::{Read, Write};
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("requests");
/// let fifo = Fifo::options().create_new(true).open(&path)?.into_owned(); // unlinked when dropped
/// let mut reader = fifo.try_open_reader()?;
/// let mut writer = fifo.open_writer()?; // in another process: `Fifo::open(path)?.open_writer()?`
/// writer.write_all(b"a request").unwrap();
/// drop(writer);
/// let mut text = String::new();
/// reader.read_to_string(&mut text).unwrap();
/// assert_eq!(text, "a request");
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [fifo(7)](https://man7.org/linux/man-pages/man7/fifo.7.html)
#[doc(alias = "mkfifo")]
#[derive(Clone, Debug)]
pub struct Fifo(Arc<Node>);

/// What a handle knows.
#[derive(Debug)]
struct Node {
    /// The directory, held so that it stays the same whatever is renamed and wherever the process goes.
    folder: OwnedFd,
    /// The name in it.
    name: OsString,
    /// The FIFO, held so that no other file gets its inode number.
    node: OwnedFd,
    /// As it was given, for messages.
    path: PathBuf,
    is_new: bool,
}

impl Fifo {
    /// How to make or find a FIFO: mode, create or not.
    pub const fn options() -> FifoOptions {
        FifoOptions::new()
    }

    /// The FIFO at this path, which may be a symbolic link to it.
    ///
    /// # Errors
    ///
    /// As [`FifoOptions::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::options().open(path)
    }

    pub(super) fn new(folder: OwnedFd, name: OsString, node: OwnedFd, path: &Path, is_new: bool) -> Self {
        Self(Arc::new(Node { folder, name, node, path: path.to_owned(), is_new }))
    }

    /// The path that it was opened by.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Whether opening this handle made the FIFO, and did not find it.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.0.is_new
    }

    /// This FIFO as one that is unlinked when the returned value is dropped. To be used by whoever [made](Self::is_new) it.
    pub fn into_owned(self) -> OwnedFifo {
        OwnedFifo::new(self)
    }

    /// Opens what the name means now, when that still is this FIFO.
    pub(super) fn open_end(&self, flags: OFlags) -> rustix::io::Result<Option<OwnedFd>> {
        let end = rustix::fs::openat(
            &self.0.folder,
            &self.0.name,
            flags | OFlags::CLOEXEC | OFlags::NOCTTY,
            rustix::fs::Mode::empty(),
        )?;
        let (opened, known) = (fstat(&end).map(identity)?, self.identity()?);
        Ok((opened == known).then_some(end))
    }

    fn identity(&self) -> rustix::io::Result<Identity> {
        fstat(&self.0.node).map(identity)
    }

    /// Takes the name away, if it itself, and not what a symbolic link leads to, still is this FIFO; whether it is.
    pub(super) fn unlink(&self) -> rustix::io::Result<bool> {
        take_away(self.0.folder.as_fd(), &self.0.name, self.identity()?)
    }

    /// The error of a call on this FIFO.
    pub(super) fn failed(&self, call: &'static str, number: rustix::io::Errno) -> Error {
        fault(call, ours(number), self.path())
    }

    /// The name means another file by now.
    pub(super) fn replaced(&self, call: &'static str) -> Error {
        Error::new(call, Errno::NOENT)
            .without_errno()
            .kind_of(ErrorKind::Removed)
            .about(subject(self.path()))
            .because("the FIFO was removed, and the name means another file now")
    }
}

pub(super) fn subject(path: &Path) -> String {
    format!("{path:?}")
}

/// Refuses what is no FIFO.
pub(super) fn check(node: BorrowedFd<'_>, path: &Path) -> Result<()> {
    let status = fstat(node).map_err(|number| fault("fstat", ours(number), path))?;
    let what = match FileType::from_raw_mode(status.st_mode) {
        FileType::Fifo => return Ok(()),
        FileType::RegularFile => "a regular file",
        FileType::Directory => "a directory",
        FileType::Symlink => "a symbolic link",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        FileType::Unknown => "something else",
    };
    Err(Error::invalid("open", format!("what has this name is {what}, and not a FIFO"))
        .without_errno()
        .about(subject(path)))
}

#[cold]
pub(super) fn fault(call: &'static str, errno: Errno, path: &Path) -> Error {
    let error = no_descriptor(Error::new(call, errno)).about(subject(path));
    match errno.as_raw() {
        libc::ENOENT => error.because("there is nothing with this name"),
        libc::EEXIST => error.because("the name is taken, and a new FIFO was asked for"),
        libc::ENOTDIR => error.because("what should be a directory on the way is none"),
        libc::ENXIO => error.kind_of(ErrorKind::WouldBlock).because("nobody has it open for reading"),
        _ => error,
    }
}
