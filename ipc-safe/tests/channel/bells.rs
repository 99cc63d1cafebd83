//! Descriptors to wait on: poll, mio and tokio; and no call into the kernel for who does not wait.

use crate::support::{fork, watchdog};
use ipc_safe::channel::{Bells, Channel, Messages, Receiver, Sender, Values};
use ipc_safe::error::ErrorKind;
use ipc_safe::memory::SharedMemory;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::os::fd::{AsRawFd, OwnedFd};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

type Ends = (Sender<SharedMemory>, Receiver<SharedMemory>);

fn pair(capacity: usize) -> Ends {
    let bells = Bells::new().unwrap();
    let (memfd, channel) = Channel::<_, Messages>::memfd(capacity).unwrap();
    let sender = channel.with_bells(bells.try_clone().unwrap()).sender().unwrap();
    (sender, Channel::<_, Messages>::from_memfd(&memfd).unwrap().with_bells(bells).receiver().unwrap())
}

fn is_readable(bell: rustix::fd::BorrowedFd<'_>) -> bool {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut [PollFd::from_borrowed_fd(bell, PollFlags::IN)], Some(&now)).unwrap() == 1
}

/// The bell rings once for each time that it was asked to, and never unasked.
#[test]
fn a_bell_rings_when_it_was_asked_to() {
    let (mut sender, mut receiver) = pair(64);
    let mut message = Vec::new();
    sender.send(b"unasked").unwrap();
    assert!(!is_readable(receiver.bell().unwrap()));
    assert!(!receiver.arm().unwrap(), "there is something already");
    receiver.receive(&mut message).unwrap();
    for _ in 0..3 {
        assert!(receiver.arm().unwrap());
        assert!(!is_readable(receiver.bell().unwrap()));
        sender.send(b"asked").unwrap();
        assert!(is_readable(receiver.bell().unwrap()));
        receiver.receive(&mut message).unwrap();
    }
    while sender.try_send(b"full").is_ok() {}
    assert!(sender.arm(4).unwrap());
    assert!(!is_readable(sender.bell().unwrap()));
    receiver.receive(&mut message).unwrap();
    receiver.receive(&mut message).unwrap();
    assert!(is_readable(sender.bell().unwrap()));
    sender.try_send(b"more").unwrap();
    // Going rings, too.
    while receiver.try_receive(&mut message).is_ok() {}
    assert!(receiver.arm().unwrap());
    drop(sender);
    assert!(is_readable(receiver.bell().unwrap()));
    assert!(!receiver.arm().unwrap());
    assert_eq!(receiver.try_receive(&mut message).unwrap_err().kind(), ErrorKind::Closed);
}

/// The same with values.
#[test]
fn a_bell_rings_for_values_and_for_their_room() {
    let bells = Bells::new().unwrap();
    let (memfd, channel) = Channel::<_, Values<u64>>::memfd(2).unwrap();
    let mut sender = channel.with_bells(bells.try_clone().unwrap()).sender().unwrap();
    let mut receiver = Channel::<_, Values<u64>>::from_memfd(&memfd).unwrap().with_bells(bells).receiver().unwrap();
    assert!(!sender.arm().unwrap(), "there is room already");
    assert!(receiver.arm().unwrap());
    sender.send(&1).unwrap();
    assert!(is_readable(receiver.bell().unwrap()));
    sender.send(&2).unwrap();
    assert!(!receiver.arm().unwrap(), "there is something already");
    assert!(sender.arm().unwrap());
    assert!(!is_readable(sender.bell().unwrap()));
    assert_eq!(receiver.drain().unwrap().collect::<Vec<_>>(), [1, 2]);
    assert!(is_readable(sender.bell().unwrap()));
    sender.try_send(&3).unwrap();
}

/// A channel without them says so.
#[test]
fn without_bells_there_is_nothing_to_arm() {
    let (mut sender, mut receiver) = ipc_safe::channel::pair(64).unwrap();
    assert!(sender.bell().is_none() && receiver.bell().is_none());
    assert_eq!(receiver.arm().unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(sender.arm(1).unwrap_err().to_string(), "arm: the channel was opened without bells");
}

/// A receiver in mio's loop, and a sender in another process.
#[test]
fn mio_waits_for_messages() {
    let _watchdog = watchdog();
    const COUNT: u32 = 20_000;
    let bells = Bells::new().unwrap();
    let (memfd, channel) = Channel::<_, Messages>::memfd(256).unwrap();
    let child = fork(|| {
        let channel = Channel::<_, Messages>::from_memfd(&memfd).unwrap().with_bells(bells.try_clone().unwrap());
        let mut sender = channel.sender().unwrap();
        for number in 0..COUNT {
            sender.send(&number.to_le_bytes()).unwrap();
        }
        0
    });
    let mut receiver = channel.with_bells(bells).receiver().unwrap();
    let mut loop_ = mio::Poll::new().unwrap();
    let bell = receiver.bell().unwrap().as_raw_fd();
    loop_.registry().register(&mut mio::unix::SourceFd(&bell), mio::Token(7), mio::Interest::READABLE).unwrap();
    let mut events = mio::Events::with_capacity(4);
    let (mut expected, mut message) = (0, Vec::new());
    while expected < COUNT {
        match receiver.try_receive(&mut message) {
            Ok(()) => {
                assert_eq!(message, expected.to_le_bytes());
                expected += 1;
            }
            Err(error) if error.is_would_block() => {
                if receiver.arm().unwrap() {
                    match loop_.poll(&mut events, None) {
                        Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                        polled => polled.unwrap(),
                    }
                    assert!(events.iter().all(|event| event.token() == mio::Token(7)));
                }
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    child.succeed();
}

/// Both ends in tasks of tokio, with a ring that is full and empty all the time.
#[test]
fn tokio_waits_for_messages_and_room() {
    const COUNT: u32 = 5_000;
    let _watchdog = watchdog();
    let (mut sender, mut receiver) = pair(64);
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    fn bell(bell: Option<rustix::fd::BorrowedFd<'_>>) -> AsyncFd<OwnedFd> {
        let fd = bell.unwrap().try_clone_to_owned().unwrap();
        // SAFETY: the descriptor is open, and the same, until it is dropped, which the `AsyncFd` does.
        unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }.unwrap()
    }
    let sending = std::thread::spawn(move || {
        runtime().block_on(async {
            let bell = bell(sender.bell());
            for number in 0..COUNT {
                while let Err(error) = sender.try_send(&number.to_le_bytes()) {
                    assert!(error.is_would_block(), "{error:?}");
                    if sender.arm(4).unwrap() {
                        bell.readable().await.unwrap().clear_ready();
                    }
                }
            }
        });
    });
    let received = runtime().block_on(async {
        let bell = bell(receiver.bell());
        let (mut expected, mut message) = (0, Vec::new());
        loop {
            match receiver.try_receive(&mut message) {
                Ok(()) => {
                    assert_eq!(message, u32::to_le_bytes(expected));
                    expected += 1;
                }
                Err(error) if error.is_would_block() => {
                    if receiver.arm().unwrap() {
                        bell.readable().await.unwrap().clear_ready();
                    }
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Closed);
                    break expected;
                }
            }
        }
    });
    sending.join().unwrap();
    assert_eq!(received, COUNT);
}
