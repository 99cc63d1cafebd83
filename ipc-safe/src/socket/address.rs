//! Addresses of local sockets.

use crate::error::{Errno, Error, Result};
use core::fmt;
use rustix::net::SocketAddrUnix;
use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::SocketAddr;
use std::path::Path;

/// Bytes before the name: the address family.
const FAMILY: usize = size_of::<libc::sa_family_t>();

/// The address of a local socket: a path, an abstract name, or none.
///
/// Checked when made: a path has 1 to 108 bytes, none of them zero; an abstract name up to 107 of any value.
///
/// ```
/// use ipc_safe::socket::LocalAddress;
///
/// let path = LocalAddress::path("/run/service")?;
/// assert_eq!(path.as_path(), Some("/run/service".as_ref()));
/// let name = LocalAddress::abstract_name("service")?;
/// assert_eq!(name.as_abstract_name(), Some(&b"service"[..]));
/// assert!(LocalAddress::UNNAMED.is_unnamed());
/// assert!(LocalAddress::path("x".repeat(109)).is_err());
/// # Ok::<(), ipc_safe::Error>(())
/// ```
///
/// An abstract name belongs to the network namespace and has no permissions: whoever is in it can take the name, and connect. It
/// is gone with its socket. A path has the permissions of its file and its folder, and stays until it is unlinked.
///
/// [unix(7)](https://man7.org/linux/man-pages/man7/unix.7.html)
#[doc(alias = "sockaddr_un")]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct LocalAddress {
    /// `AF_UNIX`. With the name behind it, this is a `sockaddr_un`.
    family: libc::sa_family_t,
    /// What C has in `sun_path`, without the zero byte that ends a path; zero behind `len`.
    name: [u8; Self::MAX_LEN],
    len: u8,
}

impl LocalAddress {
    /// How long the name is at most, in bytes; of an abstract one, the zero byte before it is included.
    pub const MAX_LEN: usize = 108;

    /// No address: that of a socket that was not bound. Binding to it makes the kernel choose an abstract name.
    pub const UNNAMED: Self = Self { family: libc::AF_UNIX as libc::sa_family_t, name: [0; Self::MAX_LEN], len: 0 };

    /// The address of this path, absolute or relative to the folder that the process is in when it is used.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::error::ErrorKind::InvalidInput) for an empty path, one of more than 108 bytes, or one with
    /// a zero byte in it.
    pub fn path(path: impl AsRef<Path>) -> Result<Self> {
        let bytes = path.as_ref().as_os_str().as_bytes();
        if bytes.is_empty() || bytes.contains(&0) {
            return Err(refused("a path has at least one byte, and none that is zero", bytes));
        }
        Self::of(bytes).ok_or_else(|| refused("a path has at most 108 bytes", bytes))
    }

    /// The address of this abstract name, which may be empty and have zero bytes.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::error::ErrorKind::InvalidInput) for a name of more than 107 bytes.
    pub fn abstract_name(name: impl AsRef<[u8]>) -> Result<Self> {
        let name = name.as_ref();
        Self::of_abstract(name).ok_or_else(|| refused("an abstract name has at most 107 bytes", name))
    }

    /// The address in a `sockaddr_un` of C that has so many bytes, which may be anything; none that the kernel would not give.
    ///
    /// A path ends at the first zero byte or with the bytes.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](crate::error::ErrorKind::Unsupported) for another address family,
    /// [`InvalidInput`](crate::error::ErrorKind::InvalidInput) when there is no family or the name is too long.
    ///
    /// ```
    /// use ipc_safe::socket::LocalAddress;
    ///
    /// let address = LocalAddress::path("/run/service")?;
    /// assert_eq!(LocalAddress::from_sockaddr(&address.to_sockaddr())?, address);
    /// # Ok::<(), ipc_safe::Error>(())
    /// ```
    pub fn from_sockaddr(bytes: &[u8]) -> Result<Self> {
        let Some((family, name)) = bytes.split_first_chunk::<FAMILY>() else {
            return Err(refused("an address begins with two bytes of address family", bytes));
        };
        if libc::c_int::from(libc::sa_family_t::from_ne_bytes(*family)) != libc::AF_UNIX {
            return Err(Error::new("sockaddr_un", Errno::from_raw(libc::EAFNOSUPPORT))
                .because("the address is not one of a local socket"));
        }
        let address = match name {
            [] | [0, ..] => Self::of(name),
            path => Self::of(path.split(|&byte| byte == 0).next().unwrap_or_default()),
        };
        address.ok_or_else(|| refused("a name has at most 108 bytes", name))
    }

    /// The address as C has it, without a zero byte at the end of a path: the call takes the length.
    #[must_use]
    pub fn to_sockaddr(&self) -> Vec<u8> {
        [&self.family.to_ne_bytes(), self.name()].concat()
    }

    /// The address as C has it, and how many bytes of it count, which are there.
    #[inline]
    pub(super) const fn as_c(&self) -> (*const libc::sockaddr_un, libc::socklen_t) {
        // The layouts are the same, as a test shows.
        ((&raw const *self).cast(), (FAMILY + self.len as usize) as libc::socklen_t)
    }

    /// The path, if it is one.
    #[must_use]
    pub fn as_path(&self) -> Option<&Path> {
        matches!(self.name(), [first, ..] if *first != 0).then(|| Path::new(OsStr::from_bytes(self.name())))
    }

    /// The abstract name, if it is one, without the zero byte before it.
    #[must_use]
    pub fn as_abstract_name(&self) -> Option<&[u8]> {
        match self.name() {
            [0, name @ ..] => Some(name),
            _ => None,
        }
    }

    /// Whether there is no address.
    #[must_use]
    pub const fn is_unnamed(&self) -> bool {
        self.len == 0
    }

    fn name(&self) -> &[u8] {
        &self.name[..usize::from(self.len)]
    }

    /// With these bytes in `sun_path`, if they fit.
    fn of(bytes: &[u8]) -> Option<Self> {
        let mut address = Self::UNNAMED;
        address.name.get_mut(..bytes.len())?.copy_from_slice(bytes);
        address.len = bytes.len().try_into().ok()?;
        Some(address)
    }

    fn of_abstract(bytes: &[u8]) -> Option<Self> {
        let mut address = Self::UNNAMED;
        address.name.get_mut(1..=bytes.len())?.copy_from_slice(bytes);
        address.len = (bytes.len() + 1).try_into().ok()?;
        Some(address)
    }

    /// As rustix takes it.
    pub(super) fn to_rustix(self) -> rustix::io::Result<SocketAddrUnix> {
        match self.name() {
            [] => Ok(SocketAddrUnix::new_unnamed()),
            [0, name @ ..] => SocketAddrUnix::new_abstract_name(name),
            path => SocketAddrUnix::new(path),
        }
    }
}

#[cold]
fn refused(reason: &'static str, bytes: &[u8]) -> Error {
    Error::invalid("sockaddr_un", reason).without_errno().about(format!("{:?}", bytes.escape_ascii().to_string()))
}

/// `/run/service`, `@service` for an abstract name, `(unnamed)`.
impl fmt::Display for LocalAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            [] => f.write_str("(unnamed)"),
            [0, name @ ..] => write!(f, "@{}", name.escape_ascii()),
            path => write!(f, "{}", path.escape_ascii()),
        }
    }
}

impl fmt::Debug for LocalAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalAddress({self})")
    }
}

impl From<SocketAddr> for LocalAddress {
    fn from(address: SocketAddr) -> Self {
        // What std has comes from the kernel or was checked: it fits.
        let converted = match (address.as_pathname(), address.as_abstract_name()) {
            (Some(path), _) => Self::of(path.as_os_str().as_bytes()),
            (_, Some(name)) => Self::of_abstract(name),
            _ => None,
        };
        converted.unwrap_or(Self::UNNAMED)
    }
}

/// Fails for a path of 108 bytes, for which std has no room, and for no address, which std does not make.
impl TryFrom<LocalAddress> for SocketAddr {
    type Error = std::io::Error;

    fn try_from(address: LocalAddress) -> std::io::Result<Self> {
        match (address.as_path(), address.as_abstract_name()) {
            (_, Some(name)) => Self::from_abstract_name(name),
            (Some(path), _) => Self::from_pathname(path),
            _ => Err(std::io::ErrorKind::InvalidInput.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What the text must be, from the bytes of a `sockaddr_un`, the other way round.
    fn expected(bytes: &[u8]) -> Option<LocalAddress> {
        let name = bytes.strip_prefix(&(libc::AF_UNIX as u16).to_ne_bytes())?;
        match name.first() {
            None => Some(LocalAddress::UNNAMED),
            Some(0) => LocalAddress::abstract_name(&name[1..]).ok(),
            Some(_) => {
                let end = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
                LocalAddress::path(OsStr::from_bytes(&name[..end])).ok()
            }
        }
    }

    fn sockaddr() -> impl Strategy<Value = Vec<u8>> {
        let family = prop_oneof![4 => Just((libc::AF_UNIX as u16).to_ne_bytes().to_vec()), 1 => any::<Vec<u8>>()];
        let byte = prop_oneof![Just(0), any::<u8>()];
        let name = prop::collection::vec(byte, 0..130);
        (family, name).prop_map(|(family, name)| [family, name].concat())
    }

    proptest! {
        /// R-SOCK-05, R-SOCK-14: whatever the bytes are, nothing behind them is read, and what is understood comes back.
        #[test]
        fn any_bytes_are_an_address_or_refused(bytes in sockaddr()) {
            let parsed = LocalAddress::from_sockaddr(&bytes).ok();
            prop_assert_eq!(parsed, expected(&bytes));
            if let Some(address) = parsed {
                prop_assert_eq!(LocalAddress::from_sockaddr(&address.to_sockaddr()).unwrap(), address);
                prop_assert!(address.to_sockaddr().len() <= 110);
                // What follows the zero byte that ends a path is not compared, and not shown.
                let with_more = LocalAddress::from_sockaddr(&[&address.to_sockaddr()[..], &[0, 7, 7]].concat());
                if address.as_path().is_some() {
                    prop_assert_eq!(with_more.unwrap(), address);
                }
            }
        }
    }

    #[test]
    fn the_layout_is_that_of_c() {
        use core::mem::offset_of;
        assert_eq!(offset_of!(LocalAddress, family), offset_of!(libc::sockaddr_un, sun_family));
        assert_eq!(offset_of!(LocalAddress, name), offset_of!(libc::sockaddr_un, sun_path));
        assert!(size_of::<LocalAddress>() >= size_of::<libc::sockaddr_un>());
    }

    /// R-SOCK-05
    #[test]
    fn the_longest_names_fit_and_longer_ones_do_not() {
        let path = "p".repeat(108);
        assert_eq!(LocalAddress::path(&path).unwrap().as_path(), Some(path.as_ref()));
        assert!(LocalAddress::path("p".repeat(109)).unwrap_err().to_string().ends_with("a path has at most 108 bytes"));
        let name = [7; 107];
        assert_eq!(LocalAddress::abstract_name(name).unwrap().as_abstract_name(), Some(&name[..]));
        assert!(LocalAddress::abstract_name([7; 108]).is_err());
        assert!(LocalAddress::path("").is_err() && LocalAddress::path("a\0b").is_err());
        assert!(LocalAddress::from_sockaddr(&[1]).is_err());
    }
}
