//! A view with a position.

use super::bytes::SharedBytes;
use super::region::{Access, ReadWrite};
use std::io;

/// A [`SharedBytes`] with a position: [`io::Read`], [`io::Write`] and [`io::Seek`].
///
/// ```
/// use ipc_safe::sysv::Segment;
/// use std::io::{Read, Seek, Write};
///
/// let attachment = Segment::private(64)?.attach()?;
/// let mut cursor = attachment.bytes().cursor();
/// writeln!(cursor, "{} bytes", 64)?;
/// cursor.rewind()?;
/// let mut text = [0; 9];
/// cursor.read_exact(&mut text)?;
/// assert_eq!(&text, b"64 bytes\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct SharedCursor<'a, A: Access = ReadWrite> {
    bytes: SharedBytes<'a, A>,
    position: usize,
}

impl<'a, A: Access> SharedCursor<'a, A> {
    pub(super) const fn new(bytes: SharedBytes<'a, A>) -> Self {
        Self { bytes, position: 0 }
    }

    /// The offset of the next byte.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.position
    }

    /// How many of `wanted` bytes are left.
    fn available(&self, wanted: usize) -> usize {
        wanted.min(self.bytes.len() - self.position)
    }
}

impl<A: Access> io::Read for SharedCursor<'_, A> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let len = self.available(target.len());
        self.bytes.read(self.position, &mut target[..len])?;
        self.position += len;
        Ok(len)
    }
}

/// Writes up to the end of the view; past it, `write` returns 0.
impl io::Write for SharedCursor<'_, ReadWrite> {
    fn write(&mut self, source: &[u8]) -> io::Result<usize> {
        let len = self.available(source.len());
        self.bytes.write(self.position, &source[..len])?;
        self.position += len;
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A position past the end of the view is an error.
impl<A: Access> io::Seek for SharedCursor<'_, A> {
    fn seek(&mut self, target: io::SeekFrom) -> io::Result<u64> {
        let (base, delta) = match target {
            io::SeekFrom::Start(offset) => (offset, 0),
            io::SeekFrom::End(delta) => (self.bytes.len() as u64, delta),
            io::SeekFrom::Current(delta) => (self.position as u64, delta),
        };
        let position = base.checked_add_signed(delta).and_then(|position| usize::try_from(position).ok());
        match position.filter(|&position| position <= self.bytes.len()) {
            Some(position) => {
                self.position = position;
                Ok(position as u64)
            }
            None => Err(io::Error::new(io::ErrorKind::InvalidInput, "a seek past the ends of the view")),
        }
    }
}
