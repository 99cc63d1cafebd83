//! How a socket is bound.

use super::bound::{ATTEMPTS, Place, bind};
use super::fault::{fault, fault_at};
use super::kind::{Connected, Kind};
use super::ready::errno;
use super::{Bound, Listener, LocalAddress, LocalDatagram, LocalSocket};
use crate::error::{Errno, Error, Result};
use rustix::fs::{Mode, fchmod};

/// How a socket gets its address: permissions, what becomes of a path that is taken, how many connections may wait.
///
/// ```
/// use ipc_safe::error::ErrorKind;
/// use ipc_safe::socket::{BindOptions, LocalAddress, Stream, StreamListener};
///
/// let folder = tempfile::tempdir()?;
/// let address = LocalAddress::path(folder.path().join("service"))?;
/// StreamListener::bind(&address)?.keep(); // closed at once; its path stays, as that of a process that was killed
///
/// let refused = BindOptions::new().listen::<Stream>(&address).unwrap_err();
/// assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
/// let listener = BindOptions::new().replace_stale(true).mode(0o666).backlog(16).listen::<Stream>(&address)?;
///
/// // Not that of a socket that somebody has open, be it of this process.
/// assert!(BindOptions::new().replace_stale(true).listen::<Stream>(&address).is_err());
/// # drop(listener);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [bind(2)](https://man7.org/linux/man-pages/man2/bind.2.html)
#[doc(alias = "bind")]
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct BindOptions {
    mode: u32,
    replace_stale: bool,
    backlog: i32,
}

impl Default for BindOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl BindOptions {
    /// Mode 0600, nothing replaced, as many waiting connections as the system allows.
    pub const fn new() -> Self {
        Self { mode: 0o600, replace_stale: false, backlog: i32::MAX }
    }

    /// The permission bits of a path, less those of the process's mask. Connecting, and sending a datagram, takes the right to write.
    pub const fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    /// Takes the place of a socket at the path that nobody has open any more. Of several processes that do so at once, exactly one
    /// has the path in the end: in one folder they take turns, by a lock on it ([flock(2)]), where they may read it.
    ///
    /// [flock(2)]: https://man7.org/linux/man-pages/man2/flock.2.html
    pub const fn replace_stale(mut self, replace: bool) -> Self {
        self.replace_stale = replace;
        self
    }

    /// How many connections may wait to be accepted. The kernel rounds it down to `net.core.somaxconn`.
    #[doc(alias = "listen")]
    pub const fn backlog(mut self, backlog: i32) -> Self {
        self.backlog = backlog;
        self
    }

    /// Listens at this address.
    ///
    /// A path is there when the socket listens, not before, and never half made: the socket is bound to a temporary name in
    /// the same folder, which is then renamed. A stale socket and the new one change places in one step, so that nobody can put
    /// another one between. The price is that the kernel goes on showing the temporary name as the address.
    ///
    /// # Errors
    ///
    /// [`AlreadyExists`](crate::error::ErrorKind::AlreadyExists) when the address is taken: an abstract name, or a path, unless
    /// a stale socket is there and to be replaced; [`TimedOut`](crate::error::ErrorKind::TimedOut) when somebody keeps a lock on
    /// the folder, which those who replace take in turns; [`NotFound`](crate::error::ErrorKind::NotFound) without the folder;
    /// [`PermissionDenied`](crate::error::ErrorKind::PermissionDenied) without the right to write to it;
    /// [`InvalidInput`](crate::error::ErrorKind::InvalidInput) for more than nine mode bits.
    pub fn listen<K: Connected>(self, address: &LocalAddress) -> Result<Bound<Listener<K>>> {
        let socket = self.socket::<K>()?;
        let listen = |socket: LocalSocket<K>| {
            rustix::net::listen(&socket, self.backlog).map_err(|number| fault("listen", errno(number)))?;
            Listener::of(socket.into()).map_err(|number| fault("ioctl", errno(number)))
        };
        let Some(path) = address.as_path() else {
            bind(&socket, address).map_err(|number| fault_at("bind", number, address))?;
            return listen(socket).map(|listener| Bound::new(listener, None));
        };
        let place = Place::of(path, address)?;
        let temporary = place.bind_temporarily(&socket)?;
        let listener = listen(socket)?;
        Ok(Bound::new(listener, Some(temporary.rename(self.replace_stale)?)))
    }

    /// A socket for datagrams with this address.
    ///
    /// It is bound to a path itself, which is the sender's address that others reply to. A stale socket is moved out of the way
    /// before.
    ///
    /// # Errors
    ///
    /// As [`listen`](Self::listen).
    pub fn datagram(self, address: &LocalAddress) -> Result<Bound<LocalDatagram>> {
        let socket = self.socket()?;
        let failed = |number| fault_at("bind", number, address);
        let Some(path) = address.as_path() else {
            bind(&socket, address).map_err(failed)?;
            return Ok(Bound::new(socket, None));
        };
        let place = Place::of(path, address)?;
        let mut turn = None;
        for _ in 0..ATTEMPTS {
            match bind(&socket, address) {
                Ok(()) => return Ok(Bound::new(socket, Some(place.name_of_what_is_there()?))),
                Err(number) if number.as_raw() == libc::EADDRINUSE && self.replace_stale => {}
                Err(number) => return Err(failed(number)),
            }
            if turn.is_none() {
                turn = Some(place.turn()?);
            }
            place.take_away_stale()?;
        }
        Err(failed(Errno::from_raw(libc::EADDRINUSE)))
    }

    /// A socket whose path will have the permissions.
    fn socket<K: Kind>(self) -> Result<LocalSocket<K>> {
        if self.mode & !0o777 != 0 {
            let reason = "permission bits are nine: 0o000 to 0o777";
            return Err(Error::invalid("bind", reason).about(format!("mode {:#o}", self.mode)));
        }
        let socket = LocalSocket::new()?;
        fchmod(&socket, Mode::from_raw_mode(self.mode)).map_err(|number| fault("fchmod", errno(number)))?;
        Ok(socket)
    }
}
