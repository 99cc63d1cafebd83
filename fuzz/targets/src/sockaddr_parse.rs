//! Addresses of local sockets: from bytes as the kernel or a foe hands them over, to paths, abstract names and back; and given to
//! a socket, as the kernel has them then.

use arbitrary::{Arbitrary, Unstructured};
use ipc_safe::error::ErrorKind;
use ipc_safe::socket::{BindOptions, LocalAddress};
use ipc_safe::testing::Resources;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::SocketAddr;
use std::path::Path;

use crate::steps::Look;

#[derive(Arbitrary, Debug)]
enum Input<'b> {
    /// As it comes.
    Bytes(&'b [u8]),
    /// With the family of local sockets before it.
    Local(&'b [u8]),
    Path(&'b [u8]),
    Abstract(&'b [u8]),
    /// So many equal bytes: around the longest name.
    Long {
        first: u8,
        len: u8,
    },
    Bound(&'b [u8]),
}

/// Runs one input.
pub fn run(data: &[u8]) {
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(data)) else { return };
    let family = (libc::AF_UNIX as libc::sa_family_t).to_ne_bytes();
    match input {
        Input::Bytes(bytes) => from_bytes(bytes),
        Input::Local(name) => from_bytes(&[&family, name].concat()),
        Input::Path(path) => of_path(path),
        Input::Abstract(name) => of_abstract(name),
        Input::Long { first, len } => {
            let mut name = vec![b'n'; 100 + usize::from(len % 16)];
            name[0] = first;
            from_bytes(&[&family, &name[..]].concat());
            of_path(&name);
            of_abstract(&name);
        }
        Input::Bound(name) => bound(name),
    }
}

/// What the bytes are an address of: a path ends with the first zero, the other names with the bytes.
fn expected(bytes: &[u8]) -> Result<&[u8], ErrorKind> {
    let Some((family, name)) = bytes.split_at_checked(2) else { return Err(ErrorKind::InvalidInput) };
    if i32::from(u16::from_ne_bytes([family[0], family[1]])) != libc::AF_UNIX {
        return Err(ErrorKind::Unsupported);
    }
    let is_path = name.first().is_some_and(|&first| first != 0);
    let end = if is_path { name.iter().position(|&byte| byte == 0) } else { None };
    let name = &name[..end.unwrap_or(name.len())];
    if name.len() > LocalAddress::MAX_LEN { Err(ErrorKind::InvalidInput) } else { Ok(name) }
}

fn from_bytes(bytes: &[u8]) {
    let address = LocalAddress::from_sockaddr(bytes).map_err(|error| error.kind());
    match (address, expected(bytes)) {
        (Ok(address), Ok(name)) => check(&address, name),
        (address, expected) => assert_eq!(address.map(drop), expected.map(drop), "{bytes:?}"),
    }
}

/// That it is the address of this name, whatever it is asked or made into.
fn check(address: &LocalAddress, name: &[u8]) {
    let bytes = address.to_sockaddr();
    assert_eq!(&bytes[2..], name);
    assert_eq!(LocalAddress::from_sockaddr(&bytes).map_err(|error| error.kind()), Ok(*address));
    assert_eq!(address.is_unnamed(), name.is_empty());
    let path = address.as_path().map(|path| path.as_os_str().as_bytes());
    assert_eq!(path, name.first().filter(|&&first| first != 0).map(|_| name));
    assert_eq!(address.as_abstract_name(), name.strip_prefix(&[0]));
    let text = match name {
        [] => "(unnamed)".to_owned(),
        [0, name @ ..] => format!("@{}", name.escape_ascii()),
        path => path.escape_ascii().to_string(),
    };
    assert_eq!(address.to_string(), text);
    // What std takes comes back.
    if let Ok(of_std) = SocketAddr::try_from(*address) {
        assert_eq!(LocalAddress::from(of_std), *address);
    } else {
        assert!(name.is_empty() || name.len() == LocalAddress::MAX_LEN, "std does not take {address}");
    }
}

fn of_path(path: &[u8]) {
    let fits = !path.is_empty() && path.len() <= LocalAddress::MAX_LEN && !path.contains(&0);
    match LocalAddress::path(Path::new(OsStr::from_bytes(path))) {
        Ok(address) if fits => check(&address, path),
        Err(error) if !fits => assert_eq!(error.kind(), ErrorKind::InvalidInput),
        other => panic!("{other:?} of {path:?}"),
    }
}

fn of_abstract(name: &[u8]) {
    match LocalAddress::abstract_name(name) {
        Ok(address) if name.len() < LocalAddress::MAX_LEN => check(&address, &[&[0], name].concat()),
        Err(error) if name.len() >= LocalAddress::MAX_LEN => assert_eq!(error.kind(), ErrorKind::InvalidInput),
        other => panic!("{other:?} of {name:?}"),
    }
}

/// The kernel gives an address back as it got it. The name of the process is in front: others may try the same.
fn bound(name: &[u8]) {
    let name = [std::process::id().to_string().as_bytes(), name].concat();
    let Ok(address) = LocalAddress::abstract_name(&name) else { return };
    let look = Look::at(Resources::DESCRIPTORS);
    let socket = BindOptions::new().datagram(&address).expect("a name that nobody has");
    assert_eq!(socket.local_address().map_err(|error| error.kind()), Ok(address));
    let again = BindOptions::new().datagram(&address).map_err(|error| error.kind());
    assert_eq!(again.map(drop), Err(ErrorKind::AlreadyExists));
    drop(socket);
    look.end();
}
