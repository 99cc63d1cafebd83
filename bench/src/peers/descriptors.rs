//! nix and rustix: pipes and local streams, by descriptors.

use super::peer;
use crate::streams::Streams;
use ipc_measure::ours::name;
use ipc_measure::{Place, Result, Row};
use std::io::{self, Read, Write};
use std::marker::PhantomData;
use std::os::fd::OwnedFd;

pub(super) fn rows(place: Place, bytes: usize) -> Vec<Row> {
    let mut rows = of::<Nix>("nix", place, bytes);
    rows.extend(of::<Rustix>("rustix", place, bytes));
    rows
}

fn of<C: Calls>(by: &'static str, place: Place, bytes: usize) -> Vec<Row> {
    let spins = place == Place::TwoCores;
    vec![
        Row::between(peer(by), name::PIPE, place, bytes, move || {
            Ok(Streams([C::pipe(spins)?, C::pipe(spins)?].map(|(reader, writer)| pair::<C>(reader, writer))))
        }),
        Row::between(peer(by), name::STREAM, place, bytes, move || {
            let (near, far) = C::sockets(spins)?;
            let copies = pair::<C>(near.try_clone()?, far.try_clone()?);
            Ok(Streams([pair::<C>(far, near), copies]))
        }),
    ]
}

type Pair = (OwnedFd, OwnedFd);

fn pair<C>(reader: OwnedFd, writer: OwnedFd) -> (Descriptor<C>, Descriptor<C>) {
    (Descriptor(reader, PhantomData), Descriptor(writer, PhantomData))
}

/// A crate's calls.
trait Calls: Sync + 'static {
    fn pipe(spins: bool) -> Result<Pair>;
    fn sockets(spins: bool) -> Result<Pair>;
    fn read(descriptor: &OwnedFd, buffer: &mut [u8]) -> io::Result<usize>;
    fn write(descriptor: &OwnedFd, bytes: &[u8]) -> io::Result<usize>;
}

struct Descriptor<C>(OwnedFd, PhantomData<C>);

impl<C: Calls> Read for &Descriptor<C> {
    #[inline]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        C::read(&self.0, buffer)
    }
}

impl<C: Calls> Write for &Descriptor<C> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        C::write(&self.0, bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Nix;

impl Calls for Nix {
    fn pipe(spins: bool) -> Result<Pair> {
        use nix::fcntl::OFlag;
        let waiting = if spins { OFlag::O_NONBLOCK } else { OFlag::empty() };
        Ok(nix::unistd::pipe2(OFlag::O_CLOEXEC | waiting)?)
    }

    fn sockets(spins: bool) -> Result<Pair> {
        use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
        let waiting = if spins { SockFlag::SOCK_NONBLOCK } else { SockFlag::empty() };
        Ok(socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::SOCK_CLOEXEC | waiting)?)
    }

    #[inline]
    fn read(descriptor: &OwnedFd, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(nix::unistd::read(descriptor, buffer)?)
    }

    #[inline]
    fn write(descriptor: &OwnedFd, bytes: &[u8]) -> io::Result<usize> {
        Ok(nix::unistd::write(descriptor, bytes)?)
    }
}

struct Rustix;

impl Calls for Rustix {
    fn pipe(spins: bool) -> Result<Pair> {
        use rustix::pipe::{PipeFlags, pipe_with};
        let waiting = if spins { PipeFlags::NONBLOCK } else { PipeFlags::empty() };
        Ok(pipe_with(PipeFlags::CLOEXEC | waiting)?)
    }

    fn sockets(spins: bool) -> Result<Pair> {
        use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
        let waiting = if spins { SocketFlags::NONBLOCK } else { SocketFlags::empty() };
        Ok(socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC | waiting, None)?)
    }

    #[inline]
    fn read(descriptor: &OwnedFd, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(descriptor, buffer)?)
    }

    #[inline]
    fn write(descriptor: &OwnedFd, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(descriptor, bytes)?)
    }
}
