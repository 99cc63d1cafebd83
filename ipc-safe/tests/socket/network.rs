//! Network sockets, which std and socket2 serve; and where those end, the calls of the C library.

use crate::alone::alone;
use crate::support::has_capability;
use crate::tools::{aside, io_fails, skipped};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io::{ErrorKind, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

fn socket(domain: Domain, kind: Type) -> Socket {
    Socket::new(domain, kind, None).expect("a socket")
}

fn loopback(port: u16) -> SockAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into()
}

fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

/// R-SOCK-01, mistakes 88 and 89: which families have which kinds.
#[test]
fn families_have_their_kinds() {
    alone(|| {
        let packets = Type::from(libc::SOCK_SEQPACKET);
        for domain in [Domain::IPV4, Domain::IPV6, Domain::UNIX] {
            for kind in [Type::STREAM, Type::DGRAM] {
                match Socket::new(domain, kind, None) {
                    Err(error) if error.raw_os_error() == Some(libc::EAFNOSUPPORT) => skipped("a family is missing"),
                    socket => assert_eq!(socket.unwrap().r#type().unwrap(), kind),
                }
            }
        }
        assert_eq!(socket(Domain::UNIX, packets).r#type().unwrap(), packets);
        io_fails(Socket::new(Domain::IPV4, packets, None), libc::ESOCKTNOSUPPORT);
        io_fails(Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::UDP)), libc::EPROTONOSUPPORT);
        io_fails(Socket::new(Domain::from(libc::AF_UNSPEC), Type::STREAM, None), libc::EAFNOSUPPORT);
        io_fails(Socket::new(Domain::from(999), Type::STREAM, None), libc::EAFNOSUPPORT);
        match Socket::new(Domain::IPV4, Type::from(libc::SOCK_RAW), Some(Protocol::ICMPV4)) {
            Ok(raw) => assert_eq!(raw.r#type().unwrap(), Type::from(libc::SOCK_RAW)),
            Err(error) => assert_eq!(error.raw_os_error(), Some(libc::EPERM), "CAP_NET_RAW is missing"),
        }
    });
}

/// R-SOCK-04
#[test]
fn the_network_is_big_endian() {
    assert_eq!(
        (0x1234_u16.to_be().to_ne_bytes(), 0x1234_5678_u32.to_be().to_ne_bytes()),
        ([0x12, 0x34], [0x12, 0x34, 0x56, 0x78])
    );
    assert_eq!((u16::from_be(libc::htons(0x1234)), u32::from_be(libc::htonl(0x1234_5678))), (0x1234, 0x1234_5678));
    assert_eq!((libc::ntohs(libc::htons(7)), libc::ntohl(libc::htonl(7))), (7, 7));
    // As C has it in an address: the port and the four bytes as they travel.
    let address = SockAddr::from(SocketAddr::from(([1, 2, 3, 4], 0x1234)));
    // SAFETY: of the family of IPv4, it is a `sockaddr_in`.
    let c = unsafe { &*address.as_ptr().cast::<libc::sockaddr_in>() };
    assert_eq!((c.sin_port.to_ne_bytes(), c.sin_addr.s_addr.to_ne_bytes()), ([0x12, 0x34], [1, 2, 3, 4]));
}

/// R-SOCK-05, R-SOCK-14, mistake 86: an address is as long as its family's, and defined before one is bound.
#[test]
fn addresses_of_the_network() {
    alone(|| {
        let unbound = socket(Domain::IPV4, Type::STREAM);
        assert_eq!(unbound.local_addr().unwrap().as_socket(), Some(SocketAddr::from(([0, 0, 0, 0], 0))));
        io_fails(unbound.peer_addr(), libc::ENOTCONN);
        assert_eq!(loopback(1).len() as usize, size_of::<libc::sockaddr_in>());
        assert_eq!(
            SockAddr::from(SocketAddr::from((Ipv6Addr::LOCALHOST, 1))).len() as usize,
            size_of::<libc::sockaddr_in6>()
        );
        // Cut to the room that there is, and told how long it is.
        let mut room = [7_u8; 6];
        let mut len = 4;
        let raw = std::os::fd::AsRawFd::as_raw_fd(&unbound);
        // SAFETY: writes at most `len` bytes, and the length.
        let result = unsafe { libc::getsockname(raw, room.as_mut_ptr().cast(), &raw mut len) };
        assert_eq!((result, len as usize, &room[4..]), (0, size_of::<libc::sockaddr_in>(), &[7, 7][..]));
        let (client, server) = tcp_pair();
        assert_eq!(client.peer_addr().unwrap(), server.local_addr().unwrap());
        assert_eq!(server.peer_addr().unwrap(), client.local_addr().unwrap());
    });
}

/// R-SOCK-13, mistakes 80 and 93
#[test]
fn ports_are_taken_foreign_or_reserved() {
    alone(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        io_fails(TcpListener::bind(address), libc::EADDRINUSE);
        // 192.0.2.0/24 is for documentation.
        io_fails(TcpListener::bind("192.0.2.1:0"), libc::EADDRNOTAVAIL);
        let any = TcpListener::bind("0.0.0.0:0").unwrap();
        TcpStream::connect(("127.0.0.1", any.local_addr().unwrap().port())).unwrap();
        io_fails(
            socket(Domain::IPV4, Type::STREAM).bind(&SockAddr::unix("as long as one of the network").unwrap()),
            libc::EAFNOSUPPORT,
        );
        // CAP_NET_BIND_SERVICE, or a system that reserves none.
        let lowest = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap();
        if has_capability(10) || lowest.trim() == "0" || lowest.trim() == "1" {
            skipped("a port that takes rights: all of them may be had");
        } else {
            io_fails(TcpListener::bind("127.0.0.1:1"), libc::EACCES);
        }
        // The server's end of a connection lingers; std's listeners do not mind.
        let client = TcpStream::connect(address).unwrap();
        drop(listener.accept().unwrap());
        drop((listener, client));
        TcpListener::bind(address).unwrap();
        let strict = socket(Domain::IPV4, Type::STREAM);
        io_fails(strict.bind(&address.into()), libc::EADDRINUSE);
    });
}

/// R-SOCK-15, mistake 82
#[test]
fn listening_takes_any_backlog() {
    alone(|| {
        for backlog in [0, -1, i32::MAX] {
            let listener = socket(Domain::IPV4, Type::STREAM);
            // Without a bind it gets a port.
            listener.listen(backlog).unwrap();
            let port = listener.local_addr().unwrap().as_socket().unwrap().port();
            assert_ne!(port, 0);
            TcpStream::connect(("127.0.0.1", port)).unwrap();
        }
        io_fails(socket(Domain::IPV4, Type::DGRAM).listen(1), libc::EOPNOTSUPP);
        io_fails(socket(Domain::UNIX, Type::DGRAM).listen(1), libc::EOPNOTSUPP);
    });
}

/// R-SOCK-18, R-SOCK-19: flags of sending and receiving.
#[test]
fn flags_of_network_streams() {
    alone(|| {
        let (client, server) = tcp_pair();
        let (client, server) = (Socket::from(client), Socket::from(server));
        let mut room = [MaybeUninit::new(0_u8); 10];
        io_fails(server.recv_with_flags(&mut room, libc::MSG_DONTWAIT), libc::EAGAIN);
        client.send_with_flags(b"route", libc::MSG_DONTROUTE | libc::MSG_NOSIGNAL).unwrap();
        assert_eq!(server.peek(&mut room).unwrap(), 5);
        assert_eq!(server.recv(&mut room).unwrap(), 5);
        // One byte overtakes; it is the last one that was sent so.
        client.send(b"in band").unwrap();
        client.send_out_of_band(b"!").unwrap();
        let mut band = [MaybeUninit::new(0_u8); 1];
        let poll_for_priority = || {
            let mut polled = [rustix::event::PollFd::new(&server, rustix::event::PollFlags::PRI)];
            rustix::event::poll(&mut polled, None).unwrap()
        };
        assert_eq!(poll_for_priority(), 1);
        assert_eq!(server.recv_out_of_band(&mut band).unwrap(), 1);
        io_fails(server.recv_out_of_band(&mut band), libc::EINVAL);
        assert_eq!(server.recv(&mut room).unwrap(), 7);
        // MSG_WAITALL waits for the rest, and gets less at the end.
        let sender = aside(move || {
            for part in [&b"01234"[..], b"56789", b"end"] {
                client.send(part).unwrap();
            }
        });
        assert_eq!(server.recv_with_flags(&mut room, libc::MSG_WAITALL).unwrap(), 10);
        assert_eq!(server.recv_with_flags(&mut room, libc::MSG_WAITALL).unwrap(), 3);
        sender.join().unwrap();
    });
}

/// R-SOCK-18: what fits goes, and is counted; the rest is for later.
#[test]
fn a_network_stream_takes_what_fits() {
    alone(|| {
        let (mut client, mut server) = tcp_pair();
        client.set_nonblocking(true).unwrap();
        let huge = vec![7; 32 << 20];
        let mut sent = 0;
        let error = loop {
            match client.write(&huge) {
                Ok(len) => {
                    assert!(len > 0 && len < huge.len());
                    sent += len;
                }
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        drop(client);
        let mut received = 0;
        let mut buffer = vec![0; 1 << 20];
        loop {
            match server.read(&mut buffer).unwrap() {
                0 => break,
                len => received += len,
            }
        }
        assert_eq!(received, sent);
    });
}

/// R-SOCK-18, R-SOCK-19: datagrams are cut, empty, or too long.
#[test]
fn network_datagrams_have_boundaries() {
    alone(|| {
        let (one, other) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        let (one, address) = (Socket::from(one), SockAddr::from(other.local_addr().unwrap()));
        let other = Socket::from(other);
        let mut room = [MaybeUninit::new(0_u8); 4];
        one.send_to(b"longer", &address).unwrap();
        one.send_to(b"", &address).unwrap();
        one.send_to_vectored(&[IoSlice::new(b"a"), IoSlice::new(b"b")], &address).unwrap();
        assert_eq!(other.recv_with_flags(&mut room, libc::MSG_PEEK | libc::MSG_TRUNC).unwrap(), 6);
        assert_eq!(other.recv_with_flags(&mut room, libc::MSG_TRUNC).unwrap(), 6);
        // Empty, and not the end.
        let (len, sender) = other.recv_from(&mut room).unwrap();
        assert_eq!((len, sender.as_socket()), (0, one.local_addr().unwrap().as_socket()));
        let mut slices = [socket2::MaybeUninitSlice::new(&mut room)];
        let (len, flags, _) = other.recv_from_vectored(&mut slices).unwrap();
        assert_eq!((len, flags.is_truncated()), (2, false));
        io_fails(one.send_to(&vec![0; 70_000], &address), libc::EMSGSIZE);
    });
}

/// R-SOCK-20, mistake 84
#[test]
fn addresses_of_single_messages() {
    alone(|| {
        let (client, server) = tcp_pair();
        let client = Socket::from(client);
        // A stream ignores it.
        assert_eq!(client.send_to(b"x", &loopback(1)).unwrap(), 1);
        drop(server);
        let broadcast = SockAddr::from(SocketAddr::from((Ipv4Addr::BROADCAST, 9)));
        let datagrams = socket(Domain::IPV4, Type::DGRAM);
        io_fails(datagrams.send_to(b"x", &broadcast), libc::EACCES);
        datagrams.set_broadcast(true).unwrap();
        match datagrams.send_to(b"x", &broadcast) {
            Err(error) => assert_eq!(error.raw_os_error(), Some(libc::ENETUNREACH), "no network here"),
            Ok(len) => assert_eq!(len, 1),
        }
        io_fails(datagrams.send(b"x"), libc::EDESTADDRREQ);
    });
}

/// R-SOCK-03, R-SOCK-25: how the ways to end look from the other side.
#[test]
fn ends_of_network_streams() {
    alone(|| {
        let (mut client, mut server) = tcp_pair();
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(server.read(&mut [0]).unwrap(), 0);
        server.write_all(b"still").unwrap();
        let mut text = [0; 5];
        client.read_exact(&mut text).unwrap();
        assert_eq!(client.write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
        // Closed with bytes unread: a reset, once; then a broken pipe, and no signal.
        let (mut client, server) = tcp_pair();
        client.write_all(b"unread").unwrap();
        Socket::from(server).set_linger(Some(Duration::ZERO)).unwrap();
        let error = client.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert_eq!(client.write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
}
