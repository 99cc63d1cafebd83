//! Who a process is, vouched for by the kernel.

use crate::process::{Pid, from_status, getpid};
use rustix::process::{getgid, getuid};

/// Process, user and group, as the kernel saw them: of a peer when it [connected](super::LocalSocket::peer_credentials), of a
/// sender when it [sent](super::Received::credentials).
///
/// The process may be gone, and its number another process's, by the time this is looked at:
/// [`peer_pidfd`](super::LocalSocket::peer_pidfd) means the process itself.
///
/// ```
/// use ipc_safe::socket::{Credentials, Incoming, LocalStream};
///
/// let (here, there) = LocalStream::pair()?;
/// assert_eq!(there.peer_credentials()?.pid, Credentials::current().pid);
///
/// there.pass_credentials(true)?;
/// here.send("who is it?")?;
/// let received = there.receive_message(&mut Incoming::new(&mut [0; 16]))?;
/// assert_eq!(received.credentials, Some(Credentials::current()));
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// [unix(7), SCM_CREDENTIALS](https://man7.org/linux/man-pages/man7/unix.7.html)
#[doc(alias = "ucred")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Credentials {
    /// The process; none when it is in a pid namespace that this process does not see into.
    pub pid: Option<Pid>,
    /// The user, 65534 when it is none of this user namespace.
    pub uid: u32,
    /// The group, likewise.
    pub gid: u32,
}

impl Credentials {
    /// Bytes of a `struct ucred`.
    pub(super) const SIZE: usize = 12;

    /// Those of this process, with its real user and group.
    #[must_use]
    pub fn current() -> Self {
        Self { pid: Some(getpid()), uid: getuid().as_raw(), gid: getgid().as_raw() }
    }

    pub(super) fn from_bytes(bytes: [u8; Self::SIZE]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = bytes;
        Self {
            pid: from_status(i32::from_ne_bytes([a, b, c, d])),
            uid: u32::from_ne_bytes([e, f, g, h]),
            gid: u32::from_ne_bytes([i, j, k, l]),
        }
    }

    pub(super) fn to_bytes(self) -> [u8; Self::SIZE] {
        let pid = self.pid.map_or(0, Pid::as_raw_pid);
        let mut bytes = [0; Self::SIZE];
        for (room, field) in bytes.chunks_exact_mut(4).zip([pid.cast_unsigned(), self.uid, self.gid]) {
            room.copy_from_slice(&field.to_ne_bytes());
        }
        bytes
    }
}
