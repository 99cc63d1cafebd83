//! Types of std, descriptors, and what any descriptor does.

use crate::alone::alone;
use crate::tools::{connection, fails, identity, io_fails, is_close_on_exec, number, pair};
use ipc_safe::error::ErrorKind;
use ipc_safe::socket::{
    BindOptions, Datagram, LocalAddress, LocalDatagram, LocalSeqPacket, LocalStream, SeqPacket, Stream, StreamListener,
};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{FileType, fstat};
use std::fs::File;
use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};

/// R-SOCK-01, mistake 88
#[test]
fn sockets_of_std_become_ours_and_back() {
    alone(|| {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let ours = LocalStream::from(ours);
        ours.send("stream").unwrap();
        let mut back = UnixStream::from(ours);
        back.write_all(b"s").unwrap();
        let mut bytes = [0; 7];
        (&theirs).read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"streams");

        let (ours, theirs) = UnixDatagram::pair().unwrap();
        LocalDatagram::from(ours).send("datagram").unwrap();
        assert_eq!(theirs.recv(&mut [0; 20]).unwrap(), 8);
        let (ours, theirs) = pair::<Datagram>();
        UnixDatagram::from(theirs).send(b"back").unwrap();
        assert_eq!(ours.receive(&mut [0; 20]).unwrap(), 4);

        let listener = StreamListener::bind(&LocalAddress::UNNAMED).unwrap();
        let address = listener.local_address().unwrap();
        let std = UnixListener::from(listener.keep());
        let client = LocalStream::connect(&address).unwrap();
        // Blocking, as std's are.
        let (mut accepted, _) = std.accept().unwrap();
        accepted.write_all(b"x").unwrap();
        assert_eq!(client.receive(&mut [0; 2]).unwrap(), 1);
        let ours = StreamListener::try_from(std).unwrap();
        assert!(ours.try_accept().unwrap_err().is_would_block());
    });
}

/// R-SOCK-01: a descriptor is what it says it is, or comes back.
#[test]
fn descriptors_are_checked() {
    alone(|| {
        let (stream, _peer) = pair::<Stream>();
        let descriptor = OwnedFd::from(stream);
        let raw = number(&descriptor);
        let rejected = LocalSeqPacket::try_from(descriptor).unwrap_err();
        assert_eq!(rejected.error().kind(), ErrorKind::InvalidInput);
        let rejected = StreamListener::try_from(rejected.into_inner()).unwrap_err();
        let stream = LocalStream::try_from(rejected.into_inner()).unwrap();
        assert_eq!(number(&stream), raw);

        let listener = BindOptions::new().listen::<Stream>(&LocalAddress::UNNAMED).unwrap().keep();
        let rejected = LocalStream::try_from(OwnedFd::from(listener)).unwrap_err();
        assert!(StreamListener::try_from(rejected.into_inner()).is_ok());
        let file = File::open("/dev/null").unwrap();
        fails(LocalStream::try_from(OwnedFd::from(file)), ErrorKind::Other, libc::ENOTSOCK);
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        fails(StreamListener::try_from(OwnedFd::from(tcp)), ErrorKind::InvalidInput, 0);
    });
}

/// R-SOCK-02: what works on descriptors works on these.
#[test]
fn sockets_are_descriptors() {
    alone(|| {
        let (one, other) = connection::<Stream>();
        assert_eq!(FileType::from_raw_mode(fstat(&one).unwrap().st_mode), FileType::Socket);

        let again = one.try_clone().unwrap();
        assert_eq!(identity(&again), identity(&one));
        assert!([&again, &one, &other].into_iter().all(is_close_on_exec));

        let mut written = rustix::io::write(&again, b"wr").unwrap();
        written += rustix::io::writev(&one, &[IoSlice::new(b"it"), IoSlice::new(b"ev")]).unwrap();
        written += (&one).write_vectored(&[IoSlice::new(b"e"), IoSlice::new(b"ct")]).unwrap();
        assert_eq!((written, rustix::io::ioctl_fionread(&other).unwrap()), (9, 9));
        let mut polled = [PollFd::from_borrowed_fd(other.as_fd(), PollFlags::IN)];
        assert_eq!(poll(&mut polled, None).unwrap(), 1);
        let (mut a, mut b) = ([0; 3], [0; 4]);
        let mut slices = [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)];
        assert_eq!((&other).read_vectored(&mut slices).unwrap(), 7);
        assert_eq!((&a, &b), (b"wri", b"teve"));
        assert_eq!(rustix::io::read(&other, &mut a[..]).unwrap(), 2);

        // Non-blocking is the descriptor's, and std's calls heed it.
        rustix::io::ioctl_fionbio(&other, true).unwrap();
        assert_eq!((&other).read(&mut a).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
        // Closed when the last one is: the peer reads to the end only then.
        drop(one);
        assert_eq!((&other).read(&mut a).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
        drop(again);
        assert_eq!((&other).read(&mut a).unwrap(), 0);
    });
}

/// R-SOCK-02, R-SOCK-18: sockets do not outlive exec, unless that is wanted.
#[test]
fn programs_do_not_inherit_sockets() {
    alone(|| {
        let (one, other) = pair::<SeqPacket>();
        let list = format!("ls -l /proc/self/fd | grep -c 'socket:.{}'", identity(&one).1);
        let output = std::process::Command::new("sh").args(["-c", &list]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "0");
        // As the standard input of a program.
        one.send("packet").unwrap();
        drop(one);
        let output = std::process::Command::new("cat").stdin(OwnedFd::from(other)).output().unwrap();
        assert_eq!(output.stdout, b"packet");
    });
}

/// R-SOCK-03: each direction on its own, whoever else has the socket.
#[test]
fn a_direction_can_be_shut_down() {
    alone(|| {
        let (one, other) = connection::<Stream>();
        let copy = one.try_clone().unwrap();
        one.send("last words").unwrap();
        one.shutdown(Shutdown::Write).unwrap();
        // Sending fails, by any descriptor of the socket, without a signal; the peer reads to the end; the other way goes on.
        fails(copy.send("x"), ErrorKind::Closed, libc::EPIPE);
        let mut bytes = [0; 20];
        assert_eq!((other.receive(&mut bytes).unwrap(), other.receive(&mut bytes).unwrap()), (10, 0));
        other.send("heard").unwrap();
        assert_eq!(copy.receive(&mut bytes).unwrap(), 5);

        one.shutdown(Shutdown::Read).unwrap();
        assert_eq!(one.receive(&mut bytes).unwrap(), 0);
        fails(other.send("x"), ErrorKind::Closed, libc::EPIPE);

        let (one, other) = pair::<SeqPacket>();
        one.shutdown(Shutdown::Both).unwrap();
        fails(one.send("x"), ErrorKind::Closed, libc::EPIPE);
        fails(other.send("x"), ErrorKind::Closed, libc::EPIPE);
        assert_eq!(other.receive(&mut bytes).unwrap(), 0);
        // Of a network socket, only when it is connected.
        let tcp = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        io_fails(tcp.shutdown(Shutdown::Both), libc::ENOTCONN);
    });
}
