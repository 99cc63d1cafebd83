//! Memory that two processes see, in which a [ring](super::ring) can lie.

use crate::failure::{Failure, Result};
use crate::inventory::Name;
use ipc_safe::memory::{FileMapping, FixedMemfd, MapOptions, Memfd, OwnedPosixObject, PosixObject, SharedMemory};
use ipc_safe::shared::SharedBytes;
use ipc_safe::sysv::{Attachment, Key, Owned, Segment};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

/// Memory, owned by the process that made it: gone when this is dropped there.
pub(super) enum Memory {
    Segment(Owned<Segment>),
    Anonymous(SharedMemory),
    Memfd(FixedMemfd),
    File(TemporaryFile),
    Posix(OwnedPosixObject),
}

impl Memory {
    pub(super) fn segment(size: usize) -> Result<Self> {
        Ok(Self::Segment(Segment::private(size)?))
    }

    pub(super) fn anonymous(size: usize) -> Result<Self> {
        Ok(Self::Anonymous(MapOptions::new().shared(size)?))
    }

    pub(super) fn memfd(size: usize) -> Result<Self> {
        let memfd = Memfd::options().name("ipc-tour").create(size as u64)?;
        Ok(Self::Memfd(memfd.fix().map_err(ipc_safe::Error::from)?))
    }

    pub(super) fn file(size: usize) -> Result<Self> {
        TemporaryFile::new(size as u64).map(Self::File)
    }

    pub(super) fn posix(size: usize) -> Result<Self> {
        let object = PosixObject::options().create_new(true).open(&format!("/{}", unused_name()?), size as u64)?;
        Ok(Self::Posix(object.into_owned()))
    }

    /// Under which name somebody could find it.
    pub(super) fn name(&self) -> Option<Name> {
        match self {
            Self::Segment(segment) => Some(Name::Segment { id: segment.id() }),
            Self::Posix(object) => Some(Name::Posix { name: object.name().to_string_lossy().into_owned() }),
            Self::File(file) => Some(Name::File { path: file.0.clone() }),
            Self::Anonymous(_) | Self::Memfd(_) => None,
        }
    }

    /// The memory as the calling process finds and maps it.
    pub(super) fn view(&self) -> Result<View<'_>> {
        Ok(match self {
            Self::Segment(segment) => View::Attached(segment.attach()?),
            Self::Anonymous(memory) => View::Inherited(memory),
            Self::Memfd(memfd) => View::Mapped(memfd.map()?),
            Self::File(file) => View::File(file.map()?),
            Self::Posix(object) => View::File(PosixObject::open(&object.name().to_string_lossy())?.map()?),
        })
    }
}

/// A name that nothing has.
pub(super) fn unused_name() -> Result<String> {
    Ok(format!("ipc-tour-{}-{}", std::process::id(), Key::random()?))
}

/// A file, removed when this is dropped.
pub(super) struct TemporaryFile(PathBuf);

impl TemporaryFile {
    fn new(size: u64) -> Result<Self> {
        let path = std::env::temp_dir().join(unused_name()?);
        let cannot = |error| Failure::file("making", &path, &error);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(cannot)?;
        let this = Self(path.clone());
        file.set_len(size).map_err(cannot)?;
        Ok(this)
    }

    fn map(&self) -> Result<FileMapping> {
        let file: File = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&self.0)
            .map_err(|error| Failure::file("opening", &self.0, &error))?;
        Ok(FileMapping::new(file)?)
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        // An error means that it is gone already.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Memory in one process.
pub(super) enum View<'m> {
    Attached(Attachment),
    Mapped(SharedMemory),
    Inherited(&'m SharedMemory),
    /// What can shrink, and is copied by the kernel.
    File(FileMapping),
}

impl View<'_> {
    fn bytes(&self) -> Result<SharedBytes<'_>, &FileMapping> {
        match self {
            Self::Attached(memory) => Ok(memory.bytes()),
            Self::Mapped(memory) => Ok(memory.bytes()),
            Self::Inherited(memory) => Ok(memory.bytes()),
            Self::File(mapping) => Err(mapping),
        }
    }

    pub(super) fn read(&self, offset: usize, target: &mut [u8]) -> ipc_safe::Result<()> {
        match self.bytes() {
            Ok(bytes) => bytes.read(offset, target),
            Err(mapping) => mapping.read(offset, target),
        }
    }

    pub(super) fn write(&self, offset: usize, source: &[u8]) -> ipc_safe::Result<()> {
        match self.bytes() {
            Ok(bytes) => bytes.write(offset, source),
            Err(mapping) => mapping.write(offset, source),
        }
    }
}
