//! Who has an end: claims, taking over, forks, and how the two sides find each other.

use crate::support::{fork, watchdog};
use ipc_safe::channel::{self, Bells, Channel, Messages, Offer, Values};
use ipc_safe::error::ErrorKind;
use ipc_safe::memory::{FixedMemfd, SharedMemory};
use ipc_safe::socket::{Credentials, LocalAddress, SeqPacketListener};
use ipc_safe::sysv::{Key, Segment};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, Stdio};
use std::time::Duration;

const SHORT: Duration = Duration::from_millis(5);

fn open(memfd: &FixedMemfd) -> Channel<SharedMemory> {
    Channel::from_memfd(memfd).unwrap()
}

/// While somebody who lives has an end, nobody else gets it; the channel comes back, and its other end may be had.
#[test]
fn an_end_has_one_holder() {
    let (memfd, channel) = Channel::<_, Messages>::memfd(4096).unwrap();
    let sender = channel.sender().unwrap();
    let rejected = open(&memfd).sender().unwrap_err();
    assert_eq!(rejected.error().kind(), ErrorKind::AlreadyExists);
    let text = format!("Channel::sender: process {} has the sending end", std::process::id());
    assert_eq!(rejected.to_string(), text);
    let receiver = rejected.into_inner().receiver().unwrap();
    assert_eq!(sender.peer(), Some(ipc_safe::process::getpid()));
    // In another process too.
    fork(|| i32::from(open(&memfd).receiver().unwrap_err().error().kind() != ErrorKind::AlreadyExists)).succeed();
    drop(receiver);
    assert_eq!(sender.peer(), None);
    assert!(open(&memfd).receiver().is_ok());
}

/// Who cannot find out when it started, for want of a descriptor, takes no end: it would pass for any later process with its id.
#[test]
fn no_end_is_taken_without_a_descriptor() {
    let (memfd, channel) = Channel::<_, Messages>::memfd(4096).unwrap();
    fork(|| {
        let limit = |descriptors| {
            let limit = libc::rlimit { rlim_cur: descriptors, rlim_max: 64 };
            // SAFETY: a limit of the child.
            assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
        };
        limit(0);
        let rejected = channel.sender().unwrap_err();
        assert_eq!(rejected.error().kind(), ErrorKind::LimitReached, "{rejected}");
        let rejected = rejected.into_inner().receiver().unwrap_err();
        limit(64);
        let _receiver = rejected.into_inner().receiver().unwrap();
        let _sender = open(&memfd).sender().unwrap();
        0
    })
    .succeed();
}

/// When an end is dropped, the other side learns of it, after what was sent; a new holder makes it go on.
#[test]
fn the_end_of_the_stream_comes_after_what_was_sent() {
    let (memfd, channel) = Channel::<_, Messages>::memfd(4096).unwrap();
    let mut sender = channel.sender().unwrap();
    let mut receiver = open(&memfd).receiver().unwrap();
    sender.send(b"last").unwrap();
    drop(sender);
    let mut message = Vec::new();
    receiver.receive(&mut message).unwrap();
    assert_eq!(message, b"last");
    for error in [receiver.receive(&mut message), receiver.try_receive(&mut message), receiver.peek().map(drop)] {
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Closed);
    }
    assert_eq!(message, b"last", "left as it was");
    let mut next = open(&memfd).sender().unwrap();
    next.send(b"first again").unwrap();
    receiver.receive(&mut message).unwrap();
    assert_eq!(message, b"first again");
    drop(receiver);
    let error = next.send(b"nobody").unwrap_err();
    assert_eq!((error.kind(), error.to_string()), (ErrorKind::Closed, "send: the other end is closed".into()));
}

/// Before there is a receiver, messages can be sent, and wait for one.
#[test]
fn a_sender_may_come_first() {
    let (memfd, channel) = Channel::<_, Values<u32>>::memfd(4).unwrap();
    let mut sender = channel.sender().unwrap();
    assert_eq!(sender.send_many(&[1, 2, 3, 4, 5]).unwrap(), 4);
    let mut receiver = Channel::<_, Values<u32>>::from_memfd(&memfd).unwrap().receiver().unwrap();
    assert_eq!(receiver.drain().unwrap().collect::<Vec<_>>(), [1, 2, 3, 4]);
}

/// In a forked child the parent's ends refuse everything and undo nothing, guards included.
#[test]
fn a_forked_child_has_no_ends() {
    let _watchdog = watchdog();
    let (sender, receiver) = channel::pair(4096).unwrap();
    // The child takes its copies out, and drops them.
    let (mut sender, mut receiver) = (Some(sender), Some(receiver));
    sender.as_mut().unwrap().send(b"one").unwrap();
    fork(|| {
        let (mut sender, mut receiver) = (sender.take().unwrap(), receiver.take().unwrap());
        assert_eq!(sender.send(b"no").unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(receiver.receive(&mut Vec::new()).unwrap_err().kind(), ErrorKind::InvalidInput);
        drop((sender, receiver));
        0
    })
    .succeed();
    let (mut sender, mut receiver) = (sender.unwrap(), receiver.unwrap());
    assert!(sender.peer().is_some() && receiver.peer().is_some(), "the child gave nothing back");
    let (room, peeked) = (sender.reserve(3).unwrap(), receiver.peek().unwrap());
    let child = fork(|| {
        room.commit();
        peeked.release();
        0
    });
    child.succeed();
    assert!(sender.peer().is_some() && receiver.peer().is_some());
    let mut message = Vec::new();
    receiver.receive(&mut message).unwrap();
    assert_eq!(message, b"one", "the child released nothing");
    assert!(receiver.try_receive(&mut message).unwrap_err().is_would_block(), "the child sent nothing");
    sender.send(b"two").unwrap();
    receiver.receive(&mut message).unwrap();
    assert_eq!(message, b"two");
}

/// Parent and child over anonymous memory: each takes its end after the fork.
#[test]
fn parent_and_child_share_anonymous_memory() {
    let _watchdog = watchdog();
    // Each process has its own copy of these, and takes from it.
    let mut there = Some(Channel::<_, Messages>::anonymous(256).unwrap());
    let mut back = Some(Channel::<_, Messages>::anonymous(256).unwrap());
    let child = fork(|| {
        let mut requests = there.take().unwrap().receiver().unwrap();
        let mut replies = back.take().unwrap().sender().unwrap();
        let mut message = Vec::new();
        while requests.receive(&mut message).is_ok() {
            message.reverse();
            replies.send(&message).unwrap();
        }
        0
    });
    let mut requests = there.unwrap().sender().unwrap();
    let mut replies = back.unwrap().receiver().unwrap();
    let mut reply = Vec::new();
    for number in 0..1000 {
        let request = format!("request {number}");
        requests.send(request.as_bytes()).unwrap();
        replies.receive(&mut reply).unwrap();
        assert!(reply.iter().rev().eq(request.as_bytes()));
    }
    drop(requests);
    assert_eq!(replies.receive(&mut reply).unwrap_err().kind(), ErrorKind::Closed);
    child.succeed();
}

/// A process that was started with the descriptor, and knows nothing else.
#[test]
fn an_unrelated_process_opens_the_descriptor() {
    const CHILD: &str = "IPC_SAFE_TEST_CHANNEL_CHILD";
    let _watchdog = watchdog();
    if std::env::var_os(CHILD).is_some() {
        // The memfd is its standard input.
        let memfd = FixedMemfd::try_from(std::io::stdin().as_fd().try_clone_to_owned().unwrap()).unwrap();
        let mut sender = open(&memfd).sender().unwrap();
        for number in 0..10_000_u32 {
            sender.send(format!("number {number}").as_bytes()).unwrap();
        }
        return;
    }
    let (memfd, channel) = Channel::<_, Messages>::memfd(1024).unwrap();
    let mut receiver = channel.receiver().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "ends::an_unrelated_process_opens_the_descriptor", "--nocapture"])
        .env(CHILD, "1")
        .stdin(Stdio::from(OwnedFd::from(memfd)))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut message = Vec::new();
    for number in 0..10_000_u32 {
        receiver.receive(&mut message).unwrap();
        assert_eq!(message, format!("number {number}").as_bytes());
    }
    assert_eq!(receiver.receive(&mut message).unwrap_err().kind(), ErrorKind::Closed);
    assert!(child.wait().unwrap().success());
}

/// By key: whoever knows it finds the channel, once it is made.
#[test]
fn a_key_finds_the_channel() {
    let key = Key::new(0x6368_0000 | (std::process::id() & 0xffff).cast_signed());
    assert_eq!(Channel::<_, Messages>::from_key(key, SHORT).unwrap_err().kind(), ErrorKind::NotFound);
    let (segment, channel) = Channel::<_, Messages>::keyed(key, 4096).unwrap();
    assert_eq!(Channel::<_, Messages>::keyed(key, 4096).unwrap_err().kind(), ErrorKind::AlreadyExists);
    let mut sender = Channel::<_, Messages>::from_key(key, SHORT).unwrap().sender().unwrap();
    let mut receiver = channel.receiver().unwrap();
    sender.send(b"by key").unwrap();
    assert_eq!(receiver.peek().unwrap().bytes().to_vec(), b"by key");
    segment.remove().unwrap();
}

/// By name, a path or an abstract one: who connects is handed the memory and the bells, if it is welcome.
#[test]
fn a_name_finds_the_channel() {
    let _watchdog = watchdog();
    let folder = tempfile::tempdir().unwrap();
    let path = LocalAddress::path(folder.path().join("channel")).unwrap();
    let name = LocalAddress::abstract_name(format!("ipc-safe-test-{}", std::process::id())).unwrap();
    for (address, bells) in [(path, false), (name, true)] {
        let long = Duration::from_secs(20);
        let nobody = Channel::<_, Messages>::connect(&address, SHORT).unwrap_err();
        assert!(matches!(nobody.kind(), ErrorKind::NotFound | ErrorKind::Refused), "{nobody:?}");
        let (memfd, channel) = Channel::<_, Messages>::memfd(4096).unwrap();
        let mut offer = Offer::new(&address, memfd).unwrap();
        if bells {
            offer = offer.with_bells(Bells::new().unwrap());
        }
        let child = fork(|| {
            let error = Channel::<_, Messages>::connect(&address, long).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Closed, "{error:?}");
            let mut sender = Channel::<_, Messages>::connect(&address, long).unwrap().sender().unwrap();
            assert_eq!(sender.bell().is_some(), bells);
            sender.send(b"found").unwrap();
            0
        });
        let is_child = |who: &Credentials| who.pid.is_some_and(|pid| pid.as_raw_nonzero().get() == child.pid());
        assert!(!offer.hand_over(|who| !is_child(who)).unwrap());
        assert!(offer.hand_over_timeout(long, is_child).unwrap());
        assert!(offer.try_hand_over(|_| true).unwrap_err().is_would_block());
        let mut receiver = channel.receiver().unwrap();
        assert_eq!(receiver.peek().unwrap().bytes().to_vec(), b"found");
        child.succeed();
        assert_eq!(offer.path().is_some(), !bells);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    // Somebody else listens there.
    let address = LocalAddress::path(folder.path().join("other")).unwrap();
    let listener = SeqPacketListener::bind(&address).unwrap();
    let other = std::thread::spawn(move || listener.accept().unwrap().send("who are you?").map(drop));
    let error = Channel::<_, Messages>::connect(&address, Duration::from_secs(20)).unwrap_err();
    assert_eq!(error.to_string(), "Channel::connect: what is at that address offers no channel");
    other.join().unwrap().unwrap();
}

/// What is not a channel, or not this one, is refused in words, and handed back.
#[test]
fn a_stranger_is_refused() {
    let memory = || SharedMemory::new(4096 + 1792).unwrap();
    let rejected = Channel::<_, Messages>::open(memory(), SHORT).unwrap_err();
    assert_eq!(rejected.error().kind(), ErrorKind::NotInitialised);
    let values = Channel::<_, Values<u64>>::create(memory()).unwrap().into_region();
    let rejected = Channel::<_, Messages>::open(values, SHORT).unwrap_err();
    assert_eq!(rejected.to_string(), "Channel::open: the channel there is for values of 8 bytes, not for messages");
    let rejected = Channel::<_, Values<u32>>::open(rejected.into_inner(), SHORT).unwrap_err();
    let text = "Channel::open: the channel there is for values of 8 bytes, not for values of 4 bytes";
    assert_eq!(rejected.to_string(), text);
    let segment = Segment::private(8192 + 1792).unwrap();
    let channel = Channel::<_, Messages>::create(segment.attach().unwrap()).unwrap().into_region();
    channel.bytes().store(64, &4096_u32).unwrap();
    let rejected = Channel::<_, Messages>::open(channel, SHORT).unwrap_err();
    assert_eq!(rejected.to_string(), "Channel::open: its ring has 4096, that of this region 8192");
    // The namespace: another one, as a process in another container would find it.
    let channel = rejected.into_inner();
    channel.bytes().store(64, &8192_u32).unwrap();
    channel.bytes().store(80, &1_u64).unwrap();
    assert_eq!(Channel::<_, Messages>::open(channel, SHORT).unwrap_err().error().kind(), ErrorKind::Unsupported);
}

/// Ends go to other threads.
#[test]
fn ends_may_move_between_threads() {
    let (mut sender, mut receiver) = channel::typed_pair::<u64>(8).unwrap();
    let sending = std::thread::spawn(move || (0..100_000).for_each(|number| sender.send(&number).unwrap()));
    let mut expected = 0;
    while let Ok(values) = receiver.drain() {
        for value in values {
            assert_eq!(value, expected);
            expected += 1;
        }
    }
    sending.join().unwrap();
    assert_eq!(expected, 100_000);
}
