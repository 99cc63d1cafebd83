//! Programs that map parts of one file. The model is [`Files`], the calls are its [steps](Step): mappings have numbers, no handles.

use crate::error::{Rejected, Result};
use crate::memory::{CopyOnWrite, FileMapping, MapOptions, NoAccess, ReadOnly, ReadWrite};
use crate::testing::model::mapping::{Files, Rights, Step};
use crate::testing::model::{Answer, Fault, text};
use rustix::fs::{FallocateFlags, fallocate};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// The most mappings that a program has at a time.
pub const MAPPINGS: usize = 4;

/// A mapping of any type.
#[derive(Debug)]
pub enum Held {
    /// Read and write, shared.
    ReadWrite(FileMapping<ReadWrite>),
    /// Read only, shared.
    ReadOnly(FileMapping<ReadOnly>),
    /// Neither.
    NoAccess(FileMapping<NoAccess>),
    /// Private.
    CopyOnWrite(FileMapping<CopyOnWrite>),
}

/// Does the same with a mapping of any type.
macro_rules! with_any {
    ($held:expr, $mapping:ident => $body:expr) => {
        match $held {
            Held::ReadWrite($mapping) => $body,
            Held::ReadOnly($mapping) => $body,
            Held::NoAccess($mapping) => $body,
            Held::CopyOnWrite($mapping) => $body,
        }
    };
}

/// Consumes a mapping of any type, which becomes others of its type, or comes back.
macro_rules! change_any {
    ($held:expr, $mapping:ident => $body:expr, $then:expr) => {
        match $held {
            Held::ReadWrite($mapping) => settle($body, Held::ReadWrite, $then),
            Held::ReadOnly($mapping) => settle($body, Held::ReadOnly, $then),
            Held::NoAccess($mapping) => settle($body, Held::NoAccess, $then),
            Held::CopyOnWrite($mapping) => settle($body, Held::CopyOnWrite, $then),
        }
    };
}

/// What is left of a mapping that was changed or not, and how that went.
fn settle<T, M>(
    changed: Result<T, Rejected<M>>,
    hold: impl Fn(M) -> Held,
    then: impl FnOnce(T, &dyn Fn(M) -> Held) -> Vec<Held>,
) -> (Vec<Held>, Result<()>) {
    match changed {
        Ok(changed) => (then(changed, &hold), Ok(())),
        Err(rejected) => {
            let (mapping, error) = rejected.into_parts();
            (vec![hold(mapping)], Err(error))
        }
    }
}

/// Changes the protection of a mapping of one type, which comes back when that fails.
macro_rules! protect_one {
    ($mapping:expr, $rights:expr, $hold:expr) => {
        match $rights {
            Rights::ReadWrite => settle($mapping.protect(), $hold, |mapping, _| vec![Held::ReadWrite(mapping)]),
            Rights::ReadOnly => settle($mapping.protect(), $hold, |mapping, _| vec![Held::ReadOnly(mapping)]),
            _ => settle($mapping.protect(), $hold, |mapping, _| vec![Held::NoAccess(mapping)]),
        }
    };
}

impl Held {
    /// Its length.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a mapping has at least one byte")]
    pub fn len(&self) -> usize {
        with_any!(self, mapping => mapping.len())
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> usize {
        with_any!(self, mapping => mapping.as_ptr().addr())
    }

    fn available(&self) -> Result<usize> {
        with_any!(self, mapping => mapping.available())
    }

    fn flush(&self) -> Result<()> {
        with_any!(self, mapping => mapping.flush())
    }

    fn protect(self, rights: Rights) -> (Vec<Self>, Result<()>) {
        match self {
            Self::ReadWrite(mapping) => protect_one!(mapping, rights, Self::ReadWrite),
            Self::ReadOnly(mapping) => protect_one!(mapping, rights, Self::ReadOnly),
            Self::NoAccess(mapping) => protect_one!(mapping, rights, Self::NoAccess),
            Self::CopyOnWrite(_) => unreachable!("the model protects shared mappings only"),
        }
    }

    fn split(self, at: usize) -> (Vec<Self>, Result<()>) {
        change_any!(self, mapping => mapping.split_at(at), |(low, high), hold| vec![hold(low), hold(high)])
    }

    fn resize(self, len: usize) -> (Vec<Self>, Result<()>) {
        change_any!(self, mapping => mapping.resize(len), |mapping, hold| vec![hold(mapping)])
    }

    fn read(&self, offset: usize, len: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        match self {
            Self::ReadWrite(mapping) => mapping.read(offset, &mut bytes)?,
            Self::ReadOnly(mapping) => mapping.read(offset, &mut bytes)?,
            Self::CopyOnWrite(mapping) => mapping.read(offset, &mut bytes)?,
            Self::NoAccess(_) => unreachable!("the model reads what can be read only"),
        }
        Ok(bytes)
    }

    fn write(&self, offset: usize, source: &[u8]) -> Result<()> {
        match self {
            Self::ReadWrite(mapping) => mapping.write(offset, source),
            Self::CopyOnWrite(mapping) => mapping.write(offset, source),
            Self::ReadOnly(_) | Self::NoAccess(_) => unreachable!("the model writes what can be written only"),
        }
    }
}

/// The kernel's file and mappings.
#[derive(Debug)]
pub struct Kernel {
    /// The file.
    pub file: File,
    /// The mappings, in the order of the model.
    pub mappings: Vec<Held>,
}

impl Kernel {
    /// Nothing mapped of this file, which is empty.
    #[must_use]
    pub const fn new(file: File) -> Self {
        Self { file, mappings: Vec::new() }
    }

    fn map(&mut self, rights: Rights, options: MapOptions) -> Result<()> {
        self.mappings.push(match rights {
            Rights::ReadOnly => Held::ReadOnly(options.file_read_only(&self.file)?),
            Rights::CopyOnWrite => Held::CopyOnWrite(options.file_copy_on_write(&self.file)?),
            _ => Held::ReadWrite(options.file(&self.file)?),
        });
        Ok(())
    }

    /// Puts what becomes of a mapping in its place; a second part goes to the end.
    fn change(&mut self, mapping: usize, change: impl FnOnce(Held) -> (Vec<Held>, Result<()>)) -> Result<()> {
        let (parts, result) = change(self.mappings.remove(mapping));
        let mut parts = parts.into_iter();
        self.mappings.splice(mapping..mapping, parts.next());
        self.mappings.extend(parts);
        result
    }

    /// Makes a step that the model takes for possible.
    ///
    /// # Panics
    ///
    /// When a call on the file itself fails, which is not looked at here.
    pub fn perform(&mut self, step: &Step) -> Answer<Vec<u8>> {
        let done = match *step {
            Step::Map { rights, offset, len, beyond_end } => {
                let options = MapOptions::new().offset(offset as u64).beyond_end(beyond_end);
                self.map(rights, len.map_or(options, |len| options.len(len)))
            }
            Step::SetSize { .. } | Step::WriteFile { .. } | Step::Punch { .. } => {
                self.on_file(step).expect("the file takes it");
                Ok(())
            }
            Step::Write { mapping, offset, len, byte } => self.mappings[mapping].write(offset, &text(byte, len)),
            Step::Read { mapping, offset, len } => {
                return self.mappings[mapping].read(offset, len).map_err(Fault::from);
            }
            Step::Flush { mapping } => self.mappings[mapping].flush(),
            Step::Protect { mapping, rights } => self.change(mapping, |held| held.protect(rights)),
            Step::Split { mapping, at } => self.change(mapping, |held| held.split(at)),
            Step::Resize { mapping, len } => self.change(mapping, |held| held.resize(len)),
            Step::Unmap { mapping } => {
                drop(self.mappings.remove(mapping));
                Ok(())
            }
        };
        done.map(|()| Vec::new()).map_err(Fault::from)
    }

    fn on_file(&self, step: &Step) -> io::Result<()> {
        match *step {
            Step::SetSize { size } => self.file.set_len(size as u64),
            Step::WriteFile { offset, len, byte } => self.file.write_all_at(&text(byte, len), offset as u64),
            Step::Punch { len: 0, .. } => Ok(()), // the kernel's EINVAL
            Step::Punch { offset, len } => {
                let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
                Ok(fallocate(&self.file, flags, offset as u64, len as u64)?)
            }
            _ => Ok(()),
        }
    }

    /// Compares what there is with the model.
    ///
    /// # Panics
    ///
    /// When something is different.
    pub fn check(&self, model: &Files) {
        let mut bytes = vec![0; model.bytes.len()];
        self.file.read_exact_at(&mut bytes, 0).expect("the bytes of the file");
        let size = self.file.metadata().expect("the size of the file").len();
        assert_eq!(size, bytes.len() as u64, "the size of the file");
        assert!(bytes == model.bytes, "the bytes of the file differ");
        assert_eq!(self.mappings.len(), model.mappings.len(), "mappings");
        for (i, (held, expected)) in self.mappings.iter().zip(&model.mappings).enumerate() {
            let available = held.available().expect("what is there");
            assert_eq!((held.len(), available), (expected.len, model.available(i)), "length and what is there, of {i}");
            if expected.rights.can_read() {
                let bytes = held.read(0, available).expect("what is there");
                assert!(
                    bytes == model.read(i, 0, available).expect("what is there"),
                    "the bytes of mapping {i} differ"
                );
            }
        }
    }
}
