//! Message queues.

use crate::peer::{msg, thread_waits_in, waits_in};
use crate::program::Running;
use crate::support::{eventually, watchdog};
use ipc_safe::error::{Errno, ErrorKind};
use ipc_safe::shared::zerocopy::{FromBytes, Immutable, IntoBytes};
use ipc_safe::sysv::{Key, MessageBuffer, MessageQueue, MessageType, Owned, Selector};
use std::mem::offset_of;
use std::sync::mpsc;

/// As in `tests/peers/msg_peer.c`. The derives by way of the crate's own export.
#[derive(Clone, Copy, Debug, PartialEq, FromBytes, IntoBytes, Immutable)]
#[zerocopy(crate = "ipc_safe::shared::zerocopy")]
#[repr(C)]
struct Reading {
    time: i64,
    value: f64,
    sensor: i32,
    flags: [u16; 2],
    unit: [u8; 8],
}

const READING: Reading = Reading { time: i64::MIN, value: -0.5, sensor: -7, flags: [1, u16::MAX], unit: *b"celsius\0" };

fn queue() -> Owned<MessageQueue> {
    MessageQueue::private().unwrap()
}

fn kind(raw: i64) -> MessageType {
    MessageType::new(raw).unwrap()
}

fn longest() -> usize {
    usize::try_from(MessageQueue::limits().unwrap().message_bytes).unwrap()
}

/// Bytes of every value, the same on each call.
fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|index| (index * 7 + 3) as u8).collect()
}

/// The line in which the peer shows a message.
fn shown(kind: i64, bytes: &[u8]) -> String {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{kind} {} {hex}\n", bytes.len())
}

/// What the peer receives, with `selector` and `flags` in the words of C.
fn received_by_c(queue: MessageQueue, selector: i64, room: usize, flags: &str) -> String {
    let output = msg(&format!("receive {} {selector} {room} {flags}", queue.id())).succeed();
    output.strip_prefix("receiving\n").expect("it says that it will").to_owned()
}

fn send_by_c(queue: MessageQueue, kind: i64, bytes: &[u8]) {
    let mut peer = msg(&format!("send {} {kind}", queue.id()));
    peer.write(bytes);
    assert_eq!(peer.succeed(), "sending\nsent\n");
}

fn lengths() -> [usize; 7] {
    [0, 1, 7, 8, 9, 4096, longest()]
}

/// R-MSG-02, R-MSG-09, R-MSG-14
#[test]
fn what_rust_sends_c_receives() {
    let _watchdog = watchdog();
    let queue = queue();
    for len in lengths() {
        for number in [1, 888, i64::MAX] {
            queue.send(kind(number), bytes(len).as_slice()).unwrap();

            assert_eq!(received_by_c(*queue, 0, 65536, ""), shown(number, &bytes(len)));
        }
    }
}

/// R-MSG-02, R-MSG-09, R-MSG-14
#[test]
fn what_c_sends_rust_receives() {
    let _watchdog = watchdog();
    let queue = queue();
    let mut received = Vec::new();
    for len in lengths() {
        for number in [1, 888, i64::MAX] {
            send_by_c(*queue, number, &bytes(len));

            assert_eq!(queue.receive(Selector::First, &mut received).unwrap(), kind(number));
            assert_eq!(received, bytes(len));
        }
    }
}

/// R-MSG-02
#[test]
fn both_sides_fail_to_send_one_byte_too_many() {
    let _watchdog = watchdog();
    let queue = queue();

    let ours = queue.send(kind(1), bytes(longest() + 1).as_slice()).unwrap_err();
    let mut peer = msg(&format!("send {} 1", queue.id()));
    peer.write(bytes(longest() + 1));

    assert_eq!((ours.kind(), ours.errno()), (ErrorKind::TooBig, Some(Errno::INVAL)));
    assert_eq!(peer.fail(), "msgsnd: EINVAL\n");
    assert_eq!(queue.status().unwrap().messages, 0);
}

/// R-MSG-02: C can name a type that `MessageType` cannot, and the kernel refuses it.
#[test]
fn c_cannot_send_a_type_that_rust_has_no_value_for() {
    let _watchdog = watchdog();
    let queue = queue();
    for number in [0, -1, i64::MIN] {
        assert_eq!(MessageType::new(number), None);
        assert_eq!(msg(&format!("send {} {number}", queue.id())).fail(), "msgsnd: EINVAL\n");
    }
}

/// R-MSG-05, R-MSG-08: the same four messages, the same four choices, each side in turn.
#[test]
fn both_sides_choose_the_same_messages() {
    let _watchdog = watchdog();
    let queue = queue();
    let refill = || {
        for (number, text) in [(3, b'a'), (1, b'b'), (2, b'c'), (1, b'd')] {
            queue.send(kind(number), &text).unwrap();
        }
    };
    let expected = [(1, b'b'), (1, b'd'), (2, b'c'), (3, b'a')];

    refill();
    let selectors = [Selector::AtMost(kind(2)), Selector::Exactly(kind(1)), Selector::Except(kind(3)), Selector::First];
    let ours = selectors.map(|selector| queue.receive_value::<u8>(selector).unwrap());
    refill();
    let theirs = [(-2, ""), (1, ""), (3, "except"), (0, "")].map(|(raw, flags)| received_by_c(*queue, raw, 10, flags));

    assert_eq!(ours.map(|(kind, text)| (kind.get(), text)), expected);
    assert_eq!(theirs, expected.map(|(number, text)| shown(number, &[text])));
}

/// R-MSG-05: the most negative choice means any type.
#[test]
fn c_receives_with_the_most_negative_choice() {
    let _watchdog = watchdog();
    let queue = queue();
    queue.send(kind(i64::MAX), "x").unwrap();

    assert_eq!(received_by_c(*queue, i64::MIN, 10, ""), shown(i64::MAX, b"x"));
}

/// R-MSG-07
#[test]
fn a_message_too_long_for_either_side_stays_or_is_cut() {
    let _watchdog = watchdog();
    let queue = queue();
    let mut buffer = MessageBuffer::new([0; 8 + 4]).unwrap();
    send_by_c(*queue, 5, b"longer");

    let ours = queue.receive(Selector::First, &mut buffer).unwrap_err();
    let theirs = msg(&format!("receive {} 0 4", queue.id())).fail();
    assert_eq!((ours.kind(), ours.errno()), (ErrorKind::TooBig, Some(Errno::TOOBIG)));
    assert_eq!(theirs, "msgrcv: E2BIG\n");

    assert_eq!(received_by_c(*queue, 0, 4, "noerror"), shown(5, b"long"));
    send_by_c(*queue, 6, b"longer");
    queue.receive(Selector::First, buffer.truncating()).unwrap();
    assert_eq!((buffer.message_type(), buffer.bytes()), (kind(6), &b"long"[..]));
    assert_eq!(queue.status().unwrap().messages, 0);
}

/// R-MSG-06
#[test]
fn without_waiting_both_sides_find_nothing() {
    let _watchdog = watchdog();
    let queue = queue();

    let ours = queue.try_receive(Selector::First, &mut Vec::new()).unwrap_err();
    let theirs = msg(&format!("receive {} 0 10 nowait", queue.id())).fail();

    assert_eq!((ours.kind(), ours.errno()), (ErrorKind::WouldBlock, Some(Errno::NOMSG)));
    assert_eq!(theirs, "msgrcv: ENOMSG\n");
}

/// R-MSG-14
#[test]
fn a_structure_has_the_same_layout_on_both_sides() {
    let _watchdog = watchdog();
    let queue = queue();
    let offsets = [
        offset_of!(Reading, time),
        offset_of!(Reading, value),
        offset_of!(Reading, sensor),
        offset_of!(Reading, flags),
        offset_of!(Reading, unit),
    ];
    let [a, b, c, d, e] = offsets;
    assert_eq!(msg("layout").succeed(), format!("{} {a} {b} {c} {d} {e}\n", size_of::<Reading>()));

    msg(&format!("send-reading {}", queue.id())).succeed();
    assert_eq!(queue.receive_value::<Reading>(Selector::First).unwrap(), (kind(i64::MAX), READING));

    queue.send(kind(44), &READING).unwrap();
    let shown = msg(&format!("receive-reading {}", queue.id())).succeed();
    assert_eq!(shown, format!("44: {} -0.5 -7 1 65535 celsius\n", i64::MIN));
}

/// R-KEY-04, R-KEY-05, R-MSG-01
#[test]
fn a_queue_made_by_either_side_is_found_by_the_other() {
    let _watchdog = watchdog();
    let key = Key::random().unwrap();
    assert_eq!(msg(&format!("status {key}")).fail(), "msgget: ENOENT\n");

    let made_by_c = msg(&format!("create {key}")).succeed();
    let queue = MessageQueue::open(key).unwrap().into_owned();
    assert_eq!(made_by_c, format!("{}\n", queue.id()));
    let again = MessageQueue::options().create_new(true).open(key).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::AlreadyExists);
    msg(&format!("remove {key}")).succeed();
    assert!(queue.remove().unwrap_err().is_removed());

    let queue = MessageQueue::options().create_new(true).open(key).unwrap().into_owned();
    assert_eq!(msg(&format!("create {key}")).fail(), "msgget: EEXIST\n");
    queue.send(kind(1), "by key").unwrap();
    let limit = queue.status().unwrap().byte_limit;
    let expected = format!("1 messages, limit {limit}, sent by {}, received by 0\n", std::process::id());
    assert_eq!(msg(&format!("status {key}")).succeed(), expected);
}

/// R-MSG-04, R-MSG-10
#[test]
fn c_wakes_with_eidrm_when_rust_removes_the_queue() {
    let _watchdog = watchdog();
    let empty = queue();
    let full = queue();
    full.send(kind(1), bytes(longest()).as_slice()).unwrap();
    full.set_byte_limit(longest() as u64).unwrap();
    let mut receiver = msg(&format!("receive {} 0 10", empty.id()));
    let mut sender = msg(&format!("send {} 1", full.id()));
    sender.write("no room");
    sender.close_input();
    assert_eq!((receiver.line().as_str(), sender.line().as_str()), ("receiving", "sending"));
    eventually("the receiver waits", || waits_in(&receiver, libc::SYS_msgrcv));
    eventually("the sender waits", || waits_in(&sender, libc::SYS_msgsnd));
    let (empty_id, full_id) = (empty.id(), full.id());

    empty.remove().unwrap();
    full.remove().unwrap();

    assert_eq!(receiver.fail(), "msgrcv: EIDRM\n");
    assert_eq!(sender.fail(), "msgsnd: EIDRM\n");
    assert_eq!(msg(&format!("status {empty_id}")).fail(), "msgctl: EINVAL\n");
    assert_eq!(msg(&format!("remove {full_id}")).fail(), "msgctl: EINVAL\n");
}

/// R-MSG-04, R-MSG-10
#[test]
fn rust_wakes_with_removed_when_c_removes_the_queue() {
    let _watchdog = watchdog();
    let queue = queue().keep();
    let (tell, told) = mpsc::channel();
    let receiver = std::thread::spawn(move || {
        tell.send(rustix::thread::gettid()).unwrap();
        queue.receive(Selector::First, &mut Vec::new())
    });
    let thread = told.recv().unwrap();
    eventually("the thread waits", || thread_waits_in(thread, libc::SYS_msgrcv));

    msg(&format!("remove {}", queue.id())).succeed();

    let woken = receiver.join().unwrap().unwrap_err();
    assert_eq!((woken.kind(), woken.errno()), (ErrorKind::Removed, Some(Errno::IDRM)));
    let later = queue.send(kind(1), "x").unwrap_err();
    assert_eq!((later.kind(), later.errno()), (ErrorKind::Removed, Some(Errno::INVAL)));
}

/// R-MSG-03
#[test]
fn c_waits_for_room_until_rust_receives() {
    let _watchdog = watchdog();
    let queue = queue();
    queue.send(kind(1), bytes(longest()).as_slice()).unwrap();
    queue.set_byte_limit(longest() as u64).unwrap();
    let mut sender: Running = msg(&format!("send {} 2", queue.id()));
    sender.write("second");
    sender.close_input();
    assert_eq!(sender.line(), "sending");
    eventually("the sender waits", || waits_in(&sender, libc::SYS_msgsnd));

    let mut received = Vec::new();
    queue.receive(Selector::First, &mut received).unwrap();

    assert_eq!(sender.succeed(), "sent\n");
    assert_eq!(queue.receive(Selector::First, &mut received).unwrap(), kind(2));
    assert_eq!(received, b"second");
}
