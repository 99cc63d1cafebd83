//! What is under a mapping.

use super::object;
use crate::error::{Errno, Error, Result};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Anonymous memory of this process alone.
#[derive(Debug)]
pub struct Private(());

/// An object that cannot shrink: anonymous shared memory, or a memfd sealed against it.
#[derive(Debug)]
pub struct Fixed(Part);

/// Memory that a forked child finds zeroed.
#[derive(Debug)]
pub struct Wiped(());

/// A memfd that nobody can write or shrink any more.
#[derive(Debug)]
pub struct Frozen(Part);

/// A file, or another object that can shrink.
#[derive(Debug)]
pub struct File(Part);

/// A part of an object, from `offset` on.
#[derive(Debug)]
struct Part {
    object: Object,
    offset: u64,
}

#[derive(Debug)]
enum Object {
    Descriptor(OwnedFd),
    /// Anonymous shared memory has no descriptor, and never changes its size.
    Anonymous(u64),
}

impl Part {
    fn of(descriptor: OwnedFd, offset: u64) -> Self {
        Self { object: Object::Descriptor(descriptor), offset }
    }

    /// The same from `at` on.
    fn behind(&self, at: usize) -> Result<Self> {
        let object = match &self.object {
            Object::Descriptor(descriptor) => Object::Descriptor(duplicate(descriptor.as_fd())?),
            Object::Anonymous(size) => Object::Anonymous(*size),
        };
        Ok(Self { object, offset: self.offset.saturating_add(at as u64) })
    }

    /// How many bytes the object has now, from `offset` on.
    fn available(&self) -> Result<u64> {
        let size = match &self.object {
            Object::Descriptor(descriptor) => object::size(descriptor.as_fd())?,
            Object::Anonymous(size) => *size,
        };
        Ok(size.saturating_sub(self.offset))
    }
}

/// A descriptor of one's own of the same object.
pub(super) fn duplicate(object: BorrowedFd<'_>) -> Result<OwnedFd> {
    object
        .try_clone_to_owned()
        .map_err(|error| Error::new("fcntl", Errno::from_raw(error.raw_os_error().unwrap_or(libc::EMFILE))))
}

/// What is under a mapping: [`Private`], [`Fixed`], [`Wiped`], [`Frozen`] or [`File`]. Sealed.
pub trait Backing: sealed::Sealed + Sized {}

impl<B: sealed::Sealed> Backing for B {}

pub(super) mod sealed {
    use super::{File, Fixed, Frozen, Part, Private, Result, Wiped};

    pub trait Sealed {
        /// How many bytes there are from the start of the mapping; `None` for as many as anybody wants.
        fn available(&self) -> Result<Option<u64>>;
        /// What is under the part of the mapping behind `at`.
        fn behind(&self, at: usize) -> Result<Self>
        where
            Self: Sized;
    }

    /// Implements the trait for memory without an object, and for a part of an object.
    macro_rules! backings {
        (alone: $($alone:ident),+; parts: $($part:ident),+) => {
            $(impl Sealed for $alone {
                fn available(&self) -> Result<Option<u64>> {
                    Ok(None)
                }

                fn behind(&self, _at: usize) -> Result<Self> {
                    Ok(Self(()))
                }
            })+
            $(impl Sealed for $part {
                fn available(&self) -> Result<Option<u64>> {
                    Part::available(&self.0).map(Some)
                }

                fn behind(&self, at: usize) -> Result<Self> {
                    self.0.behind(at).map(Self)
                }
            })+
        };
    }

    backings!(alone: Private, Wiped; parts: Fixed, Frozen, File);
}

impl Private {
    pub(super) const fn new() -> Self {
        Self(())
    }
}

impl Wiped {
    pub(super) const fn new() -> Self {
        Self(())
    }
}

impl Fixed {
    pub(super) const fn anonymous(size: u64) -> Self {
        Self(Part { object: Object::Anonymous(size), offset: 0 })
    }

    pub(super) fn new(descriptor: OwnedFd, offset: u64) -> Self {
        Self(Part::of(descriptor, offset))
    }
}

impl Frozen {
    pub(super) fn new(descriptor: OwnedFd, offset: u64) -> Self {
        Self(Part::of(descriptor, offset))
    }
}

impl File {
    pub(super) fn new(descriptor: OwnedFd, offset: u64) -> Self {
        Self(Part::of(descriptor, offset))
    }

    /// The file and where the mapping starts in it.
    pub(super) fn place(&self) -> Option<(BorrowedFd<'_>, u64)> {
        match &self.0.object {
            Object::Descriptor(descriptor) => Some((descriptor.as_fd(), self.0.offset)),
            Object::Anonymous(_) => None,
        }
    }

    /// How many bytes the file has now, from the start of the mapping on.
    pub(super) fn bytes(&self) -> Result<u64> {
        self.0.available()
    }

    pub(super) fn into_fixed(self) -> Fixed {
        Fixed(self.0)
    }
}
