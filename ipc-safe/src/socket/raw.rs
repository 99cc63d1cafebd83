//! The calls that rustix leaves unsafe or gets wrong: it lacks pid descriptors, takes the process id 0 of a peer in another
//! pid namespace for one that cannot be, and panics on a path of 108 bytes.
//!
//! Each function is safe to call with any values of its parameter types, unless it is marked `unsafe`.
#![expect(unsafe_code, reason = "the calls into the C library")]

use super::control::{self, Control, FEW, Item, LARGE, SMALL};
use super::{Credentials, Incoming, LocalAddress, Outgoing, Received};
use crate::error::Errno;
use core::mem::{MaybeUninit, size_of};
use libc::{c_int, socklen_t};
use rustix::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// The result of a call: what it returns, or the error number.
pub(super) type Raw<T> = Result<T, Errno>;

/// Since Linux 6.5; the same number on every architecture that this crate is for.
const SO_PASSPIDFD: c_int = 76;
const SO_PEERPIDFD: c_int = 77;

/// Larger than the address of any family (`struct sockaddr_storage`).
const STORAGE: usize = 128;

#[inline]
fn returned(result: isize) -> Raw<usize> {
    result.try_into().map_err(|_| Errno::last())
}

/// A message header as the calls want it. It points at nothing yet.
#[inline]
fn header() -> libc::msghdr {
    // SAFETY: integers and addresses, for which zero is a value.
    unsafe { MaybeUninit::zeroed().assume_init() }
}

/// Sends a message.
///
/// Like what is marked so below, it is compiled into the caller: the returns of functions behind a system call showed in a
/// profile, and were up to half of what the crate added to the call.
#[inline(always)]
pub(super) fn send(socket: BorrowedFd<'_>, message: &Outgoing<'_>, flags: c_int) -> Raw<usize> {
    match message.descriptors.len() {
        ..=FEW => send_with(Control::<SMALL>::new(), socket, message, flags),
        _ => send_many(socket, message, flags),
    }
}

#[inline(never)]
fn send_many(socket: BorrowedFd<'_>, message: &Outgoing<'_>, flags: c_int) -> Raw<usize> {
    send_with(Control::<LARGE>::new(), socket, message, flags)
}

/// Sends a message, whose control data has room in `control`.
#[inline(always)]
fn send_with<const SIZE: usize>(
    mut control: Control<SIZE>,
    socket: BorrowedFd<'_>,
    message: &Outgoing<'_>,
    flags: c_int,
) -> Raw<usize> {
    if let Some(credentials) = message.credentials {
        control.push_credentials(credentials);
    }
    if !message.descriptors.is_empty() {
        control.push_descriptors(message.descriptors.iter().map(AsRawFd::as_raw_fd));
    }
    let mut header = header();
    if let Some(address) = message.address {
        let (address, len) = address.as_c();
        header.msg_name = address.cast_mut().cast();
        header.msg_namelen = len;
    }
    header.msg_iov = message.slices().as_ptr().cast_mut().cast();
    header.msg_iovlen = message.slices().len();
    header.msg_control = control.bytes().as_ptr().cast_mut().cast();
    header.msg_controllen = control.bytes().len();
    // SAFETY: reads the header; through it the address, the slices, which have the layout of `iovec` and are borrowed by
    // `message`, and the control data, each with its length; all outlive the call. Writes nothing.
    returned(unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const header, flags) })
}

/// Whether a message is received with the address of its sender.
#[derive(Clone, Copy, Debug)]
pub(super) enum Whence {
    Ask,
    /// Not of a connection: it is always the peer.
    Known,
}

/// Receives a message. Everything that the kernel installed is in `received`, which is as it was when the call fails.
#[inline(always)]
pub(super) fn receive(
    socket: BorrowedFd<'_>,
    message: &mut Incoming<'_>,
    flags: c_int,
    whence: Whence,
    received: &mut Received,
) -> Raw<()> {
    match message.descriptors {
        count @ ..=FEW => {
            receive_with(Control::<SMALL>::with_room_for(count), socket, message, flags, whence, received)
        }
        _ => receive_many(socket, message, flags, whence, received),
    }
}

#[inline(never)]
fn receive_many(
    socket: BorrowedFd<'_>,
    message: &mut Incoming<'_>,
    flags: c_int,
    whence: Whence,
    received: &mut Received,
) -> Raw<()> {
    receive_with(Control::<LARGE>::with_room_for(message.descriptors), socket, message, flags, whence, received)
}

/// Receives a message, whose control data goes into `control`.
#[inline(always)]
fn receive_with<const SIZE: usize>(
    mut control: Control<SIZE>,
    socket: BorrowedFd<'_>,
    message: &mut Incoming<'_>,
    flags: c_int,
    whence: Whence,
    received: &mut Received,
) -> Raw<()> {
    let mut address = [0_u8; STORAGE];
    let mut header = header();
    if matches!(whence, Whence::Ask) {
        header.msg_name = address.as_mut_ptr().cast();
        header.msg_namelen = STORAGE as socklen_t;
    }
    let slices = message.slices_mut();
    header.msg_iov = slices.as_mut_ptr().cast();
    header.msg_iovlen = slices.len();
    header.msg_control = control.bytes_mut().as_mut_ptr().cast();
    header.msg_controllen = control.bytes().len();
    // SAFETY: writes the header, at most `STORAGE` bytes of address, the slices, which have the layout of `iovec` and are
    // borrowed mutably by `message`, and the control data, each at most as long as the header says; all outlive the call.
    let len = returned(unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, flags) })?;
    let was_cut = header.msg_flags & libc::MSG_TRUNC != 0;
    received.len = if was_cut { len.min(message.len()) } else { len };
    received.message_len = len;
    received.out_of_band = header.msg_flags & libc::MSG_OOB != 0;
    received.descriptors = core::mem::take(&mut message.spare);
    if let Some(control @ [_, ..]) = control.bytes().get(..header.msg_controllen) {
        // SAFETY: the kernel has just written this control data, so each descriptor in it is new and nobody else's.
        unsafe { own(control, received) };
    }
    received.descriptors_lost =
        header.msg_flags & libc::MSG_CTRUNC != 0 || received.descriptors.len() > message.descriptors;
    if received.descriptors_lost {
        received.descriptors.clear();
    }
    let sender = address.get(..header.msg_namelen as usize).unwrap_or(&address);
    // Not even a family is there for a sender without a name, as most are.
    if sender.len() > size_of::<libc::sa_family_t>() {
        received.address = LocalAddress::from_sockaddr(sender).ok();
    }
    Ok(())
}

/// Receives bytes, with which no descriptors are to come: how many, and whether some came all the same. They are closed.
#[inline(always)]
pub(super) fn receive_bytes(socket: BorrowedFd<'_>, bytes: &mut [u8], flags: c_int) -> Raw<(usize, bool)> {
    let mut control = Control::<SMALL>::with_room_for(0);
    let mut part = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    let mut header = header();
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = control.bytes_mut().as_mut_ptr().cast();
    header.msg_controllen = control.bytes().len();
    let flags = flags | libc::MSG_CMSG_CLOEXEC;
    // SAFETY: writes the header, the bytes, and the control data, each at most as long as the header says; all outlive the
    // call.
    let len = returned(unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, flags) })?;
    let mut lost = header.msg_flags & libc::MSG_CTRUNC != 0;
    if let Some(control @ [_, ..]) = control.bytes().get(..header.msg_controllen) {
        let mut received = Received::nothing();
        // SAFETY: the kernel has just written this control data, so each descriptor in it is new and nobody else's.
        unsafe { own(control, &mut received) };
        lost |= !received.descriptors.is_empty();
    }
    Ok((len, lost))
}

/// Takes control data apart, and owns the descriptors in it.
///
/// # Safety
///
/// Each descriptor in it is open and nobody else's.
#[inline]
unsafe fn own(control: &[u8], received: &mut Received) {
    for item in control::items(control) {
        match item {
            Item::Descriptors(numbers) => {
                for number in numbers {
                    // SAFETY: the caller's promise.
                    received.descriptors.extend(unsafe { owned(c_int::from_ne_bytes(*number)) });
                }
            }
            // SAFETY: the caller's promise.
            Item::PidDescriptor(number) => received.pidfd = unsafe { owned(number) },
            Item::Credentials(credentials) => received.credentials = Some(credentials),
        }
    }
}

/// The descriptor of this number; none for a negative one, which is an error number in its place.
///
/// # Safety
///
/// Unless it is negative, it is open and nobody else's.
unsafe fn owned(number: c_int) -> Option<OwnedFd> {
    // SAFETY: not negative; the rest is the caller's promise.
    (number >= 0).then(|| unsafe { OwnedFd::from_raw_fd(number) })
}

/// Whose address.
#[derive(Clone, Copy, Debug)]
pub(super) enum Whose {
    Own,
    Peers,
}

/// The address of a socket or of its peer.
pub(super) fn address(socket: BorrowedFd<'_>, whose: Whose) -> Raw<Vec<u8>> {
    let mut address = vec![0_u8; STORAGE];
    let mut len = STORAGE as socklen_t;
    let call = match whose {
        Whose::Own => libc::getsockname,
        Whose::Peers => libc::getpeername,
    };
    // SAFETY: writes at most `len` bytes into `address`, which has as many, and the length.
    let result = unsafe { call(socket.as_raw_fd(), address.as_mut_ptr().cast(), &raw mut len) };
    returned(result as isize)?;
    address.truncate(len as usize);
    Ok(address)
}

/// Reads an option of `SOL_SOCKET` into the bytes; how many it has. On `ERANGE` that is in `len` too.
fn option(socket: BorrowedFd<'_>, name: c_int, value: &mut [u8], len: &mut usize) -> Raw<()> {
    let mut c_len = value.len() as socklen_t;
    // SAFETY: writes at most `c_len` bytes, as many as `value` has, and the length.
    let result = unsafe {
        libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, name, value.as_mut_ptr().cast(), &raw mut c_len)
    };
    *len = c_len as usize;
    returned(result as isize).map(drop)
}

/// Who connected, or made the pair; none when nobody did.
pub(super) fn peer_credentials(socket: BorrowedFd<'_>) -> Raw<Option<Credentials>> {
    let mut bytes = [0; Credentials::SIZE];
    option(socket, libc::SO_PEERCRED, &mut bytes, &mut 0)?;
    let credentials = Credentials::from_bytes(bytes);
    // What the kernel has where nobody is.
    let nobody = Credentials { pid: None, uid: u32::MAX, gid: u32::MAX };
    Ok((credentials != nobody).then_some(credentials))
}

/// The process that connected, or made the pair.
pub(super) fn peer_pidfd(socket: BorrowedFd<'_>) -> Raw<OwnedFd> {
    let mut bytes = [0; size_of::<c_int>()];
    option(socket, SO_PEERPIDFD, &mut bytes, &mut 0)?;
    // SAFETY: the kernel made this descriptor for this call.
    unsafe { owned(c_int::from_ne_bytes(bytes)) }.ok_or(Errno::from_raw(libc::EBADF))
}

/// The supplementary groups of the process that connected, or made the pair.
pub(super) fn peer_groups(socket: BorrowedFd<'_>) -> Raw<Vec<u32>> {
    const GROUP: usize = size_of::<libc::gid_t>();
    let mut bytes = vec![0; 32 * GROUP];
    let mut len = 0;
    let mut result = option(socket, libc::SO_PEERGROUPS, &mut bytes, &mut len);
    if result == Err(Errno::RANGE) {
        bytes.resize(len, 0);
        result = option(socket, libc::SO_PEERGROUPS, &mut bytes, &mut len);
    }
    result?;
    bytes.truncate(len);
    let (groups, _) = bytes.as_chunks::<GROUP>();
    Ok(groups.iter().map(|bytes| u32::from_ne_bytes(*bytes)).collect())
}

/// Whether a pid descriptor comes with each message.
pub(super) fn set_pass_pidfd(socket: BorrowedFd<'_>, on: bool) -> Raw<()> {
    let value = c_int::from(on);
    let len = size_of::<c_int>() as socklen_t;
    // SAFETY: reads an integer.
    let result =
        unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, SO_PASSPIDFD, (&raw const value).cast(), len) };
    returned(result as isize).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs::File;
    use std::os::fd::IntoRawFd;

    fn is_open(descriptor: c_int) -> bool {
        // SAFETY: asks about a number, whatever it is.
        unsafe { libc::fcntl(descriptor, libc::F_GETFD) != -1 }
    }

    /// A descriptor at a number that no other test of this program gets in the meantime.
    fn high(number: c_int) -> c_int {
        let file = File::open("/dev/null").expect("a file");
        let high = rustix::io::fcntl_dupfd_cloexec(file, number).expect("a descriptor").into_raw_fd();
        assert!(high >= number);
        high
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// R-SOCK-21: however descriptors are spread over messages, and whatever is between them, each is owned once.
        #[test]
        fn all_descriptors_in_control_data_are_owned_and_closed(
            counts in prop::collection::vec(0..5_usize, 0..6),
            with_pidfd in any::<bool>(),
            rest in prop::collection::vec(any::<u8>(), 0..12),
        ) {
            let mut control = Control::<LARGE>::new();
            let mut numbers = Vec::new();
            for count in counts {
                let some: Vec<_> = (0..count).map(|_| high(700)).collect();
                control.push_descriptors(some.iter().copied());
                control.push_credentials(Credentials::current());
                numbers.extend(some);
            }
            let mut bytes = control.bytes().to_vec();
            if with_pidfd {
                let pidfd = high(700);
                numbers.push(pidfd);
                bytes.extend((16 + 4_usize).to_ne_bytes());
                bytes.extend(libc::SOL_SOCKET.to_ne_bytes());
                bytes.extend(control::SCM_PIDFD.to_ne_bytes());
                bytes.extend(pidfd.to_ne_bytes());
                bytes.extend([0; 4]);
            }
            bytes.extend(rest);
            let mut owned = Received::nothing();
            // SAFETY: the descriptors were made above and handed to nobody.
            unsafe { own(&bytes, &mut owned) };
            prop_assert_eq!(owned.descriptors.len() + usize::from(owned.pidfd.is_some()), numbers.len());
            prop_assert!(numbers.iter().all(|&number| is_open(number)));
            drop(owned);
            prop_assert!(numbers.iter().all(|&number| !is_open(number)));
        }
    }

    #[test]
    fn an_error_number_in_the_place_of_a_descriptor_is_none() {
        // SAFETY: negative.
        assert!(unsafe { owned(-libc::EMFILE) }.is_none());
    }
}
