//! Message queues.

use crate::support::fork;
use crate::weather::{LONG, SHORT, at_last, in_storm, is_interrupted, times_out};
use ipc_safe::Error;
use ipc_safe::sysv::{MessageBuffer, MessageQueue, MessageType, Selector};

const COUNT: u32 = 4000;
const KIND: MessageType = MessageType::MIN;

/// A queue that has room for a few messages only, so that both sides wait.
fn small() -> ipc_safe::sysv::Owned<MessageQueue> {
    let queue = MessageQueue::private().unwrap();
    queue.set_byte_limit(16).unwrap();
    queue
}

fn buffer(text: &[u8]) -> MessageBuffer {
    let mut buffer = MessageBuffer::with_capacity(16);
    buffer.set(KIND, text).unwrap();
    buffer
}

/// R-MSG-04 R-SIG-16: each message once, in order.
#[test]
fn receiving_by_every_form() {
    in_storm(|_| {
        let queue = small();
        let handle = *queue;
        let sender = fork(move || {
            (0..COUNT).for_each(|number| handle.send(KIND, &number.to_ne_bytes()[..]).unwrap());
            0
        });
        for number in 0..COUNT {
            let mut text = Vec::new();
            let received = match number % 6 {
                0 => queue.receive_value(Selector::First).unwrap().1,
                1 => queue.receive_value_timeout(Selector::First, LONG).unwrap().1,
                2 => at_last(|| queue.receive_value_interruptible::<u32>(Selector::First)).1,
                form => {
                    match form {
                        3 => queue.receive(KIND, &mut text).unwrap(),
                        4 => queue.receive_timeout(KIND, &mut text, LONG).unwrap(),
                        _ => at_last(|| queue.receive_interruptible(KIND, &mut text)),
                    };
                    u32::from_ne_bytes(text[..].try_into().unwrap())
                }
            };
            assert_eq!(received, number);
        }
        sender.succeed();
        assert_eq!(queue.status().unwrap().messages, 0);
    });
}

/// R-MSG-04 R-SIG-16
#[test]
fn sending_by_every_form() {
    in_storm(|_| {
        let queue = small();
        let handle = *queue;
        let receiver = fork(move || {
            let received = |number| handle.receive_value::<u32>(Selector::First).unwrap().1 == number;
            i32::from(!(0..COUNT).all(received))
        });
        for number in 0..COUNT {
            let text = &number.to_ne_bytes()[..];
            match number % 6 {
                0 => queue.send(KIND, text).unwrap(),
                1 => queue.send_timeout(KIND, text, LONG).unwrap(),
                2 => at_last(|| queue.send_interruptible(KIND, text)),
                3 => queue.send_buffer(&buffer(text)).unwrap(),
                4 => queue.send_buffer_timeout(&buffer(text), LONG).unwrap(),
                _ => at_last(|| queue.send_buffer_interruptible(&buffer(text))),
            }
        }
        receiver.succeed();
        assert_eq!(queue.status().unwrap().messages, 0);
    });
}

/// R-MSG-04 R-SIG-16: nothing is taken and nothing sent by a call that was interrupted or ran out of time.
#[test]
fn waiting_in_vain() {
    in_storm(|_| {
        let queue = small();
        is_interrupted(|| queue.receive_interruptible(KIND, &mut Vec::new()));
        is_interrupted(|| queue.receive_value_interruptible::<u32>(KIND).map_err(Error::from));
        times_out(|| queue.receive_timeout(KIND, &mut Vec::new(), SHORT));
        times_out(|| queue.receive_value_timeout::<u32>(KIND, SHORT).map_err(Error::from));

        queue.try_send(KIND, &[7_u8; 16][..]).unwrap();
        is_interrupted(|| queue.send_interruptible(KIND, &[8_u8][..]));
        is_interrupted(|| queue.send_buffer_interruptible(&buffer(&[8])));
        times_out(|| queue.send_timeout(KIND, &[8_u8][..], SHORT));
        times_out(|| queue.send_buffer_timeout(&buffer(&[8]), SHORT));
        assert_eq!(queue.status().unwrap().messages, 1);
    });
}
