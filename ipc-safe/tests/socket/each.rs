//! Each type that has a descriptor, in the hands of poll, mio and tokio.

use crate::alone::alone;
use crate::support::fork;
use crate::tools::{aside, pair};
use ipc_safe::socket::{
    Datagram, FramedStream, Kind, LocalAddress, LocalDatagram, LocalSeqPacket, LocalStream, Outgoing, SeqPacket,
    SeqPacketListener, Stream, StreamListener,
};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;
use tokio::io::Interest as TokioInterest;
use tokio::io::unix::AsyncFd;

/// One who waits for readiness, and finds none before something is there.
trait Loop {
    fn wait<T: AsFd + AsRawFd>(&self, watched: T, make_ready: impl FnOnce() + Send + 'static) -> T;
}

struct ByPoll;
struct ByMio;
struct ByTokio;

impl Loop for ByPoll {
    fn wait<T: AsFd + AsRawFd>(&self, watched: T, make_ready: impl FnOnce() + Send + 'static) -> T {
        let mut polled = [PollFd::new(&watched, PollFlags::IN)];
        assert_eq!(poll(&mut polled, Some(&Timespec::default())).unwrap(), 0);
        let other = aside(make_ready);
        assert_eq!(poll(&mut polled, None).unwrap(), 1);
        assert!(polled[0].revents().contains(PollFlags::IN));
        other.join().unwrap();
        watched
    }
}

impl Loop for ByMio {
    fn wait<T: AsFd + AsRawFd>(&self, watched: T, make_ready: impl FnOnce() + Send + 'static) -> T {
        let (mut mio, mut events) = (Poll::new().unwrap(), Events::with_capacity(4));
        let number = watched.as_raw_fd();
        mio.registry().register(&mut SourceFd(&number), Token(7), Interest::READABLE).unwrap();
        mio.poll(&mut events, Some(Duration::ZERO)).unwrap();
        assert!(events.is_empty());
        let other = aside(make_ready);
        mio.poll(&mut events, None).unwrap();
        assert!(events.iter().any(|event| event.token() == Token(7) && event.is_readable()));
        other.join().unwrap();
        watched
    }
}

impl Loop for ByTokio {
    fn wait<T: AsFd + AsRawFd>(&self, watched: T, make_ready: impl FnOnce() + Send + 'static) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        runtime.block_on(async {
            // SAFETY: the types own one descriptor, which stays the same and open for as long as they live.
            let watched = unsafe { AsyncFd::register_with_interest(watched, TokioInterest::READABLE) }.unwrap();
            let other = aside(make_ready);
            assert!(watched.readable().await.unwrap().ready().is_readable());
            other.join().unwrap();
            watched.into_inner()
        })
    }
}

fn each_type(by: &impl Loop) {
    fn connected<K: Kind>(by: &impl Loop) {
        let (one, other) = pair::<K>();
        let other = by.wait(other, move || drop(one.send("x").map(|_| one).unwrap()));
        assert_eq!(other.try_receive(&mut [0; 2]).unwrap(), 1);
    }
    connected::<Stream>(by);
    connected::<SeqPacket>(by);
    connected::<Datagram>(by);

    // Listeners, with the guard of their name and without, and the descriptor that is left of one.
    let listener = StreamListener::bind(&LocalAddress::UNNAMED).unwrap();
    let address = listener.local_address().unwrap();
    let listener = by.wait(listener, move || drop(LocalStream::connect(&address).unwrap()));
    listener.try_accept().unwrap();
    let listener = by.wait(listener.keep(), move || drop(LocalStream::connect(&address).unwrap()));
    listener.try_accept().unwrap();
    by.wait(OwnedFd::from(listener), move || drop(LocalStream::connect(&address).unwrap()));
    let listener = SeqPacketListener::bind(&LocalAddress::UNNAMED).unwrap();
    let address = listener.local_address().unwrap();
    let listener = by.wait(listener, move || drop(LocalSeqPacket::connect(&address).unwrap()));
    listener.try_accept().unwrap();

    let bound = LocalDatagram::bind(&LocalAddress::UNNAMED).unwrap();
    let address = bound.local_address().unwrap();
    let send = move || assert_eq!(LocalDatagram::unbound().unwrap().send(Outgoing::new(b"x").to(&address)).unwrap(), 1);
    assert_eq!(by.wait(bound, send).try_receive(&mut [0; 2]).unwrap(), 1);

    let (one, other) = pair::<Stream>();
    let mut one = FramedStream::new(one);
    let mut other = by.wait(FramedStream::new(other), move || one.send(b"frame", &[]).unwrap());
    assert_eq!(other.try_receive().unwrap().unwrap().bytes, b"frame");
}

/// R-SOCK-02, R-SOCK-16, R-SOCK-17
#[test]
fn poll_waits_for_each_type() {
    alone(|| each_type(&ByPoll));
}

/// R-SOCK-02, R-SOCK-16, R-SOCK-17
#[test]
fn mio_waits_for_each_type() {
    alone(|| each_type(&ByMio));
}

/// R-SOCK-02, R-SOCK-16, R-SOCK-17
#[test]
fn tokio_waits_for_each_type() {
    // It keeps descriptors for the lifetime of the process.
    alone(|| {
        fork(|| {
            each_type(&ByTokio);
            0
        })
        .succeed();
    });
}
