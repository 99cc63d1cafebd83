//! A message sent and received.

use crate::buffer::Buffer;
use crate::{Bar, Case};
use ipc_safe::sysv::{MessageBuffer, MessageQueue, MessageType, Owned, Selector};
use libc::{c_long, c_void};
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::rc::Rc;
use std::time::Duration;

const BAR: Bar = Bar::OverControl(0.03);

/// The bytes of a frame before the text.
const HEADER: usize = size_of::<c_long>();

pub(crate) fn cases() -> Vec<Case> {
    let queue = Rc::new(MessageQueue::private().expect("a queue"));
    vec![
        in_buffers::<64>("send_buffer + receive, 64 B", &queue),
        in_buffers::<4096>("send_buffer + receive, 4 KiB", &queue),
        by_value::<64>("send + receive_value, 64 B", BAR, &queue),
        // No bar: such a value is copied once more on its way out of the `Result`. Large messages travel in buffers.
        by_value::<4096>("send + receive_value, 4 KiB", Bar::None, &queue),
        timed("send_buffer + receive_timeout (it is there), 64 B", &queue),
    ]
}

/// The message of a C program.
#[repr(C)]
struct Frame<const N: usize> {
    kind: c_long,
    text: [u8; N],
}

fn send_frame<const N: usize>(id: i32, frame: &Frame<N>) {
    // SAFETY: the kernel reads the type and `N` bytes, which are the frame.
    let result = unsafe { libc::msgsnd(id, (&raw const *frame).cast::<c_void>(), N, 0) };
    assert_eq!(result, 0);
}

/// `frame` has room for a frame. Afterwards there is one.
fn receive_at<const N: usize>(id: i32, frame: *mut Frame<N>) {
    // SAFETY: the kernel writes the type and at most `N` bytes, which are the frame.
    let result = unsafe { libc::msgrcv(id, frame.cast::<c_void>(), N, 0, 0) };
    assert_eq!(result, N as isize);
}

/// Both sides send the same message again and again, and receive it into other memory; it is the same memory for both.
fn in_buffers<const N: usize>(name: &str, queue: &Rc<Owned<MessageQueue>>) -> Case {
    let frames = Frames::new(N);
    let ours = {
        let (sent, mut received) = frames.as_buffers();
        let queue = Rc::clone(queue);
        move || {
            queue.send_buffer(black_box(&sent)).unwrap();
            queue.receive(Selector::First, &mut received).unwrap();
            black_box(received.bytes());
        }
    };
    Case::new(name, BAR, || raw_in_frames::<N>(frames, queue), ours)
}

fn raw_in_frames<const N: usize>(frames: Frames, queue: &Rc<Owned<MessageQueue>>) -> impl FnMut() + use<N> {
    let queue = Rc::clone(queue);
    let sent = frames.sent.bytes().as_ptr().cast::<Frame<N>>();
    let received = frames.received.bytes().as_mut_ptr().cast::<Frame<N>>();
    move || {
        // SAFETY: it is a frame, and nobody changes it.
        send_frame(queue.id(), unsafe { &*black_box(sent) });
        receive_at(queue.id(), received);
        // SAFETY: it is a frame now.
        black_box(unsafe { &(*received).text });
    }
}

/// The memory of two frames.
#[derive(Clone, Copy)]
struct Frames {
    sent: Buffer,
    received: Buffer,
}

impl Frames {
    fn new(len: usize) -> Self {
        Self { sent: Buffer::new(HEADER + len, 0), received: Buffer::new(HEADER + len, 0) }
    }

    /// As the crate's buffers; in the first one there is a message.
    fn as_buffers(self) -> (MessageBuffer<Buffer>, MessageBuffer<Buffer>) {
        let mut sent = MessageBuffer::new(self.sent).unwrap();
        sent.set(MessageType::MIN, &vec![7; sent.capacity()]).unwrap();
        (sent, MessageBuffer::new(self.received).unwrap())
    }
}

/// Both sides send what is in some array of bytes, and have the received bytes as a value of its own, without the type.
fn by_value<const N: usize>(name: &str, bar: Bar, queue: &Rc<Owned<MessageQueue>>) -> Case
where
    [u8; N]: ipc_safe::shared::Plain,
{
    let raw = || {
        let (queue, text) = (Rc::clone(queue), Box::new([7_u8; N]));
        move || {
            let text = black_box(&*text);
            send_frame(queue.id(), &Frame { kind: 1, text: *text });
            let mut received = MaybeUninit::<Frame<N>>::uninit();
            receive_at(queue.id(), received.as_mut_ptr());
            // SAFETY: all of it is received.
            let value = unsafe { received.assume_init_ref() }.text;
            black_box(&value);
        }
    };
    let ours = {
        let (queue, text) = (Rc::clone(queue), Box::new([7_u8; N]));
        move || {
            queue.send(MessageType::MIN, black_box(&*text)).unwrap();
            let (_, value) = queue.receive_value::<[u8; N]>(Selector::First).unwrap();
            black_box(&value);
        }
    };
    Case::new(name, bar, raw, ours)
}

/// What a deadline costs when nothing has to be waited for: two looks at the clock.
fn timed(name: &str, queue: &Rc<Owned<MessageQueue>>) -> Case {
    const N: usize = 64;
    let frames = Frames::new(N);
    let ours = {
        let (sent, mut received) = frames.as_buffers();
        let queue = Rc::clone(queue);
        move || {
            queue.send_buffer(black_box(&sent)).unwrap();
            queue.receive_timeout(Selector::First, &mut received, Duration::from_secs(1)).unwrap();
            black_box(received.bytes());
        }
    };
    Case::new(name, Bar::None, || raw_in_frames::<N>(frames, queue), ours)
}
