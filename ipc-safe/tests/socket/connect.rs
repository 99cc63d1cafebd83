//! Connections of network sockets, whose beginning and end are apart.

use crate::alone::alone;
use crate::support::fork;
use crate::tools::{LONG, SHORT, fails, io_fails};
use ipc_safe::error::{Error, ErrorKind};
use ipc_safe::signal::{self, HandlerOptions, Signal};
use ipc_safe::socket::{finish_connect, finish_connect_interruptible, finish_connect_timeout, try_finish_connect};
use rustix::event::{PollFd, PollFlags, poll};
use socket2::{Domain, SockAddr, Socket, Type};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::AsFd;

fn tcp() -> Socket {
    Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket")
}

/// A listener with room for one connection, which is taken: the next one is under way until it is accepted.
fn full() -> (Socket, SockAddr, Vec<Socket>) {
    let listener = tcp();
    listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut clients = Vec::new();
    loop {
        let client = tcp();
        client.set_nonblocking(true).unwrap();
        io_fails(client.connect(&address), libc::EINPROGRESS);
        let finished = finish_connect_timeout(&client, SHORT * 2);
        clients.push(client);
        match finished {
            Ok(()) => {}
            Err(error) if error.is_timed_out() => return (listener, address, clients),
            Err(error) => panic!("{error}"),
        }
        assert!(clients.len() < 50, "the backlog has no end");
    }
}

/// R-SOCK-16, mistake 81: begun, under way, connected; a socket that is writable is not always connected.
#[test]
fn a_connection_without_waiting_is_finished_later() {
    alone(|| {
        let (listener, address, clients) = full();
        let client = clients.last().unwrap();
        io_fails(client.connect(&address), libc::EALREADY);
        fails(try_finish_connect(client), ErrorKind::WouldBlock, libc::EAGAIN);
        fails(finish_connect_timeout(client, SHORT), ErrorKind::TimedOut, libc::ETIMEDOUT);
        // Room for it; the kernel tries again by itself.
        let _others: Vec<_> = (1..clients.len()).map(|_| listener.accept().unwrap()).collect();
        finish_connect_timeout(client, LONG).unwrap();
        assert_eq!(client.peer_addr().unwrap().as_socket(), address.as_socket());
        finish_connect(client).unwrap();
        try_finish_connect(client).unwrap();
        finish_connect_interruptible(client).unwrap();
        // The kernel tells once that it is done, and then that it was.
        client.connect(&address).unwrap();
        io_fails(client.connect(&address), libc::EISCONN);
    });
}

/// R-SOCK-16, mistake 81
#[test]
fn a_refused_connection_is_writable_and_an_error() {
    alone(|| {
        // A port that nobody listens at: bound, and kept.
        let taken = tcp();
        taken.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        let nobody = taken.local_addr().unwrap();
        io_fails(tcp().connect(&nobody), libc::ECONNREFUSED);
        type Finish = fn(&Socket) -> Result<(), Error>;
        let forms: [Finish; 4] = [
            |socket| finish_connect(socket),
            |socket| finish_connect_timeout(socket, LONG),
            |socket| finish_connect_interruptible(socket),
            |socket| try_finish_connect(socket),
        ];
        for finish in forms {
            let client = tcp();
            client.set_nonblocking(true).unwrap();
            // On the loopback the answer is there before the call returns.
            match client.connect(&nobody) {
                Err(error) if error.raw_os_error() == Some(libc::ECONNREFUSED) => continue,
                begun => io_fails(begun, libc::EINPROGRESS),
            }
            let mut polled = [PollFd::from_borrowed_fd(client.as_fd(), PollFlags::OUT)];
            assert_eq!(poll(&mut polled, None).unwrap(), 1, "writable");
            fails(finish(&client), ErrorKind::Refused, libc::ECONNREFUSED);
        }
        // One that never began to connect looks ready, too.
        fails(finish_connect(tcp()), ErrorKind::Closed, libc::ENOTCONN);
    });
}

/// R-SOCK-16: an interrupted connection goes on in the background; it is waited for, not begun again.
#[test]
fn an_interrupted_connection_goes_on() {
    alone(|| {
        let (listener, address, clients) = full();
        let child = fork(|| {
            let _handler = HandlerOptions::new().restart(false).count(Signal::USR1).unwrap();
            let client = tcp();
            io_fails(client.connect(&address), libc::EINTR);
            // The handler was there for one signal; the plain form does not show others.
            finish_connect(&client).unwrap();
            assert_eq!(client.peer_addr().unwrap().as_socket(), address.as_socket());
            0
        });
        crate::tools::wait_until_in(&[libc::SYS_connect], child.pid());
        let target = ipc_safe::process::Pid::from_raw(child.pid()).unwrap();
        signal::to_process(target, Signal::USR1).unwrap();
        crate::tools::wait_until_in(&[libc::SYS_ppoll], child.pid());
        signal::to_process(target, Signal::USR1).unwrap();
        let _accepted: Vec<_> = (0..=clients.len()).map(|_| listener.accept().unwrap()).collect();
        child.succeed();
    });
}

/// R-SOCK-16, R-SOCK-20: connecting a datagram socket only sets its peer, which others cannot take the place of.
#[test]
fn a_connected_datagram_socket_hears_its_peer_only() {
    alone(|| {
        let bound = || UdpSocket::bind("127.0.0.1:0").unwrap();
        let (one, peer, stranger) = (bound(), bound(), bound());
        one.connect(peer.local_addr().unwrap()).unwrap();
        let address = one.local_addr().unwrap();
        stranger.send_to(b"stranger", address).unwrap();
        peer.send_to(b"peer", address).unwrap();
        let mut bytes = [0; 20];
        assert_eq!(one.recv(&mut bytes).unwrap(), 4);
        one.set_nonblocking(true).unwrap();
        assert_eq!(one.recv(&mut bytes).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
        // Another peer, and then none.
        one.connect(stranger.local_addr().unwrap()).unwrap();
        one.send(b"x").unwrap();
        assert_eq!(stranger.recv(&mut bytes).unwrap(), 1);
        rustix::net::connect_unspec(&one).unwrap();
        io_fails(one.send(b"x"), libc::EDESTADDRREQ);
        // Nobody there: the next call tells.
        drop(peer);
        let gone = bound().local_addr().unwrap();
        one.connect(gone).unwrap();
        one.send(b"x").unwrap();
        io_fails(one.send(b"x"), libc::ECONNREFUSED);
    });
}

/// R-SOCK-17: a new connection takes no flags of its listener.
#[test]
fn an_accepted_connection_is_blocking() {
    alone(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        io_fails(listener.accept(), libc::EAGAIN);
        let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        let flags = rustix::fs::fcntl_getfl(&server).unwrap();
        assert!(!flags.contains(rustix::fs::OFlags::NONBLOCK));
        assert!(crate::tools::is_close_on_exec(&server));
        // Not listening.
        let quiet = tcp();
        io_fails(quiet.accept(), libc::EINVAL);
        io_fails(UdpSocket::bind("127.0.0.1:0").map(Socket::from).unwrap().accept(), libc::EOPNOTSUPP);
    });
}
