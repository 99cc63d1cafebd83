//! Addresses.

use crate::alone::alone;
use crate::tools::{connection, fails, folder, pair, path_in};
use ipc_safe::error::ErrorKind;
use ipc_safe::socket::{
    BindOptions, Datagram, Incoming, LocalAddress, LocalDatagram, LocalStream, Outgoing, SeqPacket, Stream,
    StreamListener,
};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};

/// R-SOCK-05, R-SOCK-13, R-SOCK-14, mistake 89: 108 bytes without a zero byte at the end are a path, and come back whole.
#[test]
fn a_path_of_108_bytes_works_both_ways() {
    alone(|| {
        let folder = folder();
        let rest = 108 - folder.path().as_os_str().len() - 1;
        let address = path_in(&folder, &"n".repeat(rest));
        assert_eq!(address.as_path().unwrap().as_os_str().len(), 108);

        let receiver = LocalDatagram::bind(&address).unwrap();
        assert_eq!(receiver.local_address().unwrap(), address);
        let other = LocalDatagram::bind(&LocalAddress::UNNAMED).unwrap();
        other.send(Outgoing::new(b"there").to(&address)).unwrap();
        assert_eq!(receiver.receive(&mut [0; 9]).unwrap(), 5);
        // As the sender's address it is longer than C's structure, with the zero byte that the kernel adds.
        receiver.send(Outgoing::new(b"back").to(&other.local_address().unwrap())).unwrap();
        let received = other.receive_message(&mut Incoming::new(&mut [0; 9])).unwrap();
        assert_eq!((received.len, received.address), (4, Some(address)));
        other.connect_to(&address).unwrap();
        assert_eq!(other.peer_address().unwrap(), address);
        drop(receiver);

        let listener = StreamListener::bind(&address).unwrap();
        LocalStream::connect(&address).unwrap();
        listener.accept().unwrap();
        assert!(SocketAddr::try_from(address).is_err(), "std has no room for it");
    });
}

/// R-SOCK-05, R-SOCK-14, mistakes 86 and 90: who is not bound has no address, which is defined; clients need none.
#[test]
fn addresses_are_those_that_were_given_or_none() {
    alone(|| {
        let (one, other) = pair::<SeqPacket>();
        assert!(one.local_address().unwrap().is_unnamed() && other.peer_address().unwrap().is_unnamed());
        let unbound = LocalDatagram::unbound().unwrap();
        assert!(unbound.local_address().unwrap().is_unnamed());
        fails(unbound.peer_address(), ErrorKind::Closed, libc::ENOTCONN);

        let (client, server) = connection::<Stream>();
        assert!(client.local_address().unwrap().is_unnamed() && server.peer_address().unwrap().is_unnamed());
        let name = server.local_address().unwrap();
        assert_eq!(client.peer_address().unwrap(), name);
        assert_eq!(name.as_abstract_name().unwrap().len(), 5, "chosen by the kernel: {name}");
    });
}

/// R-SOCK-05: an abstract name is all of its bytes; zero bytes count, and what is behind is not read.
#[test]
fn abstract_names_are_exact() {
    alone(|| {
        let unique = format!("ipc-safe test {} ", std::process::id());
        let name = |end: &[u8]| LocalAddress::abstract_name([unique.as_bytes(), end].concat()).unwrap();
        let names = [name(b""), name(b"\0"), name(b"\0\0"), name(b"\xff\0x"), name(&vec![b'l'; 107 - unique.len()])];
        let bound: Vec<_> = names.iter().map(|name| LocalDatagram::bind(name).unwrap()).collect();
        for (socket, name) in bound.iter().zip(&names) {
            assert_eq!(socket.local_address().unwrap(), *name);
            assert_eq!(socket.path(), None);
        }
        fails(LocalDatagram::bind(&names[1]), ErrorKind::AlreadyExists, libc::EADDRINUSE);
        fails(LocalStream::connect(&name(b"nobody")), ErrorKind::Refused, libc::ECONNREFUSED);
        // Gone with the socket.
        drop(bound);
        drop(LocalDatagram::bind(&names[0]).unwrap());
    });
}

/// R-SOCK-05, mistake 89: a path may be relative.
#[test]
fn a_relative_path_is_one() {
    alone(|| {
        let folder = folder();
        let path = folder.path().to_owned();
        // The folder that a process is in belongs to all its threads.
        alone(move || {
            std::env::set_current_dir(&path).unwrap();
            let address = LocalAddress::path("relative").unwrap();
            let listener = BindOptions::new().listen::<Stream>(&address).unwrap();
            LocalStream::connect(&address).unwrap();
            let datagrams = LocalDatagram::bind(&LocalAddress::path("./datagrams").unwrap()).unwrap();
            assert_eq!(datagrams.local_address().unwrap().as_path(), Some("./datagrams".as_ref()));
            // Unlinked where it was made, wherever the process is by then.
            std::env::set_current_dir("/").unwrap();
            drop((listener, datagrams));
            assert_eq!(std::fs::read_dir(path).unwrap().count(), 0);
        });
    });
}

/// R-SOCK-05
#[test]
fn addresses_convert_from_and_to_those_of_std() {
    alone(|| {
        let folder = folder();
        let path = folder.path().join("std");
        let listener = UnixListener::bind(&path).unwrap();
        let address = LocalAddress::from(listener.local_addr().unwrap());
        assert_eq!(address.as_path(), Some(path.as_path()));
        assert_eq!(address.to_string().as_bytes(), path.as_os_str().as_bytes());
        let back = SocketAddr::try_from(address).unwrap();
        assert_eq!(back.as_pathname(), Some(path.as_path()));

        let name = LocalAddress::abstract_name(format!("ipc-safe test std {}", std::process::id())).unwrap();
        let _std = UnixDatagram::bind_addr(&SocketAddr::try_from(name).unwrap()).unwrap();
        fails(LocalDatagram::bind(&name), ErrorKind::AlreadyExists, libc::EADDRINUSE);
        let unnamed = UnixStream::pair().unwrap().0.local_addr().unwrap();
        assert_eq!(LocalAddress::from(unnamed), LocalAddress::UNNAMED);
        assert!(SocketAddr::try_from(LocalAddress::UNNAMED).is_err());
        let (one, _other) = pair::<Datagram>();
        assert_eq!(
            format!("{}, {:?}", one.local_address().unwrap(), name.as_abstract_name().is_some()),
            "(unnamed), true"
        );
    });
}

/// R-SOCK-05: what the kernel would have refused with a bare EINVAL, or cut.
#[test]
fn addresses_that_cannot_be_are_refused_with_a_reason() {
    alone(|| {
        let reasons = [
            (LocalAddress::path(""), "at least one byte"),
            (LocalAddress::path("a\0b"), "none that is zero"),
            (LocalAddress::path("p".repeat(109)), "at most 108 bytes"),
            (LocalAddress::abstract_name([1; 108]), "at most 107 bytes"),
            (LocalAddress::from_sockaddr(&[]), "address family"),
        ];
        for (result, reason) in reasons {
            let error = fails(result, ErrorKind::InvalidInput, 0);
            assert!(error.to_string().contains(reason), "{error}");
        }
        fails(LocalAddress::from_sockaddr(&[2, 0, 1, 2]), ErrorKind::Unsupported, libc::EAFNOSUPPORT);
    });
}
