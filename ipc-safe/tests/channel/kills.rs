//! Sides that are killed at any moment: nothing torn, nothing twice, nothing lost.

use crate::support::{fork, watchdog};
use ipc_safe::channel::{Channel, Messages, Values};
use ipc_safe::error::ErrorKind;
use ipc_safe::memory::FixedMemfd;
use ipc_safe::shared::Shared;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// So many processes are killed in each test.
fn rounds() -> u64 {
    std::env::var("IPC_SAFE_KILLS").map_or(150, |rounds| rounds.parse().expect("a number"))
}

/// A time after which to kill, different in each round: from none to a millisecond or so.
fn moment(round: u64) -> Duration {
    Duration::from_nanos(round.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 44)
}

/// A message that says which one it is in every byte; its length goes through all of them.
fn message(number: u64) -> Vec<u8> {
    let mut message = number.to_le_bytes().to_vec();
    message.extend((0..number % 90).map(|i| (number.wrapping_mul(7) + i) as u8));
    message
}

fn number(message: &[u8]) -> u64 {
    u64::from_le_bytes(message[..8].try_into().unwrap())
}

fn open(memfd: &FixedMemfd) -> Channel<ipc_safe::memory::SharedMemory> {
    Channel::from_memfd(memfd).unwrap()
}

/// What a process that is killed leaves behind for the test: how far it got.
fn counter() -> Shared<AtomicU64, ipc_safe::memory::SharedMemory> {
    Shared::bare(ipc_safe::memory::SharedMemory::new(4096).unwrap()).unwrap()
}

/// Senders are killed one after the other; each goes on after the last message that arrived in the ring. The receiver gets every
/// message whole, in order, none twice, and every one that a sender was told it had sent.
#[test]
fn a_killed_sender_leaves_whole_messages() {
    let _watchdog = watchdog();
    let (memfd, channel) = Channel::<_, Messages>::memfd(512).unwrap();
    let mut receiver = channel.receiver().unwrap();
    let sent = counter();
    let mut expected = 0;
    let mut got = Vec::new();
    for round in 0..rounds() {
        let first = expected;
        let child = fork(|| {
            let mut sender = open(&memfd).sender().unwrap();
            for number in first.. {
                if number % 3 == 0 {
                    let bytes = message(number);
                    let room = sender.reserve(bytes.len()).unwrap();
                    room.bytes().write(0, &bytes).unwrap();
                    room.commit();
                } else {
                    sender.send(&message(number)).unwrap();
                }
                sent.store(number + 1, Ordering::Release);
            }
            0
        });
        let killer = std::thread::spawn(move || {
            std::thread::sleep(moment(round));
            drop(child);
        });
        loop {
            match receiver.receive(&mut got) {
                Ok(()) => {
                    assert_eq!(number(&got), expected);
                    assert_eq!(got, message(expected));
                    expected += 1;
                }
                Err(error) if error.kind() == ErrorKind::Closed => break,
                // Killed before it had the end: nobody is there to be missed.
                Err(error) => panic!("{error:?}"),
            }
            if killer.is_finished() && receiver.peer().is_none() {
                while receiver.try_receive(&mut got).is_ok() {
                    assert_eq!(got, message(expected));
                    expected += 1;
                }
                break;
            }
        }
        killer.join().unwrap();
        let reported = sent.load(Ordering::Acquire);
        assert!(expected >= reported, "{reported} were sent, {expected} received");
    }
    println!("{expected} messages by {} senders", rounds());
}

/// Receivers are killed one after the other. Each message goes to at least one; one that a receiver was done with goes to nobody
/// else; and those that one gets are in order.
#[test]
fn a_killed_receiver_loses_at_most_what_it_had() {
    let _watchdog = watchdog();
    let (memfd, channel) = Channel::<_, Messages>::memfd(512).unwrap();
    let mut sender = channel.sender().unwrap();
    let (had, done) = (counter(), counter());
    let mut next = 0;
    for round in 0..rounds() {
        let before = done.load(Ordering::Acquire);
        let child = fork(|| {
            let mut receiver = open(&memfd).receiver().unwrap();
            let mut first = true;
            loop {
                let peeked = receiver.peek().unwrap();
                let bytes = peeked.bytes().to_vec();
                let number = number(&bytes);
                assert_eq!(bytes, message(number));
                let expected = if first { before } else { done.load(Ordering::Relaxed) };
                // After a take-over, the one that the last holder had may be gone, when it was released and not counted.
                assert!(number == expected || first && number == expected + 1, "{number}, not {expected}");
                first = false;
                had.store(number + 1, Ordering::Release);
                peeked.release();
                done.store(number + 1, Ordering::Release);
            }
        });
        let until = std::time::Instant::now() + moment(round) + Duration::from_micros(200);
        while std::time::Instant::now() < until {
            match sender.try_send(&message(next)) {
                Ok(()) => next += 1,
                Err(error) => assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Closed), "{error:?}"),
            }
        }
        child.signal(libc::SIGKILL);
        let status = child.wait();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(libc::SIGKILL), "{status}");
    }
    // The last one gets all that is left.
    let mut receiver = open(&memfd).receiver().unwrap();
    let mut got = Vec::new();
    let mut expected = None;
    while receiver.try_receive(&mut got).is_ok() {
        let number = number(&got);
        let expected = expected.get_or_insert(number);
        assert!(number == *expected && got == message(number));
        *expected += 1;
    }
    let done = done.load(Ordering::Acquire);
    assert!(expected.is_none_or(|expected| expected == next), "{expected:?} of {next}");
    assert!(expected.is_some() || done + 1 >= next, "{done} of {next}");
    println!("{next} messages to {} receivers", rounds());
}

/// Values too, with both sides killed in turns while the other one works.
#[test]
fn values_are_whole_whoever_is_killed() {
    const WORDS: usize = 16;
    let _watchdog = watchdog();
    let (memfd, channel) = Channel::<_, Values<[u64; WORDS]>>::memfd(16).unwrap();
    drop(channel);
    let open = || Channel::<_, Values<[u64; WORDS]>>::from_memfd(&memfd).unwrap();
    let received = counter();
    let work = |sends: bool| {
        if sends {
            let mut sender = open().sender().unwrap();
            loop {
                // The number is the sender's own: each value only has to be of one piece.
                let number = received.load(Ordering::Relaxed);
                let _ = sender.send_timeout(&[number; WORDS], Duration::from_millis(1));
            }
        }
        let mut receiver = open().receiver().unwrap();
        loop {
            match receiver.receive_timeout(Duration::from_millis(1)) {
                Ok(value) => {
                    assert!(value.iter().all(|word| *word == value[0]), "{value:?}");
                    received.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => assert!(!matches!(error.kind(), ErrorKind::Corrupt), "{error:?}"),
            }
        }
    };
    let mut sides = [fork(|| work(true)), fork(|| work(false))];
    for round in 0..rounds() {
        std::thread::sleep(moment(round));
        let side = usize::from(round % 2 == 1);
        sides[side].signal(libc::SIGKILL);
        let sends = side == 0;
        let status = std::mem::replace(
            &mut sides[side],
            fork(|| {
                // Until the one that is killed is gone.
                loop {
                    let taken =
                        if sends { open().sender().map(drop).is_err() } else { open().receiver().map(drop).is_err() };
                    if !taken {
                        break;
                    }
                }
                work(sends)
            }),
        )
        .wait();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(libc::SIGKILL), "{status}");
    }
    assert!(received.load(Ordering::Relaxed) > 0);
}
