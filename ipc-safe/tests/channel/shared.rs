//! Several senders who share a ring.

use crate::support::{fork, watchdog};
use ipc_safe::channel::{Channel, Messages, SharedMessages, SharedSender};
use ipc_safe::error::ErrorKind;
use ipc_safe::memory::{FixedMemfd, SharedMemory};
use std::time::Duration;

fn open(memfd: &FixedMemfd) -> Channel<SharedMemory, SharedMessages> {
    Channel::from_memfd(memfd).unwrap()
}

/// Who sends, and the how many'th it is; the length differs.
fn message(sender: u32, number: u32) -> Vec<u8> {
    let mut message = [sender.to_le_bytes(), number.to_le_bytes()].concat();
    message.extend((0..(sender * 7 + number) % 50).map(|i| (number + i) as u8));
    message
}

fn parts(bytes: &[u8]) -> (u32, u32) {
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    (word(0), word(4))
}

fn send_all(mut sender: SharedSender<SharedMemory>, me: u32, count: u32) {
    let mut number = 0;
    while number < count {
        match number % 4 {
            0 => {
                let some: Vec<_> = (number..count.min(number + 3)).map(|number| message(me, number)).collect();
                number += sender.send_many(&some).unwrap() as u32;
                continue;
            }
            1 => sender.send_timeout(&message(me, number), Duration::from_secs(60)).unwrap(),
            2 => match sender.try_send(&message(me, number)) {
                Ok(()) => {}
                Err(error) if error.is_would_block() => continue,
                Err(error) => panic!("{error:?}"),
            },
            _ => sender.send(&message(me, number)).unwrap(),
        }
        number += 1;
    }
}

/// Threads and processes send at once: every message arrives, whole, and each sender's in its order; then the stream ends.
#[test]
fn senders_do_not_disturb_each_other() {
    const COUNT: u32 = 3000;
    let _watchdog = watchdog();
    let (memfd, channel) = Channel::<_, SharedMessages>::memfd(512).unwrap();
    let mut receiver = channel.receiver().unwrap();
    // All have their seats before the first leaves.
    let threads: Vec<_> = (0..3).map(|me| (me, open(&memfd).sender().unwrap())).collect();
    let children: Vec<_> = (3..6)
        .map(|me| {
            fork(|| {
                send_all(open(&memfd).sender().unwrap(), me, COUNT);
                0
            })
        })
        .collect();
    let threads: Vec<_> = threads
        .into_iter()
        .map(|(me, sender)| std::thread::spawn(move || (send_all(sender, me, COUNT - 1), me)))
        .collect();
    let mut next = [0; 6];
    let mut got = Vec::new();
    while next[..3].iter().any(|&next| next < COUNT - 1) || next[3..].iter().any(|&next| next < COUNT) {
        receiver.receive(&mut got).unwrap();
        let (sender, number) = parts(&got);
        assert_eq!(number, next[sender as usize], "of {sender}");
        assert_eq!(got, message(sender, number));
        next[sender as usize] += 1;
    }
    for thread in threads {
        thread.join().unwrap();
    }
    for child in children {
        child.succeed();
    }
    assert_eq!(receiver.receive(&mut got).unwrap_err().kind(), ErrorKind::Closed);
}

/// Senders are killed at any moment, also with the lock held: the others go on, and nothing is torn, doubled or missing.
#[test]
fn a_killed_sender_does_not_stop_the_others() {
    let _watchdog = watchdog();
    let rounds: u32 = std::env::var("IPC_SAFE_KILLS").map_or(400, |rounds| rounds.parse().unwrap());
    let (memfd, channel) = Channel::<_, SharedMessages>::memfd(256).unwrap();
    let mut receiver = channel.receiver().unwrap();
    let stays = open(&memfd).sender().unwrap();
    let receiving = std::thread::spawn(move || {
        let mut next = vec![0; rounds as usize + 1];
        let mut got = Vec::new();
        while receiver.receive(&mut got).is_ok() {
            let (sender, number) = parts(&got);
            assert_eq!(number, next[sender as usize], "of {sender}");
            assert_eq!(got, message(sender, number));
            next[sender as usize] += 1;
        }
        next
    });
    for round in 1..=rounds {
        let child = fork(|| {
            send_all(open(&memfd).sender().unwrap(), round, u32::MAX);
            0
        });
        let moment = u64::from(round).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 44;
        std::thread::sleep(Duration::from_nanos(moment) + Duration::from_micros(300));
        drop(child);
    }
    send_all(stays, 0, 1000);
    let received = receiving.join().unwrap();
    assert_eq!(received[0], 1000, "who was not killed");
    assert!(received[1..].iter().any(|&count| count > 0));
}

/// When all have died, the receiver learns of it.
#[test]
fn the_death_of_the_last_sender_ends_the_stream() {
    let _watchdog = watchdog();
    let (memfd, channel) = Channel::<_, SharedMessages>::memfd(256).unwrap();
    let mut receiver = channel.receiver().unwrap();
    let (there, ready) = ipc_safe::pipe::pipe().unwrap();
    let children = [1, 2].map(|me: u32| {
        fork(|| {
            let mut sender = open(&memfd).sender().unwrap();
            sender.send(&message(me, 0)).unwrap();
            std::io::Write::write_all(&mut &ready, b"!").unwrap();
            loop {
                std::thread::park();
            }
        })
    });
    std::io::Read::read_exact(&mut &there, &mut [0; 2]).unwrap();
    let mut got = Vec::new();
    receiver.receive(&mut got).unwrap();
    receiver.receive(&mut got).unwrap();
    let [first, second] = children;
    drop(first);
    assert!(receiver.receive_timeout(&mut got, Duration::from_millis(150)).unwrap_err().is_timed_out());
    drop(second);
    assert_eq!(receiver.receive(&mut got).unwrap_err().kind(), ErrorKind::Closed);
    // A seat of the dead is taken again.
    let mut seats: Vec<_> = (0..128).map(|_| open(&memfd).sender().unwrap()).collect();
    let error = open(&memfd).sender().unwrap_err();
    assert_eq!(error.error().kind(), ErrorKind::LimitReached);
    seats[127].send(b"from the last seat").unwrap();
    receiver.receive(&mut got).unwrap();
    assert_eq!(got, b"from the last seat");
}

/// Who thinks that it is alone is refused, and the other way round.
#[test]
fn both_sides_must_mean_the_same() {
    let (memfd, _channel) = Channel::<_, SharedMessages>::memfd(256).unwrap();
    let error = Channel::<_, Messages>::from_memfd(&memfd).unwrap_err();
    assert_eq!(error.to_string(), "Channel::open: the channel there is for several senders, not for one");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

/// A sender without room holds the others up no longer than they want to wait.
#[test]
fn a_full_ring_times_out_for_everybody() {
    let _watchdog = watchdog();
    let (memfd, channel) = Channel::<_, SharedMessages>::memfd(64).unwrap();
    let mut receiver = channel.receiver().unwrap();
    let mut first = open(&memfd).sender().unwrap();
    let mut second = open(&memfd).sender().unwrap();
    while first.try_send(b"full").is_ok() {}
    let waiting = std::thread::spawn(move || first.send(b"patient").map(|()| first));
    while !second.try_send(b"").unwrap_err().is_would_block() {}
    assert!(second.send_timeout(b"", Duration::from_millis(20)).unwrap_err().is_timed_out());
    let mut got = Vec::new();
    while got != b"patient" {
        receiver.receive(&mut got).unwrap();
    }
    let mut first = waiting.join().unwrap().unwrap();
    drop(receiver);
    assert_eq!(first.send(b"nobody").unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(second.send(b"nobody").unwrap_err().kind(), ErrorKind::Closed);
}
