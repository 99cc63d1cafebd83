//! What the errors of sockets mean.

use super::LocalAddress;
use crate::error::{Errno, Error, ErrorKind};

/// A failed call, with the reason that the field knows for its number.
#[cold]
pub(super) fn fault(call: &'static str, errno: Errno) -> Error {
    let error = Error::new(call, errno);
    match errno.as_raw() {
        libc::EPIPE => error.because("the other end is closed, or this one was shut down for sending"),
        libc::ECONNRESET => error.because("the other end was closed before it had read everything"),
        libc::ECONNREFUSED => error.because("nobody has the socket at the other end open, or it does not listen"),
        libc::ENOTCONN => error.because("the socket is not connected"),
        libc::EISCONN => error.because("the socket is connected, and takes no address"),
        libc::EDESTADDRREQ => error.because("the socket is not connected, and the message has no address"),
        libc::EADDRINUSE => error.because("the address is taken; a path stays after its socket (replace_stale)"),
        libc::EPROTOTYPE => error.because("the socket at this address is of another kind"),
        libc::EMSGSIZE => error.because("a message fits into the send buffer as a whole (SO_SNDBUF)"),
        libc::EMFILE => error.because("the process has as many descriptors as it may (RLIMIT_NOFILE)"),
        libc::ENFILE => error.because("the system has as many open files as it may (fs.file-max)"),
        libc::ETOOMANYREFS => error
            .kind_of(ErrorKind::LimitReached)
            .because("as many descriptors of this user are under way as one process may have open (RLIMIT_NOFILE)"),
        libc::ENOPROTOOPT => error.kind_of(ErrorKind::Unsupported).because("this kernel, or this socket, lacks it"),
        _ => error,
    }
}

/// A failed call at an address.
#[cold]
pub(super) fn fault_at(call: &'static str, errno: Errno, address: &LocalAddress) -> Error {
    let error = fault(call, errno).about(address.to_string());
    match errno {
        Errno::NOENT => error.because("no such path"),
        _ => error,
    }
}
