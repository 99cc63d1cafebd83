//! Shared memory objects with a name.

use super::mapping::FileMapping;
use super::memfd::set_size;
use super::object;
use super::options::MapOptions;
use super::raw;
use crate::error::{Errno, Error, ErrorKind, Result, keeping_errno};
use crate::process::Generation;
use crate::wait::{Wait, uninterrupted};
use core::fmt;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, fstat, linkat, openat, statat};
use rustix::io::retry_on_intr;
use std::ffi::{CString, OsStr, OsString};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// Where the C library keeps them.
const FOLDER: &str = "/dev/shm";

/// A POSIX shared memory object: memory with a name that unrelated processes find.
///
/// Whoever may write it can also make it shorter, and nothing can be done about that: such an object has no seals. So it maps
/// as a [`FileMapping`].
///
/// A handle with a descriptor: dropping it closes the descriptor and leaves the object. See [`unlink`](Self::unlink) and
/// [`into_owned`](Self::into_owned).
///
/// ```
/// use ipc_safe::memory::PosixObject;
///
/// let name = format!("/ipc-safe-doc-{}", std::process::id());
/// let object = PosixObject::options().create_new(true).open(&name, 4096)?.into_owned();
/// object.map()?.write(0, b"hello")?;
///
/// let same = PosixObject::open(&name)?; // in another process
/// assert_eq!(same.map()?.load::<[u8; 5]>(0)?, *b"hello");
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [shm_overview(7)](https://man7.org/linux/man-pages/man7/shm_overview.7.html)
#[doc(alias = "shm_open")]
#[derive(Debug)]
pub struct PosixObject {
    descriptor: OwnedFd,
    name: CString,
}

impl PosixObject {
    /// How to find or make an object: mode, create or not, read-only.
    pub const fn options() -> PosixOptions {
        PosixOptions { mode: 0o600, create: false, create_new: false, read_only: false }
    }

    /// The object of this name, for reading and writing.
    ///
    /// # Errors
    ///
    /// As [`PosixOptions::open`].
    pub fn open(name: &str) -> Result<Self> {
        Self::options().open(name, 0)
    }

    /// The name, with its slash.
    #[must_use]
    pub fn name(&self) -> &OsStr {
        OsStr::from_bytes(self.name.as_bytes())
    }

    /// The size in bytes. Others may change it.
    ///
    /// # Errors
    ///
    /// That of `fstat`.
    pub fn size(&self) -> Result<u64> {
        object::size(self.as_fd())
    }

    /// Makes it larger or smaller, with room in memory for all of it.
    ///
    /// # Errors
    ///
    /// [`LimitReached`](ErrorKind::LimitReached) without room; [`InvalidInput`](ErrorKind::InvalidInput) when it is open for
    /// reading only.
    #[doc(alias = "ftruncate")]
    pub fn set_size(&self, size: u64) -> Result<()> {
        set_size(self.as_fd(), size)
    }

    /// The whole of it in memory, for reading and writing.
    ///
    /// # Errors
    ///
    /// As [`MapOptions::file`].
    pub fn map(&self) -> Result<FileMapping> {
        MapOptions::new().file(self)
    }

    /// Takes the name away. The memory stays for whoever has it open or mapped.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) when the name is gone, [`PermissionDenied`](ErrorKind::PermissionDenied) for others
    /// than the owner.
    #[doc(alias = "shm_unlink")]
    pub fn unlink(name: &str) -> Result<()> {
        let name = checked_name("shm_unlink", name)?;
        raw::shm_unlink(&name).map_err(|errno| fault("shm_unlink", errno, &name))
    }

    /// This object as one whose name goes with the returned value.
    pub fn into_owned(self) -> OwnedPosixObject {
        OwnedPosixObject { object: self, made_in: Generation::current() }
    }

    /// The names of all objects, with their slashes. Named POSIX semaphores, which lie in the same place, are left out.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) without `/dev/shm`.
    pub fn list() -> Result<Vec<String>> {
        let fault = |error: std::io::Error| {
            Error::new("readdir", Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO))).about(FOLDER)
        };
        let mut names = Vec::new();
        for entry in std::fs::read_dir(FOLDER).map_err(fault)? {
            let entry = entry.map_err(fault)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_object = entry.file_type().is_ok_and(|kind| kind.is_file()) && !name.starts_with("sem.");
            if is_object {
                names.push(format!("/{name}"));
            }
        }
        names.sort();
        Ok(names)
    }

    /// Whether the name still means this object. Nothing is opened: that takes rights which the owner may lack, and may wait.
    fn is_named(&self) -> rustix::io::Result<bool> {
        let identity = |status: Stat| (status.st_dev, status.st_ino);
        match statat(CWD, path(&self.name), AtFlags::SYMLINK_NOFOLLOW).map(identity) {
            Ok(now) => Ok(now == fstat(self).map(identity)?),
            Err(rustix::io::Errno::NOENT) => Ok(false),
            Err(number) => Err(number),
        }
    }
}

impl AsFd for PosixObject {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl AsRawFd for PosixObject {
    fn as_raw_fd(&self) -> RawFd {
        self.descriptor.as_raw_fd()
    }
}

impl From<PosixObject> for OwnedFd {
    fn from(object: PosixObject) -> Self {
        object.descriptor
    }
}

/// A [`PosixObject`] whose name is taken away when this value is dropped, in the process that made it, if it still means this
/// object.
#[must_use = "the name is taken away when this value is dropped"]
pub struct OwnedPosixObject {
    object: PosixObject,
    made_in: Generation,
}

impl OwnedPosixObject {
    /// Takes the name away now.
    ///
    /// # Errors
    ///
    /// As [`PosixObject::unlink`]; [`NotFound`](ErrorKind::NotFound) also when the name means another object by now.
    pub fn unlink(self) -> Result<()> {
        let object = self.keep();
        let failed = |errno| fault("shm_unlink", errno, &object.name);
        match object.is_named() {
            Ok(true) => raw::shm_unlink(&object.name).map_err(failed),
            Ok(false) => Err(failed(Errno::NOENT)),
            Err(number) => Err(failed(Errno::from_raw(number.raw_os_error()))),
        }
    }

    /// Gives the name up: it stays until somebody takes it away.
    #[expect(unsafe_code, reason = "moves a field out of a type with Drop")]
    pub fn keep(self) -> PosixObject {
        let this = core::mem::ManuallyDrop::new(self);
        // SAFETY: `this` is never dropped, so the field is read out once.
        unsafe { core::ptr::read(&raw const this.object) }
    }
}

impl core::ops::Deref for OwnedPosixObject {
    type Target = PosixObject;

    fn deref(&self) -> &PosixObject {
        &self.object
    }
}

impl Drop for OwnedPosixObject {
    fn drop(&mut self) {
        if self.made_in.is_current() {
            // An error means that somebody else took the name away.
            keeping_errno(|| (self.object.is_named() == Ok(true)).then(|| raw::shm_unlink(&self.object.name)));
        }
    }
}

impl fmt::Debug for OwnedPosixObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OwnedPosixObject").field(&self.object).finish()
    }
}

/// How to find or make a [`PosixObject`].
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct PosixOptions {
    mode: u32,
    create: bool,
    create_new: bool,
    read_only: bool,
}

impl PosixOptions {
    /// The permission bits of a new object, less those of the process's mask; 0600 unless changed.
    pub const fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    /// Makes the object when there is none.
    #[doc(alias = "O_CREAT")]
    pub const fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Makes a new object, or fails when there is one.
    #[doc(alias = "O_EXCL")]
    pub const fn create_new(mut self, create_new: bool) -> Self {
        self.create_new = create_new;
        self
    }

    /// Opens an existing object for reading only.
    #[doc(alias = "O_RDONLY")]
    pub const fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// Finds or makes the object. A new one has `size` zero bytes, with room in memory for all of them, before its name can
    /// be found; an existing one keeps its size.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) unless one is to be created, [`AlreadyExists`](ErrorKind::AlreadyExists) with
    /// `create_new`, [`PermissionDenied`](ErrorKind::PermissionDenied), [`LimitReached`](ErrorKind::LimitReached) without
    /// room, [`OutOfMemory`](ErrorKind::OutOfMemory), [`InvalidInput`](ErrorKind::InvalidInput) for a name that is not 1 to 254
    /// bytes without a slash (one before them may be left out), for more than nine mode bits, for creating what is read-only,
    /// and when the name is that of something else.
    pub fn open(self, name: &str, size: u64) -> Result<PosixObject> {
        let name = checked_name("shm_open", name)?;
        let creates = self.create || self.create_new;
        if creates && self.read_only {
            return Err(Error::invalid("shm_open", "a new object is for writing too"));
        }
        if self.mode & !0o777 != 0 {
            let reason = "permission bits are nine: 0o000 to 0o777";
            return Err(Error::invalid("shm_open", reason).about(format!("mode {:#o}", self.mode)));
        }
        loop {
            if !self.create_new {
                match self.find(&name) {
                    Err(error) if creates && error.kind() == ErrorKind::NotFound => {}
                    other => return other,
                }
            }
            match self.make(&name, size) {
                Err(error) if !self.create_new && error.kind() == ErrorKind::AlreadyExists => {}
                other => return other,
            }
        }
    }

    fn find(self, name: &CString) -> Result<PosixObject> {
        let access = if self.read_only { libc::O_RDONLY } else { libc::O_RDWR };
        // Without waiting: anybody may have put a FIFO there.
        let open = || raw::shm_open(name, access | libc::O_CLOEXEC | libc::O_NONBLOCK, 0);
        let descriptor = uninterrupted(Wait::Forever, open).map_err(|errno| fault("shm_open", errno, name))?;
        let status =
            fstat(&descriptor).map_err(|number| fault("fstat", Errno::from_raw(number.raw_os_error()), name))?;
        if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
            return Err(Error::invalid("shm_open", "what has this name is no shared memory object")
                .without_errno()
                .about(format!("{name:?}")));
        }
        Ok(PosixObject { descriptor, name: name.clone() })
    }

    /// A new object, made without a name and given it when it is whole: nobody sees it half made, nothing is left should
    /// this process die.
    fn make(self, name: &CString, size: u64) -> Result<PosixObject> {
        let fault = |call, number: rustix::io::Errno| fault(call, Errno::from_raw(number.raw_os_error()), name);
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(self.mode);
        let descriptor = retry_on_intr(|| openat(CWD, FOLDER, flags, mode)).map_err(|number| fault("open", number))?;
        set_size(descriptor.as_fd(), size)?;
        let unnamed = format!("/proc/self/fd/{}", descriptor.as_raw_fd());
        linkat(CWD, unnamed, CWD, path(name), AtFlags::SYMLINK_FOLLOW).map_err(|number| fault("link", number))?;
        Ok(PosixObject { descriptor, name: name.clone() })
    }
}

/// Where the object of this name is.
fn path(name: &CString) -> PathBuf {
    let bytes = [FOLDER.as_bytes(), name.as_bytes()].concat();
    PathBuf::from(OsString::from_vec(bytes))
}

/// A name with its slash, as the C library takes it; it takes one without, too.
fn checked_name(call: &'static str, name: &str) -> Result<CString> {
    let refuse = || {
        Error::invalid(
            call,
            "a name is 1 to 254 bytes without slash and zero byte, with or without a slash before, and not . or ..",
        )
        .about(format!("name {name:?}"))
    };
    let rest = name.strip_prefix('/').unwrap_or(name);
    if rest.is_empty() || rest.len() > 254 || rest.contains('/') || rest == "." || rest == ".." {
        return Err(refuse());
    }
    CString::new(format!("/{rest}")).map_err(|_| refuse())
}

#[cold]
fn fault(call: &'static str, errno: Errno, name: &CString) -> Error {
    let error = Error::new(call, errno).about(format!("{name:?}"));
    match errno {
        Errno::NOENT => error.because("no object has this name"),
        Errno::EXIST => error.because("an object has this name, and a new one was asked for"),
        _ => error,
    }
}
