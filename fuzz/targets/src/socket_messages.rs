//! Messages between two local sockets: datagrams and packets, received whole, cut or looked at, until an end closes; and frames on a
//! stream, which may come in pieces, be too long, or nonsense; against queues of messages.

use crate::steps::{Look, steps};
use arbitrary::{Arbitrary, Result, Unstructured};
use ipc_safe::error::{Errno, ErrorKind};
use ipc_safe::socket::{Datagram, FramedStream, Incoming, Kind, LocalSocket, LocalStream, Outgoing, SeqPacket};
use ipc_safe::testing::Resources;
use ipc_safe::testing::model::pipe::text;
use ipc_safe::testing::model::{Answer, Fault};
use std::collections::VecDeque;
use std::fs::File;
use std::io::IoSlice;
use std::os::fd::AsFd;

const LENGTHS: [usize; 13] = [1, 0, 7, 8, 255, 256, 4095, 4096, 4097, 8191, 8192, 8193, 16_384];
/// So many messages wait; more might not find room.
const WAITING: usize = 8;
const CLOSED: Fault = Fault { errno: None, kind: ErrorKind::Closed };
const TOO_BIG: Fault = Fault { errno: None, kind: ErrorKind::TooBig };
const BROKEN: Fault = Fault::new(Errno::from_raw(libc::EPIPE), ErrorKind::Closed);
const RESET: Fault = Fault::new(Errno::from_raw(libc::ECONNRESET), ErrorKind::Closed);
const REFUSED: Fault = Fault::new(Errno::from_raw(libc::ECONNREFUSED), ErrorKind::Refused);
const NOT_CONNECTED: Fault = Fault::new(Errno::from_raw(libc::ENOTCONN), ErrorKind::Closed);

#[derive(Clone, Copy, Debug)]
struct Len(usize);

impl<'a> Arbitrary<'a> for Len {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        u.choose(&LENGTHS).copied().map(Self)
    }
}

/// Runs one input.
pub fn run(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let Ok(what) = u.int_in_range(0..=3) else { return };
    let look = Look::at(Resources::DESCRIPTORS);
    match what {
        0 => Pair::<Datagram>::new(false).all(&mut u),
        1 => Pair::<SeqPacket>::new(true).all(&mut u),
        _ => Frames::new(what == 2).all(&mut u),
    }
    look.end();
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum How {
    Bytes,
    Peek,
    Message,
    PeekMessage,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Step {
    Send { side: bool, len: Len, byte: u8, vectored: bool },
    SendAgain { side: bool, len: Len, byte: u8 },
    Receive { side: bool, room: Len, how: How },
    ReceiveAgain { side: bool, room: Len, how: How },
    Close { side: bool },
}

/// One end, as the model has it.
#[derive(Debug, Default)]
struct End {
    incoming: VecDeque<Vec<u8>>,
    closed: bool,
    /// The other end closed before it had read all, and nobody was told yet.
    reset: bool,
    /// Found out that nobody is there, and forgot whom it was connected to.
    alone: bool,
}

struct Pair<K> {
    sockets: [Option<LocalSocket<K>>; 2],
    ends: [End; 2],
    packets: bool,
}

impl<K: Kind> Pair<K> {
    fn new(packets: bool) -> Self {
        let (one, other) = LocalSocket::pair().expect("a pair");
        Self { sockets: [Some(one), Some(other)], ends: Default::default(), packets }
    }

    fn all(mut self, u: &mut Unstructured<'_>) {
        for step in steps::<Step>(u) {
            match step {
                Step::Send { side, len: Len(len), byte, vectored } => self.send(side, &text(len, byte), vectored),
                Step::SendAgain { side, len: Len(len), byte } => self.send(side, &text(len, byte), false),
                Step::Receive { side, room: Len(room), how } | Step::ReceiveAgain { side, room: Len(room), how } => {
                    self.receive(side, room, how);
                }
                Step::Close { side } => self.close(usize::from(side)),
            }
        }
    }

    fn send(&mut self, side: bool, bytes: &[u8], vectored: bool) {
        let (from, to) = (usize::from(side), usize::from(!side));
        let Some(socket) = &self.sockets[from] else { return };
        if self.ends[to].incoming.len() == WAITING {
            return;
        }
        let (head, tail) = bytes.split_at(bytes.len() / 3);
        let slices = [IoSlice::new(head), IoSlice::new(tail)];
        let message = if vectored { Outgoing::vectored(&slices) } else { Outgoing::new(bytes) };
        let sent = socket.try_send(message).map_err(Fault::from);
        assert_eq!(sent, self.expected_of_send(from, to, bytes), "sending {} bytes", bytes.len());
    }

    fn expected_of_send(&mut self, from: usize, to: usize, bytes: &[u8]) -> Answer<usize> {
        if self.packets && bytes.is_empty() {
            return Err(Fault::INVALID);
        }
        let is_closed = self.ends[to].closed;
        let end = &mut self.ends[from];
        if self.packets && std::mem::take(&mut end.reset) {
            return Err(RESET);
        }
        if is_closed && self.packets {
            return Err(BROKEN);
        }
        if is_closed && std::mem::replace(&mut end.alone, true) {
            return Err(NOT_CONNECTED);
        }
        if is_closed {
            // What came from there goes with it.
            end.incoming.clear();
            return Err(REFUSED);
        }
        self.ends[to].incoming.push_back(bytes.to_vec());
        Ok(bytes.len())
    }

    fn receive(&mut self, side: bool, room: usize, how: How) {
        let at = usize::from(side);
        let Some(socket) = &self.sockets[at] else { return };
        let mut bytes = vec![0xee; room];
        let received = match how {
            How::Bytes => socket.try_receive(&mut bytes),
            How::Peek => socket.try_peek(&mut bytes),
            How::Message | How::PeekMessage => {
                let mut incoming = Incoming::new(&mut bytes);
                if matches!(how, How::PeekMessage) {
                    incoming = incoming.peek();
                }
                let received = socket.try_receive_message(&mut incoming);
                received.map(|received| {
                    let whole = self.ends[at].incoming.front().map_or(0, Vec::len);
                    assert_eq!((received.message_len, received.is_truncated()), (whole, whole > room));
                    assert!(received.descriptors.is_empty() && !received.descriptors_lost);
                    received.len
                })
            }
        };
        let expected = self.expected_of_receive(at, room, how);
        let came = expected.as_ref().map_or(0, Vec::len);
        assert_eq!(received.map_err(Fault::from), expected.as_ref().map(Vec::len).map_err(|fault| *fault), "{how:?}");
        if let Ok(message) = expected {
            assert!(bytes[..came] == message, "the bytes of the message");
            assert!(bytes[came..].iter().all(|&byte| byte == 0xee), "written behind the message");
        }
    }

    fn expected_of_receive(&mut self, at: usize, room: usize, how: How) -> Answer<Vec<u8>> {
        let ended = self.packets && self.ends[1 - at].closed;
        let end = &mut self.ends[at];
        if self.packets && std::mem::take(&mut end.reset) {
            return Err(RESET);
        }
        let Some(message) = end.incoming.front() else {
            return if ended { Ok(Vec::new()) } else { Err(Fault::WOULD_BLOCK) };
        };
        let (len, part) = (message.len(), message[..message.len().min(room)].to_vec());
        if matches!(how, How::Bytes | How::Message) {
            end.incoming.pop_front();
        }
        if matches!(how, How::Bytes) && len > room { Err(TOO_BIG) } else { Ok(part) }
    }

    fn close(&mut self, at: usize) {
        if self.sockets[at].take().is_some() {
            self.ends[at].closed = true;
            let unread = !self.ends[at].incoming.is_empty();
            self.ends[1 - at].reset |= unread && self.packets;
        }
    }
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum FrameStep {
    Send {
        len: Len,
        byte: u8,
        descriptors: u8,
    },
    SendAgain {
        len: Len,
        byte: u8,
    },
    /// Bytes that somebody sends who does not keep to frames, or cuts them.
    Header {
        len: Len,
        descriptors: u8,
        cut: u8,
    },
    Raw {
        len: Len,
        byte: u8,
    },
    Receive,
    ReceiveAgain {
        reuse: bool,
    },
    CloseSender,
    CloseReceiver,
}

/// What one call sent, and how many descriptors with its first byte.
struct Chunk {
    bytes: VecDeque<u8>,
    descriptors: usize,
}

const MAX_LEN: usize = 8192;
const MAX_DESCRIPTORS: usize = 2;
const HEADER: usize = 8;
const LOST: Fault = Fault::new(Errno::from_raw(libc::EMFILE), ErrorKind::LimitReached);
const VIOLATED: Fault = Fault::new(Errno::from_raw(libc::EPROTO), ErrorKind::Other);
const ENDED: Fault = Fault { errno: None, kind: ErrorKind::Truncated };

/// One sends, by frames or otherwise; the other receives.
struct Frames {
    file: File,
    sender: Option<FramedStream>,
    receiver: Option<FramedStream>,
    max_descriptors: usize,
    chunks: VecDeque<Chunk>,
    header: Vec<u8>,
    body: Vec<u8>,
    came: usize,
    /// Who sends, and who receives.
    broken: [bool; 2],
}

impl Frames {
    fn new(descriptors: bool) -> Self {
        let (one, other) = LocalStream::pair().expect("a pair");
        let max_descriptors = if descriptors { MAX_DESCRIPTORS } else { 0 };
        let receiver = FramedStream::new(other).max_len(MAX_LEN).max_descriptors(max_descriptors);
        Self {
            file: File::open("/dev/null").expect("a file that every system has"),
            sender: Some(FramedStream::new(one)),
            receiver: Some(receiver),
            max_descriptors,
            chunks: VecDeque::new(),
            header: Vec::new(),
            body: Vec::new(),
            came: 0,
            broken: [false; 2],
        }
    }

    fn all(mut self, u: &mut Unstructured<'_>) {
        for step in steps::<FrameStep>(u) {
            match step {
                FrameStep::Send { len: Len(len), byte, descriptors } => {
                    self.send(&text(len, byte), usize::from(descriptors % 4));
                }
                FrameStep::SendAgain { len: Len(len), byte } => self.send(&text(len, byte), 0),
                FrameStep::Header { len: Len(len), descriptors, cut } => {
                    let numbers = [len as u32, u32::from(descriptors % 4)].map(u32::to_le_bytes);
                    let header = numbers.as_flattened();
                    self.send_raw(&header[..HEADER - usize::from(cut % 8)]);
                }
                FrameStep::Raw { len: Len(len), byte } => self.send_raw(&text(len, byte)),
                FrameStep::Receive => self.receive(false),
                FrameStep::ReceiveAgain { reuse } => self.receive(reuse),
                FrameStep::CloseSender => drop(self.sender.take()),
                FrameStep::CloseReceiver => drop(self.receiver.take()),
            }
        }
    }

    fn send(&mut self, bytes: &[u8], count: usize) {
        let Some(sender) = &mut self.sender else { return };
        if self.chunks.len() == WAITING {
            return;
        }
        let sent = sender.try_send(bytes, &vec![self.file.as_fd(); count]).map_err(Fault::from);
        let expected = match (self.broken[0], &self.receiver) {
            (true, _) => Err(CLOSED),
            (false, None) => Err(BROKEN),
            (false, Some(_)) => Ok(()),
        };
        assert_eq!(sent, expected, "a frame of {} bytes", bytes.len());
        assert_eq!(sender.unsent(), 0, "there is room for all");
        self.broken[0] |= sent.is_err();
        if sent.is_ok() {
            let numbers = [bytes.len() as u32, count as u32].map(u32::to_le_bytes);
            self.push(&[numbers.as_flattened(), bytes].concat(), count);
        }
    }

    fn send_raw(&mut self, bytes: &[u8]) {
        let Some(sender) = &self.sender else { return };
        if bytes.is_empty() || self.chunks.len() == WAITING {
            return;
        }
        let sent = sender.stream().try_send(bytes).map_err(Fault::from);
        assert_eq!(sent, if self.receiver.is_some() { Ok(bytes.len()) } else { Err(BROKEN) });
        if sent.is_ok() {
            self.push(bytes, 0);
        }
    }

    fn push(&mut self, bytes: &[u8], descriptors: usize) {
        self.chunks.push_back(Chunk { bytes: bytes.iter().copied().collect(), descriptors });
    }

    fn receive(&mut self, reuse: bool) {
        let Some(receiver) = &mut self.receiver else { return };
        let received = receiver.try_receive().map_err(Fault::from);
        let told = match &received {
            Ok(Some(frame)) => Ok(Some((frame.bytes.clone(), frame.descriptors.len()))),
            Ok(None) => Ok(None),
            Err(fault) => Err(*fault),
        };
        if let (Ok(Some(frame)), true) = (received, reuse) {
            receiver.reuse(frame);
        }
        let expected = if self.broken[1] { Err(CLOSED) } else { self.advance() };
        self.broken[1] |= expected.as_ref().is_err_and(|fault| *fault != Fault::WOULD_BLOCK);
        assert!(told == expected, "{:?}, and {:?}", told.map(|_| ()), expected.map(|_| ()));
    }

    /// As much as comes of the next frame.
    fn advance(&mut self) -> Answer<Option<(Vec<u8>, usize)>> {
        while self.header.len() < HEADER {
            let (bytes, descriptors) = self.take(HEADER - self.header.len())?;
            if descriptors > self.max_descriptors {
                return Err(LOST);
            }
            if bytes.is_empty() {
                return if self.header.is_empty() { Ok(None) } else { Err(ENDED) };
            }
            self.header.extend(bytes);
            self.came += descriptors;
            if self.came > self.max_descriptors {
                return Err(TOO_BIG);
            }
        }
        let number =
            |at: usize| self.header[at..at + 4].iter().rev().fold(0, |all, &byte| all << 8 | usize::from(byte));
        let (len, announced) = (number(0), number(4));
        if len > MAX_LEN {
            return Err(TOO_BIG);
        }
        if announced != self.came {
            return Err(VIOLATED);
        }
        while self.body.len() < len {
            match self.take(len - self.body.len())? {
                (_, 1..) => return Err(VIOLATED),
                (bytes, 0) if bytes.is_empty() => return Err(ENDED),
                (bytes, 0) => self.body.extend(bytes),
            }
        }
        self.header.clear();
        Ok(Some((std::mem::take(&mut self.body), std::mem::take(&mut self.came))))
    }

    /// What the kernel gives one call: never more behind what descriptors came with.
    fn take(&mut self, room: usize) -> Answer<(Vec<u8>, usize)> {
        let (mut bytes, mut descriptors) = (Vec::new(), 0);
        while let Some(chunk) = self.chunks.front_mut() {
            descriptors += std::mem::take(&mut chunk.descriptors);
            let part = chunk.bytes.len().min(room - bytes.len());
            bytes.extend(chunk.bytes.drain(..part));
            if chunk.bytes.is_empty() {
                self.chunks.pop_front();
            }
            if descriptors > 0 || bytes.len() == room {
                break;
            }
        }
        if bytes.is_empty() && self.sender.is_some() { Err(Fault::WOULD_BLOCK) } else { Ok((bytes, descriptors)) }
    }
}
