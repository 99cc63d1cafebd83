//! The forms of each call: waiting, trying, with a deadline, interruptible. They do the same with what is there, say the same when
//! the other end is gone, and differ in what they do about a channel that is empty or full.

use crate::support::watchdog;
use ipc_safe::Result;
use ipc_safe::channel::{self, Channel, Receiver, Sender, SharedMessages, SharedSender, TypedReceiver, TypedSender};
use ipc_safe::error::ErrorKind;
use ipc_safe::memory::SharedMemory;
use ipc_safe::socket::LocalAddress;
use std::time::Duration;

const SHORT: Duration = Duration::from_millis(2);
const LONG: Duration = Duration::from_secs(20);

type ValueSender = TypedSender<u64, SharedMemory>;
type ValueReceiver = TypedReceiver<u64, SharedMemory>;
type MessageSender = Sender<SharedMemory>;
type MessageReceiver = Receiver<SharedMemory>;

/// A way to send a message, and one to receive it.
type Send<End> = fn(&mut End, &[u8]) -> Result<()>;
type Receive<End> = fn(&mut End) -> Result<Vec<u8>>;

#[track_caller]
fn ends(result: Result<impl Sized>, kind: ErrorKind) {
    assert_eq!(result.map(drop).unwrap_err().kind(), kind);
}

/// Values: each way to send one arrives by each way to receive one.
#[test]
fn each_way_to_send_a_value_meets_each_way_to_receive_it() {
    let _watchdog = watchdog();
    let send: [fn(&mut ValueSender, u64) -> Result<()>; 8] = [
        |sender, value| sender.send(&value),
        |sender, value| sender.try_send(&value),
        |sender, value| sender.send_timeout(&value, LONG),
        |sender, value| sender.send_interruptible(&value),
        |sender, value| sender.send_many(&[value]).map(|count| assert_eq!(count, 1)),
        |sender, value| sender.try_send_many(&[value]).map(|count| assert_eq!(count, 1)),
        |sender, value| sender.send_many_timeout(&[value], LONG).map(|count| assert_eq!(count, 1)),
        |sender, value| sender.send_many_interruptible(&[value]).map(|count| assert_eq!(count, 1)),
    ];
    let receive: [fn(&mut ValueReceiver) -> Result<u64>; 12] = [
        ValueReceiver::receive,
        ValueReceiver::try_receive,
        |receiver| receiver.receive_timeout(LONG),
        ValueReceiver::receive_interruptible,
        |receiver| into(|value| receiver.receive_into(value)),
        |receiver| into(|value| receiver.try_receive_into(value)),
        |receiver| into(|value| receiver.receive_into_timeout(value, LONG)),
        |receiver| into(|value| receiver.receive_into_interruptible(value)),
        |receiver| receiver.drain().map(|mut values| values.next().unwrap()),
        |receiver| receiver.try_drain().map(|mut values| values.next().unwrap()),
        |receiver| receiver.drain_timeout(LONG).map(|mut values| values.next().unwrap()),
        |receiver| receiver.drain_interruptible().map(|mut values| values.next().unwrap()),
    ];
    let (mut sender, mut receiver) = channel::typed_pair(4).unwrap();
    for (number, (send, receive)) in send.iter().flat_map(|send| receive.iter().map(move |it| (send, it))).enumerate() {
        send(&mut sender, number as u64).unwrap();
        assert_eq!(receive(&mut receiver).unwrap(), number as u64, "pair {number}");
    }
    drop(sender);
    for receive in receive {
        ends(receive(&mut receiver), ErrorKind::Closed);
    }
    for send in send {
        let (mut sender, receiver) = channel::typed_pair(4).unwrap();
        drop(receiver);
        ends(send(&mut sender, 1), ErrorKind::Closed);
    }
}

/// A value that is received in place; what was there is another one.
fn into(receive: impl FnOnce(&mut u64) -> Result<()>) -> Result<u64> {
    let mut value = u64::MAX;
    receive(&mut value).map(|()| value).inspect_err(|_| assert_eq!(value, u64::MAX, "untouched"))
}

/// Values: nothing there, and no room.
#[test]
fn what_does_not_wait_for_a_value_says_so() {
    let _watchdog = watchdog();
    let (mut sender, mut receiver) = channel::typed_pair::<u64>(2).unwrap();
    ends(receiver.try_receive(), ErrorKind::WouldBlock);
    ends(receiver.try_receive_into(&mut 0), ErrorKind::WouldBlock);
    ends(receiver.try_drain(), ErrorKind::WouldBlock);
    ends(receiver.receive_timeout(SHORT), ErrorKind::TimedOut);
    ends(receiver.receive_into_timeout(&mut 0, SHORT), ErrorKind::TimedOut);
    ends(receiver.drain_timeout(SHORT), ErrorKind::TimedOut);
    // Of several values some may have room.
    assert_eq!(sender.send_many(&[]).unwrap(), 0);
    assert_eq!(sender.try_send_many(&[1, 2, 3]).unwrap(), 2);
    ends(sender.try_send(&3), ErrorKind::WouldBlock);
    ends(sender.try_send_many(&[3]), ErrorKind::WouldBlock);
    ends(sender.send_timeout(&3, SHORT), ErrorKind::TimedOut);
    ends(sender.send_many_timeout(&[3], SHORT), ErrorKind::TimedOut);
    let values = receiver.drain().unwrap();
    assert_eq!(values.len(), 2);
    assert_eq!(values.collect::<Vec<_>>(), [1, 2]);
}

/// Messages: each way to send one arrives by each way to receive one.
#[test]
fn each_way_to_send_a_message_meets_each_way_to_receive_it() {
    let _watchdog = watchdog();
    let send: [Send<MessageSender>; 12] = [
        MessageSender::send,
        MessageSender::try_send,
        |sender, text| sender.send_timeout(text, LONG),
        MessageSender::send_interruptible,
        |sender, text| sender.send_many(&[text]).map(|count| assert_eq!(count, 1)),
        |sender, text| sender.try_send_many(&[text]).map(|count| assert_eq!(count, 1)),
        |sender, text| sender.send_many_timeout(&[text], LONG).map(|count| assert_eq!(count, 1)),
        |sender, text| sender.send_many_interruptible(&[text]).map(|count| assert_eq!(count, 1)),
        |sender, text| fill(sender.reserve(text.len() + 1)?, text),
        |sender, text| fill(sender.try_reserve(text.len() + 1)?, text),
        |sender, text| fill(sender.reserve_timeout(text.len() + 1, LONG)?, text),
        |sender, text| fill(sender.reserve_interruptible(text.len() + 1)?, text),
    ];
    let receive: [Receive<MessageReceiver>; 16] = [
        |receiver| whole(|message| receiver.receive(message)),
        |receiver| whole(|message| receiver.try_receive(message)),
        |receiver| whole(|message| receiver.receive_timeout(message, LONG)),
        |receiver| whole(|message| receiver.receive_interruptible(message)),
        |receiver| part(|message| receiver.receive_into(message)),
        |receiver| part(|message| receiver.try_receive_into(message)),
        |receiver| part(|message| receiver.receive_into_timeout(message, LONG)),
        |receiver| part(|message| receiver.receive_into_interruptible(message)),
        |receiver| receiver.peek().map(look),
        |receiver| receiver.try_peek().map(look),
        |receiver| receiver.peek_timeout(LONG).map(look),
        |receiver| receiver.peek_interruptible().map(look),
        |receiver| only(receiver.batch()),
        |receiver| only(receiver.try_batch()),
        |receiver| only(receiver.batch_timeout(LONG)),
        |receiver| only(receiver.batch_interruptible()),
    ];
    let (mut sender, mut receiver) = channel::pair(256).unwrap();
    for (number, (send, receive)) in send.iter().flat_map(|send| receive.iter().map(move |it| (send, it))).enumerate() {
        let text = format!("message {number}").into_bytes();
        send(&mut sender, &text).unwrap();
        assert_eq!(receive(&mut receiver).unwrap(), text, "pair {number}");
    }
    drop(sender);
    for receive in receive {
        ends(receive(&mut receiver), ErrorKind::Closed);
    }
    for send in send {
        let (mut sender, receiver) = channel::pair(256).unwrap();
        drop(receiver);
        ends(send(&mut sender, b"to nobody"), ErrorKind::Closed);
    }
}

/// A message that is written in its place, where more room was reserved than it needs.
fn fill(mut place: channel::Reservation<'_, SharedMemory>, text: &[u8]) -> Result<()> {
    assert_eq!((place.len(), place.is_empty()), (text.len() + 1, false));
    place.truncate(text.len());
    assert_eq!(place.len(), text.len());
    place.bytes().write(0, text)?;
    place.commit();
    Ok(())
}

fn whole(receive: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<Vec<u8>> {
    let mut message = b"what was there before".to_vec();
    receive(&mut message).map(|()| message)
}

fn part(receive: impl FnOnce(&mut [u8]) -> Result<usize>) -> Result<Vec<u8>> {
    let mut message = [0xa5; 32];
    let len = receive(&mut message)?;
    assert!(message[len..].iter().all(|&byte| byte == 0xa5), "untouched");
    Ok(message[..len].to_vec())
}

fn look(message: channel::Peeked<'_, SharedMemory>) -> Vec<u8> {
    let text = message.bytes().to_vec();
    assert_eq!((message.len(), message.is_empty()), (text.len(), false));
    message.release();
    text
}

fn only(batch: Result<channel::Batch<'_, SharedMemory>>) -> Result<Vec<u8>> {
    let mut batch = batch?;
    let text = batch.next()?.expect("a message").to_vec();
    assert!(batch.next()?.is_none());
    Ok(text)
}

/// Messages: nothing there, and no room.
#[test]
fn what_does_not_wait_for_a_message_says_so() {
    let _watchdog = watchdog();
    let (mut sender, mut receiver) = channel::pair(64).unwrap();
    ends(receiver.try_receive(&mut Vec::new()), ErrorKind::WouldBlock);
    ends(receiver.try_receive_into(&mut []), ErrorKind::WouldBlock);
    ends(receiver.try_peek(), ErrorKind::WouldBlock);
    ends(receiver.try_batch(), ErrorKind::WouldBlock);
    ends(receiver.receive_timeout(&mut Vec::new(), SHORT), ErrorKind::TimedOut);
    ends(receiver.receive_into_timeout(&mut [], SHORT), ErrorKind::TimedOut);
    ends(receiver.peek_timeout(SHORT), ErrorKind::TimedOut);
    ends(receiver.batch_timeout(SHORT), ErrorKind::TimedOut);
    assert_eq!(sender.send_many(&[[0; 8]; 0]).unwrap(), 0);
    let sent = sender.try_send_many(&[[7; 8]; 20]).unwrap();
    assert!((1..20).contains(&sent), "{sent}");
    ends(sender.try_send(&[7; 8]), ErrorKind::WouldBlock);
    ends(sender.try_send_many(&[[7; 8]]), ErrorKind::WouldBlock);
    ends(sender.try_reserve(8), ErrorKind::WouldBlock);
    ends(sender.send_timeout(&[7; 8], SHORT), ErrorKind::TimedOut);
    ends(sender.send_many_timeout(&[[7; 8]], SHORT), ErrorKind::TimedOut);
    ends(sender.reserve_timeout(8, SHORT), ErrorKind::TimedOut);
    let mut batch = receiver.batch().unwrap();
    for _ in 0..sent {
        assert_eq!(batch.next().unwrap().unwrap().to_vec(), [7; 8]);
    }
    assert!(batch.next().unwrap().is_none());
    drop(batch);
}

/// Messages of several senders.
#[test]
fn each_way_of_a_shared_sender_does_the_same() {
    let _watchdog = watchdog();
    let (memfd, channel) = Channel::<_, SharedMessages>::memfd(256).unwrap();
    let mut receiver = channel.receiver().unwrap();
    let mut sender = Channel::<_, SharedMessages>::from_memfd(&memfd).unwrap().sender().unwrap();
    let send: [Send<SharedSender<SharedMemory>>; 6] = [
        |sender, text| sender.send(text),
        |sender, text| sender.try_send(text),
        |sender, text| sender.send_timeout(text, LONG),
        |sender, text| sender.send_many(&[text]).map(|count| assert_eq!(count, 1)),
        |sender, text| sender.try_send_many(&[text]).map(|count| assert_eq!(count, 1)),
        |sender, text| sender.send_many_timeout(&[text], LONG).map(|count| assert_eq!(count, 1)),
    ];
    for (number, send) in send.iter().enumerate() {
        let text = format!("message {number}").into_bytes();
        send(&mut sender, &text).unwrap();
        assert_eq!(whole(|message| receiver.try_receive(message)).unwrap(), text);
    }
    while sender.try_send(&[7; 8]).is_ok() {}
    ends(sender.try_send(&[7; 8]), ErrorKind::WouldBlock);
    ends(sender.try_send_many(&[[7; 8]]), ErrorKind::WouldBlock);
    ends(sender.send_timeout(&[7; 8], SHORT), ErrorKind::TimedOut);
    ends(sender.send_many_timeout(&[[7; 8]], SHORT), ErrorKind::TimedOut);
    drop(receiver);
    for send in send {
        ends(send(&mut sender, b"to nobody"), ErrorKind::Closed);
    }
}

/// What stands in a log: what it is, and what it is about. Not what is in the memory.
#[test]
fn everything_shows_itself() {
    let starts = |text: String, with: &str| assert!(text.starts_with(with), "{text}, expected {with}");
    let (mut sender, mut receiver) = channel::pair(256).unwrap();
    sender.send(b"abc").unwrap();
    starts(format!("{sender:?}"), "Sender { end: sending { waiting: Blocking, corrupt: false, .. }, ring: ");
    starts(format!("{receiver:?}"), "Receiver { end: receiving { waiting: Blocking, corrupt: false, .. }, ring: ");
    assert_eq!(format!("{:?}", sender.reserve(7).unwrap()), "Reservation { len: 7, .. }");
    assert_eq!(format!("{:?}", receiver.peek().unwrap()), "Peeked { len: 3, .. }");
    assert_eq!(format!("{:?}", receiver.batch().unwrap()), "Batch { .. }");
    let (mut sender, mut receiver) = channel::typed_pair::<u64>(4).unwrap();
    sender.send_many(&[1, 2, 3]).unwrap();
    assert_eq!(format!("{:?}", receiver.drain().unwrap()), "Drain { len: 3, .. }");
    let (memfd, channel) = Channel::<_, SharedMessages>::memfd(256).unwrap();
    starts(format!("{channel:?}"), "Channel { shape: Shape { ");
    starts(format!("{:?}", channel.sender().unwrap()), "SharedSender { seat: 0, corrupt: false, .. }");
    let offer = channel::Offer::new(&LocalAddress::UNNAMED, memfd).unwrap();
    starts(format!("{offer:?}"), "Offer { listener: ");
}
