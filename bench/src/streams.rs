//! Ends that implement `Read` and `Write`: descriptors of any crate.

use ipc_measure::{Channel, End, Ends, Result, Seat};
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Mutex;

/// A reader and a writer of each direction. Those that do not wait are tried again and again.
pub(crate) struct Streams<R, W>(pub(crate) [(R, W); 2]);

impl<R: Sync + 'static, W: Sync + 'static> Ends for Streams<R, W>
where
    for<'e> &'e R: Read,
    for<'e> &'e W: Write,
{
    type Channel<'e> = Both<&'e R, &'e W>;

    fn connect(&self, seat: Seat) -> Result<Self::Channel<'_>> {
        let Self(ends) = self;
        Ok(Both { reader: &ends[seat.end.receives()].0, writer: &ends[seat.end.sends()].1 })
    }
}

pub(crate) struct Both<R, W> {
    pub(crate) reader: R,
    pub(crate) writer: W,
}

impl<R: Read, W: Write> Channel for Both<R, W> {
    fn send(&mut self, message: &[u8]) -> Result {
        let mut rest = message;
        while !rest.is_empty() {
            let written = spin(|| self.writer.write(rest))?;
            rest = &rest[written..];
        }
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result {
        let mut filled = 0;
        while filled < buffer.len() {
            match spin(|| self.reader.read(&mut buffer[filled..]))? {
                0 => return Err("the other end is closed".into()),
                read => filled += read,
            }
        }
        Ok(())
    }
}

/// Tries until it need not wait.
pub(crate) fn spin<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match attempt() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::hint::spin_loop(),
            other => return other,
        }
    }
}

/// Ends that cannot be borrowed by both: each process, or thread, takes its own.
pub(crate) struct Taken<C> {
    near: Mutex<Option<C>>,
    far: Mutex<Option<C>>,
}

impl<C> Taken<C> {
    pub(crate) const fn new(near: C, far: C) -> Self {
        Self { near: Mutex::new(Some(near)), far: Mutex::new(Some(far)) }
    }
}

impl<C: Channel + Send + 'static> Ends for Taken<C> {
    type Channel<'e> = C;

    fn connect(&self, seat: Seat) -> Result<C> {
        let own = match seat.end {
            End::Near => &self.near,
            End::Far => &self.far,
        };
        let taken = own.lock().map_err(|_| "the other end panicked")?.take();
        Ok(taken.ok_or("the end is taken")?)
    }
}
