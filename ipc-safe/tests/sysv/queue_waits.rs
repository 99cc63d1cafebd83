//! Waiting on queues: what ends it, in each of the four forms.

use crate::support::{fork, watchdog};
use crate::tools::{LONG, PLAIN, RESTARTING, SHORT, Waiting, fails, kind};
use ipc_safe::error::ErrorKind;
use ipc_safe::sysv::{MessageBuffer, MessageQueue, Owned, ReceiveError, Selector};
use libc::{SYS_clock_nanosleep, SYS_msgrcv, SYS_msgsnd};
use std::time::Instant;

/// A queue that takes one message of one byte, and has it.
fn full() -> Owned<MessageQueue> {
    let queue = MessageQueue::private().expect("a queue");
    queue.set_byte_limit(1).expect("a lower limit");
    queue.try_send(kind(1), "a").expect("room");
    queue
}

fn empty() -> Owned<MessageQueue> {
    MessageQueue::private().expect("a queue")
}

fn buffer(text: &[u8]) -> MessageBuffer {
    let mut buffer = MessageBuffer::with_capacity(16);
    buffer.set(kind(2), text).expect("room");
    buffer
}

/// Each form of sending "b" that waits in the kernel.
fn waiting_sends() -> [fn(MessageQueue) -> ipc_safe::Result<()>; 4] {
    [
        |queue| queue.send(kind(2), "b"),
        |queue| queue.send_interruptible(kind(2), "b"),
        |queue| queue.send_buffer(&buffer(b"b")),
        |queue| queue.send_buffer_interruptible(&buffer(b"b")),
    ]
}

fn timed_sends() -> [fn(MessageQueue) -> ipc_safe::Result<()>; 2] {
    [|queue| queue.send_timeout(kind(2), "b", LONG), |queue| queue.send_buffer_timeout(&buffer(b"b"), LONG)]
}

type Received = ipc_safe::Result<u8>;

fn byte(received: Result<(ipc_safe::sysv::MessageType, u8), ReceiveError>) -> Received {
    received.map(|(_, byte)| byte).map_err(Into::into)
}

fn waiting_receives() -> [fn(MessageQueue) -> Received; 5] {
    [
        |queue| {
            let mut text = Vec::new();
            queue.receive(kind(2), &mut text).map(|_| text[0])
        },
        |queue| {
            let mut buffer = MessageBuffer::new([0; 9]).expect("room for the type");
            queue.receive(kind(2), &mut buffer).map(|_| buffer.bytes()[0])
        },
        |queue| {
            let mut text = Vec::new();
            queue.receive_interruptible(kind(2), &mut text).map(|_| text[0])
        },
        |queue| byte(queue.receive_value(kind(2))),
        |queue| byte(queue.receive_value_interruptible(kind(2))),
    ]
}

fn timed_receives() -> [fn(MessageQueue) -> Received; 2] {
    [
        |queue| {
            let mut text = Vec::new();
            queue.receive_timeout(kind(2), &mut text, LONG).map(|_| text[0])
        },
        |queue| byte(queue.receive_value_timeout(kind(2), LONG)),
    ]
}

/// R-MSG-03 R-MSG-04
#[test]
fn a_waiting_send_ends_when_there_is_room() {
    let _watchdog = watchdog();
    let kernel = waiting_sends().map(|send| (SYS_msgsnd, send));
    let timed = timed_sends().map(|send| (SYS_clock_nanosleep, send));
    for (call, send) in kernel.into_iter().chain(timed) {
        let queue = full();
        let handle = *queue;
        let sender = Waiting::in_call(call, move || send(handle));

        queue.receive(kind(1), &mut Vec::new()).unwrap();

        sender.finish().unwrap();
        assert_eq!(queue.try_receive_value::<u8>(Selector::First).unwrap(), (kind(2), b'b'));
    }
}

/// R-MSG-04 R-MSG-10
#[test]
fn a_waiting_send_ends_when_the_queue_is_removed() {
    let _watchdog = watchdog();
    for send in waiting_sends() {
        let queue = full();
        let handle = *queue;
        let sender = Waiting::in_call(SYS_msgsnd, move || send(handle));

        queue.remove().unwrap();

        let error = fails(sender.finish(), ErrorKind::Removed, libc::EIDRM);
        let text = format!("msgsnd on queue {}: EIDRM: it was removed while the call waited", handle.id());
        assert_eq!(error.to_string(), text);
    }
    for send in timed_sends() {
        let queue = full();
        let handle = *queue;
        let sender = Waiting::in_call(SYS_clock_nanosleep, move || send(handle));

        queue.remove().unwrap();

        fails(sender.finish(), ErrorKind::Removed, libc::EINVAL);
    }
}

/// R-MSG-04
#[test]
fn a_signal_handler_ends_an_interruptible_send_also_with_restart() {
    let _watchdog = watchdog();
    for signal in [PLAIN, RESTARTING] {
        for send in [waiting_sends()[1], waiting_sends()[3]] {
            let queue = full();
            let handle = *queue;
            let sender = Waiting::in_call(SYS_msgsnd, move || send(handle));

            sender.signal(signal);

            let error = fails(sender.finish(), ErrorKind::Interrupted, libc::EINTR);
            assert!(error.is_interrupted());
            assert_eq!(queue.status().unwrap().messages, 1, "nothing was sent");
        }
    }
}

/// R-MSG-04
#[test]
fn the_other_sends_go_on_after_signals_and_send_once() {
    let _watchdog = watchdog();
    let kernel = [waiting_sends()[0], waiting_sends()[2]].map(|send| (SYS_msgsnd, send));
    let timed = timed_sends().map(|send| (SYS_clock_nanosleep, send));
    for (call, send) in kernel.into_iter().chain(timed) {
        let queue = full();
        let handle = *queue;
        let sender = Waiting::in_call(call, move || send(handle));

        let sent = sender.finish_in_storm(|| {
            queue.receive(kind(1), &mut Vec::new()).unwrap();
            queue.set_byte_limit(10).unwrap();
        });

        sent.unwrap();
        assert_eq!(queue.status().unwrap().messages, 1);
        assert_eq!(queue.try_receive_value::<u8>(Selector::First).unwrap(), (kind(2), b'b'));
    }
}

/// R-MSG-03
#[test]
fn a_timed_send_gives_up_at_its_deadline_and_sends_nothing() {
    let queue = full();
    let sends: [fn(MessageQueue) -> ipc_safe::Result<()>; 2] =
        [|queue| queue.send_timeout(kind(2), "b", SHORT), |queue| queue.send_buffer_timeout(&buffer(b"b"), SHORT)];
    for send in sends {
        let start = Instant::now();
        fails(send(*queue), ErrorKind::TimedOut, libc::ETIMEDOUT);
        assert!((SHORT..LONG).contains(&start.elapsed()));
    }
    fails(queue.try_send_buffer(&buffer(b"b")), ErrorKind::WouldBlock, libc::EAGAIN);
    assert_eq!(queue.status().unwrap().messages, 1);
}

/// R-MSG-06
#[test]
fn a_waiting_receive_ends_when_a_message_of_its_type_comes() {
    let _watchdog = watchdog();
    let kernel = waiting_receives().map(|receive| (SYS_msgrcv, receive));
    let timed = timed_receives().map(|receive| (SYS_clock_nanosleep, receive));
    for (call, receive) in kernel.into_iter().chain(timed) {
        let queue = empty();
        let handle = *queue;
        let receiver = Waiting::in_call(call, move || receive(handle));

        queue.send(kind(1), "a").unwrap();
        receiver.sleeps_in(call);
        queue.send(kind(2), "b").unwrap();

        assert_eq!(receiver.finish().unwrap(), b'b');
        assert_eq!(queue.status().unwrap().messages, 1);
    }
}

/// R-MSG-10
#[test]
fn a_waiting_receive_ends_when_the_queue_is_removed() {
    let _watchdog = watchdog();
    for receive in waiting_receives() {
        let queue = empty();
        let handle = *queue;
        let receiver = Waiting::in_call(SYS_msgrcv, move || receive(handle));

        queue.remove().unwrap();

        fails(receiver.finish(), ErrorKind::Removed, libc::EIDRM);
    }
    for receive in timed_receives() {
        let queue = empty();
        let handle = *queue;
        let receiver = Waiting::in_call(SYS_clock_nanosleep, move || receive(handle));

        queue.remove().unwrap();

        fails(receiver.finish(), ErrorKind::Removed, libc::EINVAL);
    }
}

/// R-MSG-04 R-MSG-06
#[test]
fn a_signal_handler_ends_an_interruptible_receive_also_with_restart() {
    let _watchdog = watchdog();
    for signal in [PLAIN, RESTARTING] {
        for receive in [waiting_receives()[2], waiting_receives()[4]] {
            let queue = empty();
            let handle = *queue;
            let receiver = Waiting::in_call(SYS_msgrcv, move || receive(handle));

            receiver.signal(signal);

            fails(receiver.finish(), ErrorKind::Interrupted, libc::EINTR);
        }
    }
}

/// R-MSG-04 R-MSG-06
#[test]
fn the_other_receives_go_on_after_signals_and_receive_once() {
    let _watchdog = watchdog();
    let receives = waiting_receives();
    let kernel = [receives[0], receives[1], receives[3]].map(|receive| (SYS_msgrcv, receive));
    let timed = timed_receives().map(|receive| (SYS_clock_nanosleep, receive));
    for (call, receive) in kernel.into_iter().chain(timed) {
        let queue = empty();
        let handle = *queue;
        let receiver = Waiting::in_call(call, move || receive(handle));

        let received = receiver.finish_in_storm(|| {
            queue.send(kind(2), "b").unwrap();
            queue.send(kind(2), "c").unwrap();
        });

        assert_eq!(received.unwrap(), b'b');
        assert_eq!(queue.try_receive_value::<u8>(Selector::First).unwrap(), (kind(2), b'c'));
        assert_eq!(queue.status().unwrap().messages, 0);
    }
}

/// R-MSG-06
#[test]
fn a_timed_receive_gives_up_at_its_deadline() {
    let queue = empty();
    queue.send(kind(1), "another type").unwrap();
    let receives: [fn(MessageQueue) -> Received; 2] = [
        |queue| queue.receive_timeout(kind(2), &mut Vec::new(), SHORT).map(|_| 0),
        |queue| byte(queue.receive_value_timeout(kind(2), SHORT)),
    ];
    for receive in receives {
        let start = Instant::now();
        fails(receive(*queue), ErrorKind::TimedOut, libc::ETIMEDOUT);
        assert!((SHORT..LONG).contains(&start.elapsed()));
    }
    assert_eq!(queue.status().unwrap().messages, 1);
}

/// R-MSG-04
#[test]
fn a_timed_form_without_time_still_tries_once() {
    use std::time::Duration;
    let queue = full();
    fails(queue.send_timeout(kind(2), "b", Duration::ZERO), ErrorKind::TimedOut, libc::ETIMEDOUT);
    let (_, byte) = queue.receive_value_timeout::<u8>(Selector::First, Duration::ZERO).unwrap();
    assert_eq!(byte, b'a');
    queue.send_timeout(kind(2), "b", Duration::ZERO).unwrap();
    queue.receive_timeout(Selector::First, &mut Vec::new(), Duration::MAX).unwrap();
}

/// R-MSG-04
#[test]
fn a_timed_form_keeps_its_deadline_though_signals_come() {
    let _watchdog = watchdog();
    let queue = full();
    let handle = *queue;
    let time = SHORT * 10;
    let start = Instant::now();
    let sender = Waiting::in_call(SYS_clock_nanosleep, move || handle.send_timeout(kind(2), "b", time));

    while !sender.is_finished() {
        sender.signal(RESTARTING);
    }

    fails(sender.finish(), ErrorKind::TimedOut, libc::ETIMEDOUT);
    assert!((time..LONG).contains(&start.elapsed()), "{:?}", start.elapsed());
}

/// R-MSG-10 R-MSG-14
#[test]
fn the_messages_wait_for_each_and_end_with_the_queue() {
    let _watchdog = watchdog();
    let queue = empty();
    let handle = *queue;
    let reader = Waiting::in_call(SYS_msgrcv, move || {
        handle.messages(Selector::First).map(|message| message.expect("no error").bytes).collect::<Vec<_>>()
    });

    fork(move || handle.send(kind(1), "one").map_or(1, |()| 0)).succeed();
    reader.sleeps_in(SYS_msgrcv);
    queue.send(kind(1), "two").unwrap();
    crate::support::eventually("both are read", || queue.status().unwrap().messages == 0);
    reader.sleeps_in(SYS_msgrcv);
    queue.remove().unwrap();

    assert_eq!(reader.finish(), [b"one", b"two"]);
}

/// R-MSG-03 R-MSG-14
#[test]
fn several_senders_and_receivers_lose_and_double_nothing() {
    const SENDERS: u32 = 3;
    const EACH: u32 = 400;
    let _watchdog = watchdog();
    let queue = empty();
    queue.set_byte_limit(40).unwrap();
    let handle = *queue;
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            fork(move || {
                for number in 0..EACH {
                    handle.send(kind(i64::from(sender) + 1), &[sender, number]).unwrap();
                }
                0
            })
        })
        .collect();
    let receivers: Vec<_> = (0..2)
        .map(|_| {
            std::thread::spawn(move || {
                let mut seen = Vec::new();
                while let Ok((of_type, value)) = handle.receive_value::<[u32; 2]>(Selector::First) {
                    assert_eq!(of_type.get(), i64::from(value[0]) + 1);
                    seen.push(value);
                }
                seen
            })
        })
        .collect();

    for sender in senders {
        sender.succeed();
    }
    crate::support::eventually("all are read", || queue.status().unwrap().messages == 0);
    queue.remove().unwrap();
    let seen: Vec<Vec<[u32; 2]>> = receivers.into_iter().map(|receiver| receiver.join().unwrap()).collect();

    for one in &seen {
        for sender in 0..SENDERS {
            let numbers = one.iter().filter(|value| value[0] == sender).map(|value| value[1]);
            assert!(numbers.is_sorted_by(|a, b| a < b), "out of order");
        }
    }
    let mut all = seen.concat();
    all.sort_unstable();
    let expected: Vec<_> = (0..SENDERS).flat_map(|sender| (0..EACH).map(move |number| [sender, number])).collect();
    assert_eq!(all, expected);
}
