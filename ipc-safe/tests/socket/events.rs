//! Readiness: poll, mio, tokio.

use crate::alone::alone;
use crate::support::fork;
use crate::tools::{aside, connection, pair};
use ipc_safe::socket::{
    Incoming, LocalAddress, LocalSeqPacket, LocalSocket, LocalStream, Outgoing, SeqPacket, SeqPacketListener, Stream,
    StreamListener,
};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rustix::event::{PollFd, PollFlags, poll};
use std::io::ErrorKind;
use std::os::fd::{AsFd, AsRawFd};
use tokio::io::Interest as TokioInterest;
use tokio::io::unix::AsyncFd;

/// R-SOCK-02, R-SOCK-16, R-SOCK-17
#[test]
fn poll_tells_when_there_is_something() {
    alone(|| {
        let listener = SeqPacketListener::bind(&LocalAddress::UNNAMED).unwrap();
        let ready = |fd: &dyn Fn() -> PollFlags| fd();
        let of = |descriptor: std::os::fd::BorrowedFd<'_>| {
            let mut polled = [PollFd::from_borrowed_fd(descriptor, PollFlags::IN | PollFlags::OUT)];
            poll(&mut polled, Some(&Default::default())).unwrap();
            polled[0].revents()
        };
        assert_eq!(ready(&|| of(listener.as_fd())), PollFlags::empty());
        let client = LocalSeqPacket::connect(&listener.local_address().unwrap()).unwrap();
        assert_eq!(of(listener.as_fd()), PollFlags::IN);
        let server = listener.accept().unwrap();
        assert_eq!(of(server.as_fd()), PollFlags::OUT);
        client.send("x").unwrap();
        assert_eq!(of(server.as_fd()), PollFlags::IN | PollFlags::OUT);
        drop(client);
        assert!(of(server.as_fd()).contains(PollFlags::HUP | PollFlags::IN));
    });
}

/// R-SOCK-02, R-SOCK-17: an echo server on mio, that serves several clients with one thread.
#[test]
fn mio_drives_a_server() {
    alone(|| {
        let listener = StreamListener::bind(&LocalAddress::UNNAMED).unwrap();
        let address = listener.local_address().unwrap();
        let clients = aside(move || {
            let clients: Vec<_> = (0..8).map(|_| LocalStream::connect(&address).unwrap()).collect();
            for round in 0..10_u8 {
                for client in &clients {
                    client.send(&[round; 100]).unwrap();
                }
                for client in &clients {
                    let mut bytes = [0; 100];
                    std::io::Read::read_exact(&mut { client }, &mut bytes).unwrap();
                    assert_eq!(bytes, [round; 100]);
                }
            }
        });
        let mut mio = Poll::new().unwrap();
        let register = |fd: i32, token| mio.registry().register(&mut SourceFd(&fd), Token(token), Interest::READABLE);
        register(listener.as_raw_fd(), usize::MAX).unwrap();
        let mut sockets: Vec<Option<LocalStream>> = Vec::new();
        let mut events = Events::with_capacity(16);
        while sockets.len() < 8 || sockets.iter().any(Option::is_some) {
            mio.poll(&mut events, None).unwrap();
            for event in &events {
                let Token(token) = event.token();
                if token == usize::MAX {
                    while let Ok(socket) = listener.try_accept() {
                        let register = mio.registry();
                        let (fd, token) = (socket.as_raw_fd(), Token(sockets.len()));
                        register.register(&mut SourceFd(&fd), token, Interest::READABLE).unwrap();
                        sockets.push(Some(socket));
                    }
                } else {
                    serve(&mut sockets[token]);
                }
            }
        }
        clients.join().unwrap();
    });
}

/// Echoes until there is nothing more; forgets the socket at its end.
fn serve(slot: &mut Option<LocalStream>) {
    let mut bytes = [0; 64];
    while let Some(socket) = slot {
        match socket.try_receive(&mut bytes) {
            Ok(0) => *slot = None,
            Ok(len) => assert_eq!(socket.send(&bytes[..len]).unwrap(), len),
            Err(error) if error.is_would_block() => return,
            Err(error) => panic!("{error}"),
        }
    }
}

fn watched<S: AsRawFd>(socket: S) -> AsyncFd<S> {
    // SAFETY: the sockets of this crate own one descriptor, which stays the same and open for as long as they live.
    unsafe { AsyncFd::register(socket) }.expect("watched")
}

/// Waits in tokio, and makes a call that does not.
async fn when_ready<T, S: AsRawFd>(
    socket: &AsyncFd<S>,
    interest: TokioInterest,
    mut call: impl FnMut(&S) -> ipc_safe::Result<T>,
) -> std::io::Result<T> {
    socket.async_io(interest, |socket| call(socket).map_err(std::io::Error::from)).await
}

/// R-SOCK-02, R-SOCK-16, R-SOCK-21
#[test]
fn tokio_waits_for_messages_with_descriptors() {
    // tokio keeps descriptors of its own for good.
    alone(|| fork(tokio_in_a_process).succeed());
}

fn tokio_in_a_process() -> i32 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    runtime.block_on(async {
        let listener = watched(SeqPacketListener::bind(&LocalAddress::UNNAMED).unwrap().keep());
        let address = listener.get_ref().local_address().unwrap();
        let client = watched(LocalSeqPacket::connect(&address).unwrap());
        let server = when_ready(&listener, TokioInterest::READABLE, |listener| listener.try_accept()).await.unwrap();
        let server = watched(server);
        let receiver = async {
            let mut count = 0;
            loop {
                let mut bytes = [0; 4096];
                let mut message = Incoming::new(&mut bytes).descriptors(1);
                let received = when_ready(&server, TokioInterest::READABLE, |server: &LocalSocket<SeqPacket>| {
                    server.try_receive_message(&mut message)
                });
                match received.await.unwrap() {
                    received if received.len == 0 => return count,
                    received => count += received.descriptors.len(),
                }
            }
        };
        let sender = async {
            let file = std::fs::File::open("/dev/null").unwrap();
            let fds = [file.as_fd()];
            for _ in 0..500 {
                let message = Outgoing::new(&[7; 4096]).descriptors(&fds);
                let send = |client: &LocalSeqPacket| client.try_send(message);
                when_ready(&client, TokioInterest::WRITABLE, send).await.unwrap();
            }
            drop(client);
        };
        let ((), count) = both(sender, receiver).await;
        assert_eq!(count, 500);
    });
    0
}

/// Runs two futures to their ends.
async fn both<A, B>(one: impl Future<Output = A>, other: impl Future<Output = B>) -> (A, B) {
    let (mut one, mut other) = (Box::pin(one), Box::pin(other));
    let (mut first, mut second) = (None, None);
    std::future::poll_fn(move |context| {
        if first.is_none() {
            first = ready(one.as_mut().poll(context));
        }
        if second.is_none() {
            second = ready(other.as_mut().poll(context));
        }
        match (first.take(), second.take()) {
            (Some(a), Some(b)) => std::task::Poll::Ready((a, b)),
            (a, b) => {
                (first, second) = (a, b);
                std::task::Poll::Pending
            }
        }
    })
    .await
}

fn ready<T>(poll: std::task::Poll<T>) -> Option<T> {
    match poll {
        std::task::Poll::Ready(value) => Some(value),
        std::task::Poll::Pending => None,
    }
}

/// The error of a call that would wait is what event loops expect.
#[test]
fn errors_are_those_of_event_loops() {
    alone(|| {
        let (one, other) = pair::<Stream>();
        let error = std::io::Error::from(one.try_receive(&mut [0]).unwrap_err());
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        drop(other);
        let error = std::io::Error::from(one.send("x").unwrap_err());
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        let (client, server) = connection::<Stream>();
        client.send("x").unwrap();
        drop(server);
        let error = std::io::Error::from(client.receive(&mut [0]).unwrap_err());
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
}
