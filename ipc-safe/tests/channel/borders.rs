//! What goes in comes out, with its borders, wherever in the ring it lies.

use ipc_safe::channel::{self, Channel, Messages, Values};
use ipc_safe::error::ErrorKind;
use ipc_safe::memory::SharedMemory;
use ipc_safe::shared::zerocopy::{FromBytes, Immutable, IntoBytes};

/// Bytes that tell which message they belong to.
fn message(number: usize, len: usize) -> Vec<u8> {
    (0..len).map(|i| (number * 31 + i) as u8).collect()
}

/// Every length at every place of a small ring, by every way in and out.
#[test]
fn messages_keep_their_borders_at_every_offset() {
    let (mut sender, mut receiver) = channel::pair(128).unwrap();
    assert_eq!(sender.max_len(), 60);
    let mut number = 0;
    for start in (0..128).step_by(8) {
        for len in 0..=60 {
            let bytes = message(number, len);
            match number % 3 {
                0 => sender.try_send(&bytes).unwrap(),
                1 => {
                    let room = sender.try_reserve(len).unwrap();
                    assert_eq!(room.len(), len);
                    room.bytes().write(0, &bytes).unwrap();
                    room.commit();
                }
                _ => assert_eq!(sender.try_send_many(&[&bytes]).unwrap(), 1),
            }
            let mut got = vec![0xee; 60];
            match number / 3 % 4 {
                0 => receiver.try_receive(&mut got).unwrap(),
                1 => {
                    let len = receiver.try_receive_into(&mut got).unwrap();
                    got.truncate(len);
                }
                2 => {
                    let peeked = receiver.try_peek().unwrap();
                    got = peeked.bytes().to_vec();
                    peeked.release();
                }
                _ => {
                    let mut batch = receiver.try_batch().unwrap();
                    got = batch.next().unwrap().unwrap().to_vec();
                    assert!(batch.next().unwrap().is_none());
                }
            }
            assert_eq!(got, bytes, "length {len}, from {start}");
            number += 1;
        }
        // The next round begins eight bytes further.
        sender.try_send(b"1").unwrap();
        receiver.try_receive(&mut Vec::new()).unwrap();
    }
}

/// A ring that is full takes nothing, and takes again what was made room for.
#[test]
fn a_full_ring_takes_no_more() {
    let (mut sender, mut receiver) = channel::pair(64).unwrap();
    for round in 0..40 {
        for i in 0..4 {
            sender.try_send(&message(round + i, 12)).unwrap();
        }
        assert_eq!(sender.try_send(b"").unwrap_err().kind(), ErrorKind::WouldBlock);
        let mut got = Vec::new();
        receiver.try_receive(&mut got).unwrap();
        assert_eq!(got, message(round, 12));
        assert_eq!(sender.try_send_many(&[b"", b"", b""]).unwrap(), 2);
        for i in 1..4 {
            receiver.try_receive(&mut got).unwrap();
            assert_eq!(got, message(round + i, 12));
        }
        for _ in 0..2 {
            receiver.try_receive(&mut got).unwrap();
            assert!(got.is_empty());
        }
        assert_eq!(receiver.try_receive(&mut got).unwrap_err().kind(), ErrorKind::WouldBlock);
    }
}

/// A message of half the ring finds room in an empty one, wherever that stands; a longer one is refused at once, and says why.
#[test]
fn the_longest_message_always_fits() {
    let (mut sender, mut receiver) = channel::pair(64).unwrap();
    let longest = sender.max_len();
    for i in 0..8 {
        sender.try_send(&message(i, longest)).unwrap();
        let mut got = Vec::new();
        receiver.try_receive(&mut got).unwrap();
        assert_eq!(got, message(i, longest));
        sender.try_send(b"").unwrap();
        receiver.try_receive(&mut got).unwrap();
    }
    let error = sender.send(&message(0, longest + 1)).unwrap_err();
    assert_eq!(error.to_string(), "send of 29 bytes: a message in this ring has at most 28 bytes");
    assert_eq!(error.kind(), ErrorKind::TooBig);
    assert_eq!(sender.reserve(usize::MAX).unwrap_err().kind(), ErrorKind::TooBig);
}

/// What is reserved and not committed, nobody receives; what is committed shorter comes shorter.
#[test]
fn only_what_is_committed_is_sent() {
    let (mut sender, mut receiver) = channel::pair(128).unwrap();
    for _ in 0..20 {
        let room = sender.try_reserve(40).unwrap();
        room.bytes().fill(0xff);
        drop(room);
        assert_eq!(receiver.try_peek().unwrap_err().kind(), ErrorKind::WouldBlock);
        let mut room = sender.try_reserve(40).unwrap();
        room.bytes().write(0, b"short and the rest").unwrap();
        room.truncate(5);
        room.commit();
        let peeked = receiver.try_peek().unwrap();
        assert_eq!((peeked.len(), peeked.bytes().to_vec()), (5, b"short".to_vec()));
        peeked.release();
    }
}

/// A message that was only looked at comes again, and so does one that the slice was too short for.
#[test]
fn what_is_not_released_comes_again() {
    let (mut sender, mut receiver) = channel::pair(128).unwrap();
    sender.send(b"again").unwrap();
    for _ in 0..3 {
        assert_eq!(receiver.peek().unwrap().bytes().to_vec(), b"again");
        let error = receiver.receive_into(&mut [0; 4]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooBig);
        let text = "receive_into of 4 bytes: the message has 5 bytes; it stays in the channel";
        assert_eq!(error.to_string(), text);
    }
    let mut target = [0; 9];
    assert_eq!(receiver.receive_into(&mut target).unwrap(), 5);
    assert_eq!(&target, b"again\0\0\0\0");
}

/// Several messages become visible together, as many as there is room for; the room of several comes back together.
#[test]
fn batches_are_as_long_as_the_room() {
    let (mut sender, mut receiver) = channel::pair(128).unwrap();
    let messages: Vec<_> = (0..20).map(|i| message(i, 4)).collect();
    let mut next = 0;
    let mut received = 0;
    while received < messages.len() {
        if next < messages.len() {
            next += sender.try_send_many(&messages[next..]).unwrap();
            assert_eq!(sender.try_send(b"").is_err(), next < messages.len());
        }
        let mut batch = receiver.try_batch().unwrap();
        // Those that are not taken stay.
        for _ in 0..3 {
            let Some(got) = batch.next().unwrap() else { break };
            assert_eq!(got.to_vec(), messages.get(received).cloned().unwrap_or_default());
            received += 1;
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct Odd {
    words: [u16; 5],
}

/// Values of any size, through a ring that wraps around.
#[test]
fn values_come_as_they_went() {
    let (mut sender, mut receiver) = channel::typed_pair::<Odd>(4).unwrap();
    let value = |i: u16| Odd { words: [i, i + 1, i + 2, i + 3, !i] };
    for i in 0..50 {
        assert_eq!(sender.try_send_many(&[value(i), value(i + 1), value(i + 2)]).unwrap(), 3);
        sender.try_send(&value(i + 3)).unwrap();
        assert_eq!(sender.try_send(&value(0)).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(receiver.try_receive().unwrap(), value(i));
        let mut into = Odd::default();
        receiver.try_receive_into(&mut into).unwrap();
        assert_eq!(into, value(i + 1));
        let drain = receiver.try_drain().unwrap();
        assert_eq!(drain.len(), 2);
        assert_eq!(drain.collect::<Vec<_>>(), [value(i + 2), value(i + 3)]);
        assert_eq!(receiver.try_receive().unwrap_err().kind(), ErrorKind::WouldBlock);
    }
}

/// The size of the region says how large the ring is; one that is too small is handed back.
#[test]
fn a_region_has_the_largest_ring_that_fits() {
    let len = Channel::<SharedMemory>::region_len(1000).unwrap();
    let capacity = |len| Channel::<_, Messages>::create(SharedMemory::new(len).unwrap()).unwrap().capacity();
    assert_eq!(capacity(len), 1024);
    assert_eq!(capacity(len + 1023), 1024);
    assert_eq!(capacity(len + 1024), 2048);
    let rejected = Channel::<_, Messages>::create(SharedMemory::new(len - 1024 + 63).unwrap()).unwrap_err();
    let text =
        "Channel::create: the region has 1855 bytes, of which 1792 are not for the ring; the ring needs 64 bytes";
    assert_eq!(rejected.to_string(), text);
    assert_eq!(rejected.into_inner().len(), 1855);
    assert!(Channel::<_, Values<[u8; 100]>>::create(SharedMemory::new(1800).unwrap()).is_err());
    assert_eq!(Channel::<SharedMemory>::region_len((1 << 30) + 1), None);
    assert_eq!(Channel::<SharedMemory, Values<u64>>::region_len(usize::MAX), None);
}
