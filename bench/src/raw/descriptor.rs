//! Pipes, FIFOs and local sockets.

use super::{By, checked};
use crate::streams::Streams;
use ipc_measure::ours::name;
use ipc_measure::{Place, Result, Row};
use std::ffi::CString;
use std::io::{self, Read, Write};
use std::marker::PhantomData;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;

pub(super) fn rows(by: By, place: Place, bytes: usize) -> Vec<Row> {
    let flags = if place == Place::TwoCores { libc::O_NONBLOCK } else { 0 };
    let mut rows = vec![
        Row::between(by, name::PIPE, place, bytes, move || streams::<Stream>([pipe(flags)?, pipe(flags)?])),
        Row::between(by, name::FIFO, place, bytes, move || streams::<Stream>([fifo(flags)?, fifo(flags)?])),
    ];
    let kinds = [
        (name::STREAM, libc::SOCK_STREAM),
        (name::DATAGRAM, libc::SOCK_DGRAM),
        (name::SEQPACKET, libc::SOCK_SEQPACKET),
    ];
    rows.extend(kinds.map(|(name, kind)| match place {
        Place::OneCore => Row::between(by, name, place, bytes, move || sockets::<Socket<0>>(kind)),
        Place::TwoCores => {
            Row::between(by, name, place, bytes, move || sockets::<Socket<{ libc::MSG_DONTWAIT }>>(kind))
        }
    }));
    rows
}

type Pair = (OwnedFd, OwnedFd);

fn streams<C: Calls>(ends: [Pair; 2]) -> Result<Streams<Descriptor<C>, Descriptor<C>>> {
    Ok(Streams(ends.map(|(reader, writer)| (Descriptor(reader, PhantomData), Descriptor(writer, PhantomData)))))
}

/// Both descriptors that a call made.
fn owned(made: libc::c_int, descriptors: [RawFd; 2]) -> Result<Pair> {
    checked(made as isize)?;
    // SAFETY: the call has just made them, and nobody else owns them.
    let [one, other] = descriptors.map(|descriptor| unsafe { OwnedFd::from_raw_fd(descriptor) });
    Ok((one, other))
}

fn pipe(flags: libc::c_int) -> Result<Pair> {
    let mut ends = [0; 2];
    // SAFETY: writes two descriptors.
    owned(unsafe { libc::pipe2(ends.as_mut_ptr(), flags | libc::O_CLOEXEC) }, ends)
}

/// Its name is gone when both ends are open.
fn fifo(flags: libc::c_int) -> Result<Pair> {
    let folder = tempfile::tempdir()?;
    let path = CString::new(folder.path().join("fifo").as_os_str().as_bytes())?;
    // SAFETY: the path ends with a zero byte.
    checked(unsafe { libc::mkfifo(path.as_ptr(), 0o600) } as isize)?;
    let open = |how| {
        // SAFETY: the path ends with a zero byte.
        unsafe { libc::open(path.as_ptr(), how | libc::O_CLOEXEC) }
    };
    let reader = open(libc::O_RDONLY | libc::O_NONBLOCK);
    let writer = open(libc::O_WRONLY | flags);
    // SAFETY: takes integers.
    let set = unsafe { libc::fcntl(reader, libc::F_SETFL, flags) };
    owned(set.min(writer), [reader, writer])
}

/// Each end is the reader of one direction and the writer of the other.
fn sockets<C: Calls>(kind: libc::c_int) -> Result<Streams<Descriptor<C>, Descriptor<C>>> {
    let mut ends = [0; 2];
    // SAFETY: writes two descriptors.
    let made = unsafe { libc::socketpair(libc::AF_UNIX, kind | libc::SOCK_CLOEXEC, 0, ends.as_mut_ptr()) };
    let (near, far) = owned(made, ends)?;
    let copies = (near.try_clone()?, far.try_clone()?);
    streams([(far, near), copies])
}

/// Which calls read and write.
trait Calls: Sync + 'static {
    fn read(descriptor: RawFd, buffer: &mut [u8]) -> isize;
    fn write(descriptor: RawFd, bytes: &[u8]) -> isize;
}

struct Descriptor<C>(OwnedFd, PhantomData<C>);

impl<C: Calls> Read for &Descriptor<C> {
    #[inline]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        checked(C::read(self.0.as_raw_fd(), buffer))
    }
}

impl<C: Calls> Write for &Descriptor<C> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        checked(C::write(self.0.as_raw_fd(), bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// read(2) and write(2).
struct Stream;

impl Calls for Stream {
    #[inline]
    fn read(descriptor: RawFd, buffer: &mut [u8]) -> isize {
        // SAFETY: writes at most as many bytes as the buffer has.
        unsafe { libc::read(descriptor, buffer.as_mut_ptr().cast(), buffer.len()) }
    }

    #[inline]
    fn write(descriptor: RawFd, bytes: &[u8]) -> isize {
        // SAFETY: reads the bytes.
        unsafe { libc::write(descriptor, bytes.as_ptr().cast(), bytes.len()) }
    }
}

/// recv(2) and send(2) with these flags.
struct Socket<const FLAGS: libc::c_int>;

impl<const FLAGS: libc::c_int> Calls for Socket<FLAGS> {
    #[inline]
    fn read(descriptor: RawFd, buffer: &mut [u8]) -> isize {
        // SAFETY: writes at most as many bytes as the buffer has.
        unsafe { libc::recv(descriptor, buffer.as_mut_ptr().cast(), buffer.len(), FLAGS) }
    }

    #[inline]
    fn write(descriptor: RawFd, bytes: &[u8]) -> isize {
        // SAFETY: reads the bytes.
        unsafe { libc::send(descriptor, bytes.as_ptr().cast(), bytes.len(), FLAGS | libc::MSG_NOSIGNAL) }
    }
}
