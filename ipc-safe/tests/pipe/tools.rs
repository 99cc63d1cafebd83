//! What the modules have in common: pipes of both kinds, expected failures.

use ipc_safe::error::{Error, ErrorKind, Result};
use ipc_safe::pipe::{self, Fifo, PipeReader, PipeWriter};
use std::time::Duration;
use tempfile::TempDir;

/// Long enough that running out means a fault.
pub(crate) const LONG: Duration = Duration::from_secs(20);
/// Short enough to wait for its end.
pub(crate) const SHORT: Duration = Duration::from_millis(20);

/// A folder with the path of a FIFO that is not there yet.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("fifo")
    }

    /// The FIFO, made now.
    pub(crate) fn fifo(&self) -> Fifo {
        Fifo::options().create_new(true).open(self.path()).unwrap()
    }
}

/// A pipe without a name, and one with.
pub(crate) fn both_kinds() -> [(PipeReader, PipeWriter); 2] {
    [pipe::pipe().unwrap(), Place::new().fifo().open_both().unwrap()]
}

/// Expects a failure of this kind, and hands the error out.
#[track_caller]
pub(crate) fn fails<T>(result: Result<T>, kind: ErrorKind) -> Error {
    let Err(error) = result else { panic!("succeeded, expected {kind:?}") };
    assert_eq!(error.kind(), kind, "{error}");
    error
}

/// What is in a pipe now, all of it.
pub(crate) fn drain(reader: &PipeReader) -> Vec<u8> {
    let mut bytes = vec![0; reader.available().unwrap()];
    let mut at = 0;
    while at < bytes.len() {
        at += reader.try_read(&mut bytes[at..]).unwrap();
    }
    bytes
}

/// Fills a pipe so that `room` bytes fit.
pub(crate) fn fill_up_to(writer: &PipeWriter, room: usize) {
    let len = writer.capacity().unwrap() - writer.available().unwrap() - room;
    assert_eq!(writer.try_write(&vec![b'.'; len]).unwrap(), len);
}

/// Bytes that are not like each other.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 31 % 251) as u8).collect()
}
