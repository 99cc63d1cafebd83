//! A FIFO whose name goes with a value.

use super::Fifo;
use crate::error::{Result, keeping_errno};
use crate::process::Generation;
use core::ops::Deref;

/// A [`Fifo`] whose name is taken away when this value is dropped, in the process that made the value, if it still means this
/// FIFO. Whoever has an end open keeps it. Whatever others do with the name in that moment, no file of theirs is taken away.
///
/// ```
/// use ipc_safe::pipe::Fifo;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("requests");
/// let fifo = Fifo::options().create_new(true).open(&path)?.into_owned();
/// assert!(path.exists());
/// drop(fifo);
/// assert!(!path.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [unlink(2)](https://man7.org/linux/man-pages/man2/unlink.2.html)
#[doc(alias = "unlink")]
#[derive(Debug)]
#[must_use = "the name is taken away when this value is dropped"]
pub struct OwnedFifo {
    fifo: Fifo,
    made_in: Generation,
    unlinks: bool,
}

impl OwnedFifo {
    pub(super) fn new(fifo: Fifo) -> Self {
        Self { fifo, made_in: Generation::current(), unlinks: true }
    }

    /// Takes the name away now.
    ///
    /// # Errors
    ///
    /// [`Removed`](crate::error::ErrorKind::Removed) when the name is gone or means another file by now;
    /// [`PermissionDenied`](crate::error::ErrorKind::PermissionDenied) without the right to change the directory;
    /// [`InvalidInput`](crate::error::ErrorKind::InvalidInput) in a forked child.
    pub fn unlink(mut self) -> Result<()> {
        self.unlinks = false;
        self.made_in.check("unlink")?;
        match self.fifo.unlink() {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.fifo.replaced("unlink")),
            Err(number) => Err(self.fifo.failed("unlink", number)),
        }
    }

    /// Gives the name up: it stays until somebody takes it away.
    pub fn keep(mut self) -> Fifo {
        self.unlinks = false;
        self.fifo.clone()
    }
}

impl Deref for OwnedFifo {
    type Target = Fifo;

    fn deref(&self) -> &Fifo {
        &self.fifo
    }
}

impl Drop for OwnedFifo {
    fn drop(&mut self) {
        if self.unlinks && self.made_in.is_current() {
            // An error means that somebody else took the name away, or the right to do so.
            let _ = keeping_errno(|| self.fifo.unlink());
        }
    }
}
