//! Ends in the hands of others: poll, mio, tokio.

use crate::alone::alone;
use crate::support::fork;
use crate::tools::{both_kinds, drain};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rustix::event::{PollFd, PollFlags, poll};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use tokio::io::Interest as TokioInterest;
use tokio::io::unix::AsyncFd;

/// R-PIPE-11
#[test]
fn poll_waits_for_several_ends() {
    alone(|| {
        let [(first, _first_writer), (second, second_writer)] = both_kinds();
        std::thread::scope(|scope| {
            scope.spawn(|| second_writer.write_atomic("x").unwrap());
            let mut ends = [PollFd::new(&first, PollFlags::IN), PollFd::new(&second, PollFlags::IN)];
            assert_eq!(poll(&mut ends, None).unwrap(), 1);
            assert_eq!((ends[0].revents(), ends[1].revents()), (PollFlags::empty(), PollFlags::IN));
        });
    });
}

/// R-PIPE-11
#[test]
fn mio_tells_when_ends_are_ready() {
    alone(|| {
        for (mut reader, mut writer) in both_kinds() {
            reader.set_nonblocking(true).unwrap();
            writer.set_nonblocking(true).unwrap();
            let mut poll = Poll::new().unwrap();
            let mut events = Events::with_capacity(8);
            let (reading, writing) = (reader.as_raw_fd(), writer.as_raw_fd());
            poll.registry().register(&mut SourceFd(&reading), Token(1), Interest::READABLE).unwrap();
            poll.registry().register(&mut SourceFd(&writing), Token(2), Interest::WRITABLE).unwrap();
            // Until it is full; then the other end has something.
            let mut sent = 0;
            let mut received = 0;
            while received < 300_000 {
                poll.poll(&mut events, None).unwrap();
                for event in &events {
                    if event.token() == Token(2) {
                        while sent < 300_000 {
                            match writer.write(&vec![1; 300_000 - sent]) {
                                Ok(len) => sent += len,
                                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                                Err(error) => panic!("{error}"),
                            }
                        }
                    } else {
                        loop {
                            match reader.read(&mut [0; 10_000]) {
                                Ok(len) => received += len,
                                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                                Err(error) => panic!("{error}"),
                            }
                        }
                    }
                }
            }
            assert_eq!((sent, received), (300_000, 300_000));
        }
    });
}

/// R-PIPE-11
#[test]
fn tokio_waits_for_ends() {
    alone(|| {
        // It keeps descriptors for the lifetime of the process.
        fork(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
            runtime.block_on(async {
                for (reader, writer) in both_kinds() {
                    reader.set_nonblocking(true).unwrap();
                    writer.set_nonblocking(true).unwrap();
                    // SAFETY: each end keeps its descriptor open and the same until it is dropped, which the `AsyncFd` does.
                    let reader = unsafe { AsyncFd::register_with_interest(reader, TokioInterest::READABLE) }.unwrap();
                    // SAFETY: as above.
                    let writer = unsafe { AsyncFd::register_with_interest(writer, TokioInterest::WRITABLE) }.unwrap();
                    let sending = async {
                        let mut left = 300_000;
                        while left > 0 {
                            let bytes = vec![1; left];
                            left -=
                                writer.async_io(TokioInterest::WRITABLE, |mut end| end.write(&bytes)).await.unwrap();
                        }
                    };
                    let receiving = async {
                        let mut received = 0;
                        while received < 300_000 {
                            let mut bytes = [0; 10_000];
                            let read = reader.async_io(TokioInterest::READABLE, |mut end| end.read(&mut bytes)).await;
                            received += read.unwrap();
                        }
                    };
                    both(sending, receiving).await;
                    assert!(drain(reader.get_ref()).is_empty());
                }
            });
            0
        })
        .succeed();
    });
}

/// Runs two futures on this thread until both are done.
async fn both(first: impl Future<Output = ()>, second: impl Future<Output = ()>) {
    use std::task::Poll;
    let (mut first, mut second) = (Box::pin(first), Box::pin(second));
    let mut done = [false; 2];
    std::future::poll_fn(|context| {
        if !done[0] {
            done[0] = first.as_mut().poll(context).is_ready();
        }
        if !done[1] {
            done[1] = second.as_mut().poll(context).is_ready();
        }
        if done == [true; 2] { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
