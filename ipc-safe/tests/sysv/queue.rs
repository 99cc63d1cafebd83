//! Message queues: what goes in and comes out. Waiting is in `queue_waits`.

use crate::intercept::before_each;
use crate::support::{as_nobody, fork, has_capability, in_namespace};
use crate::tools::{LONG, errno, fails, fails_here, kind};
use ipc_safe::error::ErrorKind;
use ipc_safe::process::Pid;
use ipc_safe::shared::zerocopy::{FromBytes, Immutable, IntoBytes};
use ipc_safe::sys::ipc::IPC_NOWAIT;
use ipc_safe::sys::msg::{MSG_COPY, MSG_EXCEPT, msgrcv, msgsnd};
use ipc_safe::sysv::{MessageBuffer, MessageQueue, MessageType, Owned, ReceiveError, Selector};
use std::time::{Duration, SystemTime};

fn queue() -> Owned<MessageQueue> {
    MessageQueue::private().expect("a queue")
}

/// A queue with these messages: types, each with its number as text.
fn queue_of(types: &[i64]) -> Owned<MessageQueue> {
    let queue = queue();
    for (number, &of_type) in types.iter().enumerate() {
        queue.try_send(kind(of_type), format!("{number}").as_str()).expect("room");
    }
    queue
}

/// The number of the message that `selector` takes out.
fn taken(queue: &MessageQueue, selector: Selector) -> Option<usize> {
    let mut text = Vec::new();
    match queue.try_receive(selector, &mut text) {
        Ok(_) => Some(String::from_utf8(text).unwrap().parse().unwrap()),
        Err(error) => {
            assert!(error.is_would_block(), "{error}");
            None
        }
    }
}

/// R-MSG-01
#[test]
fn a_new_queue_is_empty_and_has_the_default_limit() {
    let start = SystemTime::now() - Duration::from_secs(2);

    let status = queue().status().unwrap();

    assert_eq!((status.messages, status.bytes), (0, 0));
    assert_eq!((status.last_sender, status.last_receiver), (None, None));
    assert_eq!((status.last_send, status.last_receive), (None, None));
    assert_eq!(status.byte_limit, u64::from(MessageQueue::limits().unwrap().queue_bytes));
    assert!((start..=SystemTime::now()).contains(&status.changed.unwrap()));
}

/// R-MSG-02
#[test]
fn a_type_is_at_least_1() {
    for raw in [0, -1, i64::MIN] {
        assert_eq!(MessageType::new(raw), None);
        let error = fails(MessageType::try_from(raw), ErrorKind::InvalidInput, libc::EINVAL);
        assert_eq!(error.to_string(), format!("MessageType of type {raw}: EINVAL: a message type is at least 1"));
    }
    for raw in [1, i64::MAX] {
        assert_eq!(MessageType::try_from(raw).unwrap().get(), raw);
    }
}

/// R-MSG-02
#[test]
fn the_kernel_refuses_type_0_and_a_bad_pointer() {
    let queue = queue();
    let frame = [0_i64, 0];
    // SAFETY: the kernel reads a type and 8 bytes, which is the frame; the second address is nobody's.
    unsafe {
        assert_eq!((msgsnd(queue.id(), frame.as_ptr().cast(), 8, IPC_NOWAIT), errno()), (-1, libc::EINVAL));
        let nowhere = std::ptr::without_provenance(8);
        assert_eq!((msgsnd(queue.id(), nowhere, 8, IPC_NOWAIT), errno()), (-1, libc::EFAULT));
    }
    assert_eq!(queue.status().unwrap().messages, 0);
}

/// R-MSG-02 R-MSG-09
#[test]
fn an_empty_message_has_a_type() {
    let queue = queue();
    queue.send(kind(5), "").unwrap();
    queue.send(kind(6), &()).unwrap();
    queue.send_buffer(&MessageBuffer::new([0; 8]).unwrap()).unwrap();
    assert_eq!((queue.status().unwrap().messages, queue.status().unwrap().bytes), (3, 0));

    let mut text = b"old".to_vec();
    assert_eq!(queue.try_receive(Selector::First, &mut text).unwrap(), kind(5));
    assert_eq!(text, b"");
    assert_eq!(queue.try_receive_value::<()>(Selector::First).unwrap(), (kind(6), ()));
    let mut buffer = MessageBuffer::new([0; 8]).unwrap();
    assert_eq!(queue.try_receive(Selector::First, &mut buffer).unwrap(), MessageType::MIN);
    assert!(buffer.is_empty());
}

/// R-MSG-02
#[test]
fn a_message_has_at_most_msgmax_bytes() {
    let queue = queue();
    let limit = MessageQueue::limits().unwrap().message_bytes as usize;
    let longest = vec![7; limit];

    queue.try_send(kind(1), &longest[..]).unwrap();
    let more = vec![7; limit + 1];
    let error = fails(queue.try_send(kind(1), &more[..]), ErrorKind::TooBig, libc::EINVAL);

    let text = format!(
        "msgsnd on queue {}, {} bytes: EINVAL: a message has at most {limit} bytes (kernel.msgmax)",
        queue.id(),
        limit + 1
    );
    assert_eq!(error.to_string(), text);
    let mut buffer = MessageBuffer::with_capacity(limit + 1);
    buffer.set(kind(1), &more).unwrap();
    fails(queue.try_send_buffer(&buffer), ErrorKind::TooBig, libc::EINVAL);
    let mut received = Vec::new();
    queue.try_receive(Selector::First, &mut received).unwrap();
    assert_eq!(received, longest);
    assert_eq!(queue.status().unwrap().messages, 0);
}

/// R-MSG-03
#[test]
fn a_queue_is_full_when_its_bytes_would_pass_the_limit() {
    let queue = queue();
    queue.set_byte_limit(10).unwrap();

    queue.try_send(kind(1), "123456").unwrap();
    fails(queue.try_send(kind(1), "12345"), ErrorKind::WouldBlock, libc::EAGAIN);
    queue.try_send(kind(1), "1234").unwrap();
    fails(queue.try_send(kind(1), "1"), ErrorKind::WouldBlock, libc::EAGAIN);

    assert_eq!((queue.status().unwrap().messages, queue.status().unwrap().bytes), (2, 10));
}

/// R-MSG-03
#[test]
fn a_queue_is_full_when_its_messages_would_pass_the_limit_though_they_are_empty() {
    let queue = queue();
    queue.set_byte_limit(3).unwrap();
    for _ in 0..3 {
        queue.try_send(kind(1), "").unwrap();
    }

    fails(queue.try_send(kind(1), ""), ErrorKind::WouldBlock, libc::EAGAIN);

    assert_eq!(queue.status().unwrap().messages, 3);
}

/// R-MSG-05
#[test]
fn first_takes_the_oldest_of_any_type() {
    let queue = queue_of(&[3, 1, 2]);
    assert_eq!([(); 4].map(|()| taken(&queue, Selector::First)), [Some(0), Some(1), Some(2), None]);
}

/// R-MSG-05
#[test]
fn exactly_takes_the_oldest_of_the_type() {
    let queue = queue_of(&[3, 1, 3, i64::MAX]);
    assert_eq!(taken(&queue, Selector::Exactly(kind(3))), Some(0));
    assert_eq!(taken(&queue, kind(3).into()), Some(2));
    assert_eq!(taken(&queue, kind(3).into()), None);
    assert_eq!(taken(&queue, kind(i64::MAX).into()), Some(3));
    assert_eq!(taken(&queue, Selector::First), Some(1));
}

/// R-MSG-05 R-MSG-14
#[test]
fn at_most_takes_the_lowest_type_and_the_oldest_of_that() {
    let queue = queue_of(&[5, 2, 4, 2, 6, i64::MAX]);
    let at_most = |limit| taken(&queue, Selector::AtMost(kind(limit)));
    assert_eq!(at_most(1), None);
    assert_eq!(
        [at_most(5), at_most(5), at_most(5), at_most(5), at_most(5)],
        [Some(1), Some(3), Some(2), Some(0), None]
    );
    assert_eq!([at_most(i64::MAX), at_most(i64::MAX), at_most(i64::MAX)], [Some(4), Some(5), None]);
}

/// R-MSG-05
#[test]
fn the_lowest_negative_selector_means_any_type() {
    let queue = queue_of(&[i64::MAX, 9]);
    let mut frame = [0_i64; 2];
    // SAFETY: the kernel writes a type and at most 8 bytes, which is the frame.
    let len = unsafe { msgrcv(queue.id(), frame.as_mut_ptr().cast(), 8, i64::MIN, IPC_NOWAIT) };
    assert_eq!((len, frame[0]), (1, 9));
}

/// R-MSG-06
#[test]
fn nothing_suitable_would_block() {
    let queue = queue_of(&[2]);
    let mut buffer = MessageBuffer::with_capacity(8);
    let others = [Selector::Exactly(kind(1)), Selector::Except(kind(2)), Selector::AtMost(kind(1))];
    for selector in others {
        let error = fails(queue.try_receive(selector, &mut buffer), ErrorKind::WouldBlock, libc::ENOMSG);
        assert!(error.is_would_block());
        let value = queue.try_receive_value::<u64>(selector).unwrap_err();
        assert_eq!(value.kind(), ErrorKind::WouldBlock);
    }
    assert_eq!(queue.status().unwrap().messages, 1);
}

/// R-MSG-07
#[test]
fn a_message_longer_than_the_buffer_stays_in_the_queue() {
    let queue = queue();
    queue.send(kind(4), "longer").unwrap();
    let mut short = MessageBuffer::with_capacity(5);

    let error = fails(queue.try_receive(Selector::First, &mut short), ErrorKind::TooBig, libc::E2BIG);
    let value = queue.try_receive_value::<u32>(Selector::First).unwrap_err();

    let reason = "the message is longer than the 5 bytes there are for it; it is still in the queue";
    assert_eq!(error.to_string(), format!("msgrcv on queue {}: E2BIG: {reason}", queue.id()));
    assert_eq!(value.kind(), ErrorKind::TooBig);
    assert_eq!(queue.status().unwrap().messages, 1);
    let mut right = MessageBuffer::with_capacity(6);
    queue.try_receive(Selector::First, &mut right).unwrap();
    assert_eq!(right.bytes(), b"longer");
}

/// R-MSG-07
#[test]
fn a_truncating_buffer_takes_the_start_and_the_rest_is_lost() {
    let queue = queue();
    queue.send(kind(4), "longer").unwrap();
    queue.send(kind(5), "next").unwrap();
    let mut buffer = MessageBuffer::with_capacity(4);

    assert_eq!(queue.try_receive(Selector::First, buffer.truncating()).unwrap(), kind(4));
    assert_eq!(buffer.bytes(), b"long");
    assert_eq!(queue.try_receive(Selector::First, buffer.truncating()).unwrap(), kind(5));

    assert_eq!(buffer.bytes(), b"next");
    assert_eq!(queue.status().unwrap().messages, 0);
}

/// Only copies, which the kernel does not cut, are made in two steps.
#[test]
fn a_truncating_buffer_asks_a_removed_queue_once() {
    let queue = queue();
    let (gone, mut buffer) = (*queue, MessageBuffer::with_capacity(4));
    queue.remove().unwrap();
    let receive = || gone.try_receive(Selector::First, buffer.truncating());
    let (result, calls) = before_each(&[libc::SYS_msgrcv], |_, _| (), receive);
    fails(result, ErrorKind::Removed, libc::EINVAL);
    assert_eq!(calls, 1);
}

/// R-MSG-07
#[test]
fn a_vector_grows_to_what_the_message_needs() {
    let queue = queue();
    let mut text = Vec::new();
    for len in [0, 1, 247, 248, 249, 256, 257, 1000, 8192] {
        let sent: Vec<u8> = (0..len).map(|byte| byte as u8).collect();
        queue.try_send(kind(1), &sent[..]).unwrap();
        queue.try_receive(Selector::First, &mut text).unwrap();
        assert_eq!(text, sent);
    }
    let mut exact = Vec::with_capacity(264);
    queue.try_send(kind(1), &[9_u8; 256]).unwrap();
    queue.try_receive(Selector::First, &mut exact).unwrap();
    assert_eq!(exact, [9; 256]);
}

/// R-MSG-08
#[test]
fn except_takes_the_oldest_of_another_type() {
    let queue = queue_of(&[1, 2, 1, 3]);
    let except = |of_type| taken(&queue, Selector::Except(kind(of_type)));
    assert_eq!([except(1), except(1), except(1)], [Some(1), Some(3), None]);
    assert_eq!([except(2), except(i64::MAX), except(2)], [Some(0), Some(2), None]);
}

/// R-MSG-09
#[test]
fn every_kind_of_buffer_gets_length_type_and_bytes() {
    let queue = queue();
    let send = || queue.send(kind(1 << 40), "bytes").unwrap();

    let mut heap = MessageBuffer::with_capacity(16);
    send();
    assert_eq!(queue.try_receive(Selector::First, &mut heap).unwrap(), kind(1 << 40));
    assert_eq!((heap.len(), heap.bytes(), heap.message_type()), (5, &b"bytes"[..], kind(1 << 40)));

    let mut array = MessageBuffer::new([0xee; 24]).unwrap();
    send();
    queue.try_receive(Selector::First, &mut array).unwrap();
    assert_eq!(array.bytes(), b"bytes");
    assert!(array.into_storage()[13..].iter().all(|&byte| byte == 0xee), "nothing behind the message was written");

    let mut memory = [0xee; 64];
    let mut slice = MessageBuffer::new(&mut memory[3..3 + 13]).unwrap();
    send();
    queue.try_receive(Selector::First, &mut slice).unwrap();
    assert_eq!((slice.bytes(), slice.capacity()), (&b"bytes"[..], 5));
    assert!(memory[..3].iter().chain(&memory[16..]).all(|&byte| byte == 0xee), "nothing around the slice was written");
}

/// R-MSG-09
#[test]
fn one_buffer_serves_for_sending_receiving_and_sending_on() {
    let (queue, next) = (queue(), queue());
    let mut buffer = MessageBuffer::new([0; 40]).unwrap();
    buffer.set(kind(9), b"round").unwrap();

    queue.send_buffer(&buffer).unwrap();
    buffer.set(kind(1), b"something else").unwrap();
    queue.receive(kind(9), &mut buffer).unwrap();
    buffer.set_type(kind(10));
    next.try_send_buffer(&buffer).unwrap();

    let mut text = Vec::new();
    assert_eq!(next.try_receive(Selector::First, &mut text).unwrap(), kind(10));
    assert_eq!(text, b"round");
}

/// R-MSG-09
#[test]
fn a_buffer_refuses_more_than_its_capacity_and_keeps_its_message() {
    let mut buffer = MessageBuffer::with_capacity(4);
    buffer.set(kind(2), b"four").unwrap();
    for result in [buffer.set(kind(3), b"five!"), buffer.set_len(5)] {
        let error = fails(result, ErrorKind::TooBig, libc::E2BIG);
        let text = "MessageBuffer of 5 bytes: E2BIG: the buffer takes messages of 4 bytes";
        assert_eq!(error.to_string(), text);
    }
    assert_eq!((buffer.message_type(), buffer.bytes()), (kind(2), &b"four"[..]));
    fails_here(MessageBuffer::new([0; 7]), ErrorKind::InvalidInput);
}

#[derive(Clone, Copy, Debug, PartialEq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct Record {
    number: u32,
    letters: [u8; 12],
}

#[derive(Clone, Copy, Debug, PartialEq, FromBytes, IntoBytes, Immutable)]
#[repr(C, align(64))]
struct Aligned([u8; 64]);

/// R-MSG-09 R-MSG-14
#[test]
fn a_value_is_received_as_it_was_sent() {
    let queue = queue();
    let record = Record { number: 7, letters: *b"twelve bytes" };

    queue.send(kind(3), &record).unwrap();
    assert_eq!(queue.receive_value::<Record>(Selector::First).unwrap(), (kind(3), record));
    queue.send(kind(4), &[record; 3]).unwrap();
    assert_eq!(queue.try_receive_value::<[Record; 3]>(Selector::First).unwrap(), (kind(4), [record; 3]));
    queue.send(kind(5), &Aligned([9; 64])).unwrap();
    assert_eq!(queue.try_receive_value::<Aligned>(Selector::First).unwrap(), (kind(5), Aligned([9; 64])));
    queue.send(kind(6), &u8::MAX).unwrap();
    assert_eq!(queue.receive_value_timeout::<u8>(Selector::First, LONG).unwrap(), (kind(6), 255));
    queue.send(kind(7), &record).unwrap();
    let mut buffer = MessageBuffer::with_capacity(64);
    queue.receive_interruptible(kind(7), &mut buffer).unwrap();
    assert_eq!(buffer.value::<Record>(), Some(record));
    assert_eq!(buffer.value::<u64>(), None);
}

/// R-MSG-07 R-MSG-09
#[test]
fn a_message_shorter_than_the_value_is_handed_over() {
    let queue = queue();
    queue.send(kind(8), "short").unwrap();

    let error = queue.try_receive_value::<Record>(Selector::First).unwrap_err();

    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(error.to_string(), "msgrcv: the message of type 8 has 5 bytes, the value 16");
    let ReceiveError::WrongLength { message, expected } = error else { panic!("{error}") };
    assert_eq!((message.kind, &message.bytes[..], expected), (kind(8), &b"short"[..], 16));
    assert_eq!(queue.status().unwrap().messages, 0, "it is out of the queue");
}

/// R-MSG-10
#[test]
fn the_status_tells_messages_bytes_users_and_times() {
    let queue = queue();
    let start = SystemTime::now() - Duration::from_secs(2);
    let handle = *queue;
    let child = fork(move || handle.send(kind(1), "123").map_or(1, |()| 0));
    let sender = child.pid();
    child.succeed();
    queue.send(kind(1), "45678").unwrap();
    queue.receive(Selector::First, &mut Vec::new()).unwrap();

    let status = queue.status().unwrap();

    let own = Pid::from_raw(std::process::id().cast_signed());
    assert_eq!((status.id, status.messages, status.bytes), (queue.id(), 1, 5));
    assert_eq!((status.last_sender, status.last_receiver), (own, own));
    assert_ne!(own, Pid::from_raw(sender));
    for time in [status.last_send, status.last_receive] {
        assert!((start..=SystemTime::now()).contains(&time.unwrap()));
    }
}

/// R-MSG-10
#[test]
fn the_last_sender_is_the_process_that_sent() {
    let queue = queue();
    let handle = *queue;
    let child = fork(move || handle.send(kind(1), "x").map_or(1, |()| 0));
    let sender = child.pid();
    child.succeed();
    assert_eq!(queue.status().unwrap().last_sender, Pid::from_raw(sender));
}

/// R-MSG-10
#[test]
fn removal_is_immediate_and_the_second_one_fails() {
    let queue = queue();
    queue.send(kind(1), "lost").unwrap();
    let handle = *queue;

    queue.remove().unwrap();

    fails(handle.remove(), ErrorKind::Removed, libc::EINVAL);
    fails(handle.status(), ErrorKind::Removed, libc::EINVAL);
    fails(handle.try_send(kind(1), "x"), ErrorKind::Removed, libc::EINVAL);
    fails(handle.send(kind(1), "x"), ErrorKind::Removed, libc::EINVAL);
    fails(handle.send_timeout(kind(1), "x", LONG), ErrorKind::Removed, libc::EINVAL);
    fails(handle.send_interruptible(kind(1), "x"), ErrorKind::Removed, libc::EINVAL);
    fails(handle.receive(Selector::First, &mut Vec::new()), ErrorKind::Removed, libc::EINVAL);
    fails(handle.receive_timeout(Selector::First, &mut Vec::new(), LONG), ErrorKind::Removed, libc::EINVAL);
    fails(handle.set_byte_limit(1), ErrorKind::Removed, libc::EINVAL);
    fails(handle.peek(0, &mut Vec::new()), ErrorKind::Removed, libc::EINVAL);
}

/// R-MSG-11
#[test]
fn the_owner_lowers_the_byte_limit_and_raises_it_up_to_msgmnb() {
    let queue = queue();
    let limit = u64::from(MessageQueue::limits().unwrap().queue_bytes);
    for bytes in [1, limit / 2, limit] {
        queue.set_byte_limit(bytes).unwrap();
        assert_eq!(queue.status().unwrap().byte_limit, bytes);
    }
}

/// R-MSG-11
#[test]
fn more_than_msgmnb_needs_a_capability() {
    const CAP_SYS_RESOURCE: u32 = 24;
    fn refused() {
        let queue = queue();
        let limit = u64::from(MessageQueue::limits().unwrap().queue_bytes);
        let error = fails(queue.set_byte_limit(limit + 1), ErrorKind::PermissionDenied, libc::EPERM);
        let reason = "only owner and creator may change the limit, and only CAP_SYS_RESOURCE above kernel.msgmnb";
        let text = format!("msgctl on queue {}, limit {} bytes: EPERM: {reason}", queue.id(), limit + 1);
        assert_eq!(error.to_string(), text);
        assert_eq!(queue.status().unwrap().byte_limit, limit);
    }
    if !has_capability(CAP_SYS_RESOURCE) {
        println!("skipped the raise: no CAP_SYS_RESOURCE");
        return refused();
    }
    let queue = queue();
    let limit = u64::from(MessageQueue::limits().unwrap().queue_bytes);
    queue.set_byte_limit(limit + 1).unwrap();
    assert_eq!(queue.status().unwrap().byte_limit, limit + 1);
    as_nobody(|| {
        refused();
        0
    });
}

/// R-MSG-12
#[test]
fn limits_and_usage_are_those_of_the_namespace() {
    in_namespace(|| {
        assert_eq!(MessageQueue::usage().unwrap().queues, 0);
        let (one, two) = (queue_of(&[1, 2, 3]), queue());
        two.send(kind(1), "ten bytes.").unwrap();

        let usage = MessageQueue::usage().unwrap();
        let limits = MessageQueue::limits().unwrap();

        assert_eq!((usage.queues, usage.messages, usage.bytes), (2, 4, 13));
        let sysctl = |name: &str| -> u32 {
            std::fs::read_to_string(format!("/proc/sys/kernel/{name}")).unwrap().trim().parse().unwrap()
        };
        assert_eq!(limits.queues, sysctl("msgmni"));
        assert_eq!(limits.message_bytes, sysctl("msgmax"));
        assert_eq!(limits.queue_bytes, sysctl("msgmnb"));
        let listed: Vec<_> = MessageQueue::list().unwrap().iter().map(|status| (status.id, status.messages)).collect();
        assert_eq!(listed, [(one.id(), 3), (two.id(), 1)]);
    });
}

/// R-MSG-13
#[test]
fn each_client_gets_the_reply_to_its_own_request() {
    const REQUEST: i64 = 888 << 32;
    let _watchdog = crate::support::watchdog();
    let queue = queue();
    let handle = *queue;
    let clients: Vec<_> = (0..4)
        .map(|_| {
            fork(move || {
                let pid = std::process::id();
                let mine = MessageType::from_pid(Pid::from_raw(pid.cast_signed()).unwrap());
                for round in 0..20_u32 {
                    handle.send(kind(REQUEST), &[pid, round]).unwrap();
                    let (_, reply) = handle.receive_value::<[u32; 2]>(mine).unwrap();
                    assert_eq!(reply, [pid, round * 2]);
                }
                0
            })
        })
        .collect();

    for _ in 0..4 * 20 {
        let (_, [pid, round]) = queue.receive_value::<[u32; 2]>(kind(REQUEST)).unwrap();
        queue.send(kind(i64::from(pid)), &[pid, round * 2]).unwrap();
    }

    for client in clients {
        client.succeed();
    }
    assert_eq!(queue.status().unwrap().messages, 0);
}

/// R-MSG-14
#[test]
fn messages_outlive_their_sender_and_keep_their_borders() {
    let queue = queue();
    let handle = *queue;
    fork(move || {
        for text in ["one", "", "three"] {
            handle.send(kind(1), text).unwrap();
        }
        0
    })
    .succeed();

    let texts: Vec<_> = queue.messages(Selector::First).take(3).map(|message| message.unwrap().bytes).collect();

    assert_eq!(texts, [&b"one"[..], b"", b"three"]);
}

/// R-MSG-15
#[test]
fn a_message_of_one_byte_is_a_notice() {
    let queue = queue();
    for notice in [b'r', b'r', b'q'] {
        queue.send(MessageType::MIN, &notice).unwrap();
    }
    let notices = [(); 3].map(|()| queue.receive_value::<u8>(Selector::First).unwrap().1);
    assert_eq!(notices, *b"rrq");
}

/// R-MSG-16
#[test]
fn a_peek_copies_by_place_and_leaves_the_message() {
    let queue = queue_of(&[5, 6]);
    let mut text = Vec::new();

    assert_eq!(queue.peek(1, &mut text).unwrap(), Some(kind(6)));
    assert_eq!(text, b"1");
    assert_eq!(queue.peek(0, &mut text).unwrap(), Some(kind(5)));
    assert_eq!(text, b"0");
    assert_eq!(queue.peek(2, &mut text).unwrap(), None);
    assert_eq!(queue.peek(usize::MAX, &mut text).unwrap(), None);

    let status = queue.status().unwrap();
    assert_eq!((status.messages, status.last_receive), (2, None));
}

/// R-MSG-07 R-MSG-16
#[test]
fn a_peek_into_a_short_buffer_is_too_big_or_cut() {
    let queue = queue();
    queue.send(kind(3), "longer").unwrap();
    queue.send(kind(3), &[1_u8; 2000]).unwrap();
    let mut buffer = MessageBuffer::with_capacity(4);

    fails(queue.peek(0, &mut buffer), ErrorKind::TooBig, libc::E2BIG);
    assert_eq!(queue.peek(0, buffer.truncating()).unwrap(), Some(kind(3)));
    assert_eq!(buffer.bytes(), b"long");
    let mut text = Vec::new();
    assert_eq!(queue.peek(1, &mut text).unwrap(), Some(kind(3)));
    assert_eq!(text, [1; 2000]);
    assert_eq!(queue.status().unwrap().messages, 2);
}

/// R-MSG-16
#[test]
fn the_kernel_copies_only_without_waiting_and_without_except() {
    let queue = queue_of(&[1]);
    let mut frame = [0_i64; 2];
    let mut receive = |flags| {
        // SAFETY: the kernel writes a type and at most 8 bytes, which is the frame.
        let len = unsafe { msgrcv(queue.id(), frame.as_mut_ptr().cast(), 8, 0, flags) };
        (len, errno())
    };
    assert_eq!(receive(MSG_COPY), (-1, libc::EINVAL));
    assert_eq!(receive(MSG_COPY | MSG_EXCEPT | IPC_NOWAIT), (-1, libc::EINVAL));
    assert_eq!(receive(MSG_COPY | IPC_NOWAIT).0, 1);
}

/// R-MSG-10
#[test]
fn the_messages_end_when_the_queue_is_removed() {
    let queue = queue_of(&[1, 1]);
    let mut messages = queue.messages(kind(1));
    assert_eq!(messages.next().unwrap().unwrap().bytes, b"0");
    assert_eq!(messages.next().unwrap().unwrap().bytes, b"1");

    queue.remove().unwrap();

    assert!(messages.next().is_none());
    assert!(messages.next().is_none());
}

/// R-MSG-10
#[test]
fn the_messages_end_after_an_error_that_they_report() {
    if !crate::tools::is_root() {
        return;
    }
    let queue = queue_of(&[1]);
    let handle = *queue;
    as_nobody(|| {
        let mut messages = handle.messages(Selector::First);
        fails(messages.next().unwrap(), ErrorKind::PermissionDenied, libc::EACCES);
        assert!(messages.next().is_none());
        0
    });
}
