//! Control messages: descriptors and credentials that really come with a message, taken, cut and looked at, and counted; and the
//! control data of any bytes, against a reader that goes by cmsg(3).

use crate::steps::{Look, steps};
use arbitrary::{Arbitrary, Unstructured};
use ipc_safe::socket::{Credentials, Datagram, Incoming, Kind, LocalSocket, Outgoing, Received, SeqPacket};
use ipc_safe::testing::Resources;
use ipc_safe::testing::internals::{ControlItem, control_items};
use ipc_safe::testing::model::{Answer, Fault};
use std::collections::VecDeque;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

/// Files to send, each another one.
const FILES: [&str; 4] = ["/dev/null", "/dev/zero", "/dev/full", "/proc/self/exe"];
/// How many come with a message, and how many there is room for: around what a small buffer takes.
const COUNTS: [usize; 8] = [1, 0, 2, 3, 4, 5, 6, 40];
/// The most messages that wait.
const WAITING: usize = 4;

#[derive(Clone, Copy, Debug)]
struct Count(usize);

impl<'a> Arbitrary<'a> for Count {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        u.choose(&COUNTS).copied().map(Self)
    }
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Step {
    Send {
        count: Count,
        first: u8,
        len: u8,
        credentials: bool,
    },
    Receive {
        room: Count,
        len: u8,
        peek: bool,
    },
    ReceiveAgain {
        room: Count,
        len: u8,
    },
    /// Bytes alone: what came with them is lost.
    ReceiveBytes,
    PassCredentials(bool),
    PassPidfd(bool),
}

/// Runs one input.
pub fn run(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let Ok(what) = u.int_in_range(0..=3) else { return };
    let look = Look::at(Resources::DESCRIPTORS);
    match what {
        0 => Pair::<Datagram>::new().all(&mut u),
        1 => Pair::<SeqPacket>::new().all(&mut u),
        2 => control(data),
        _ => steps::<Piece>(&mut u).fold(Control::default(), Control::push).check(),
    }
    look.end();
}

struct Message {
    len: usize,
    /// Which files, in order.
    files: Vec<usize>,
    credentials: bool,
}

struct Pair<K> {
    files: [File; FILES.len()],
    sender: LocalSocket<K>,
    receiver: LocalSocket<K>,
    messages: VecDeque<Message>,
    pass_credentials: bool,
    pass_pidfd: bool,
}

impl<K: Kind> Pair<K> {
    fn new() -> Self {
        let files = FILES.map(|name| File::open(name).expect("a file that every system has"));
        let (sender, receiver) = LocalSocket::pair().expect("a pair");
        Self { files, sender, receiver, messages: VecDeque::new(), pass_credentials: false, pass_pidfd: false }
    }

    fn all(mut self, u: &mut Unstructured<'_>) {
        for step in steps::<Step>(u) {
            match step {
                Step::Send { count: Count(count), first, len, credentials } => {
                    self.send(count, first.into(), usize::from(len) + 1, credentials);
                }
                Step::Receive { room: Count(room), len, peek } => self.receive(room, len.into(), peek),
                Step::ReceiveAgain { room: Count(room), len } => self.receive(room, len.into(), false),
                Step::ReceiveBytes => self.receive_bytes(),
                Step::PassCredentials(pass) => {
                    self.receiver.pass_credentials(pass).expect("an option that there is");
                    self.pass_credentials = pass;
                }
                // Kernels before 6.5 have it not.
                Step::PassPidfd(pass) => self.pass_pidfd = self.receiver.pass_pidfd(pass).is_ok() && pass,
            }
        }
    }

    fn send(&mut self, count: usize, first: usize, len: usize, credentials: bool) {
        if self.messages.len() == WAITING {
            return;
        }
        let files: Vec<_> = (first..first + count).map(|at| at % FILES.len()).collect();
        let descriptors: Vec<_> = files.iter().map(|&at| self.files[at].as_fd()).collect();
        let bytes = vec![count as u8; len];
        let mut message = Outgoing::new(&bytes).descriptors(&descriptors);
        if credentials {
            message = message.credentials(Credentials::current());
        }
        let sent = self.sender.try_send(message).map_err(Fault::from);
        assert_eq!(sent, Ok(len), "sending {len} bytes with {count} descriptors");
        self.messages.push_back(Message { len, files, credentials });
    }

    fn receive(&mut self, room: usize, len: usize, peek: bool) {
        let mut bytes = vec![0xee; len];
        let mut incoming = Incoming::new(&mut bytes).descriptors(room);
        if peek {
            incoming = incoming.peek();
        }
        let received: Answer<Received> = self.receiver.try_receive_message(&mut incoming).map_err(Fault::from);
        match (received, self.messages.front()) {
            (Ok(received), Some(message)) => self.check(received, message, room, len),
            (Err(fault), None) => assert_eq!(fault, Fault::WOULD_BLOCK),
            (received, message) => panic!("{received:?}, and {} messages", message.iter().len()),
        }
        if !peek {
            self.messages.pop_front();
        }
    }

    fn check(&self, received: Received, message: &Message, room: usize, len: usize) {
        assert_eq!((received.len, received.message_len), (len.min(message.len), message.len));
        assert_eq!(received.is_truncated(), message.len > len);
        assert_eq!(received.descriptors_lost, message.files.len() > room, "whether all descriptors came");
        let expected = if received.descriptors_lost { &[][..] } else { &message.files };
        let expected: Vec<_> = expected.iter().map(|&at| identity(&self.files[at])).collect();
        let came: Vec<_> = received.descriptors.into_iter().map(|came: OwnedFd| identity(&File::from(came))).collect();
        assert_eq!(came, expected, "the files that came, and those that were sent");
        assert_eq!(received.credentials.is_some(), self.pass_credentials, "credentials come where they are asked for");
        if self.pass_credentials && message.credentials {
            assert_eq!(received.credentials, Some(Credentials::current()));
        }
        assert!(received.pidfd.is_none() || self.pass_pidfd, "a descriptor of the sender that nobody asked for");
    }

    fn receive_bytes(&mut self) {
        let received = self.receiver.try_receive(&mut [0; 256]).map_err(Fault::from);
        assert_eq!(received, self.messages.pop_front().map(|message| message.len).ok_or(Fault::WOULD_BLOCK));
    }
}

/// A file's numbers: it is the same one, whatever descriptor it has.
fn identity(file: &File) -> (u64, u64) {
    let data = file.metadata().expect("a file");
    (data.dev(), data.ino())
}

/// A control message, or nonsense.
#[derive(Arbitrary, Debug)]
enum Piece<'b> {
    Descriptors(Vec<i32>),
    PidDescriptor(i32),
    Credentials { pid: i32, uid: u32, gid: u32 },
    Other { level: i32, kind: i32, data: &'b [u8] },
    Cut { by: u8 },
}

const SCM_PIDFD: i32 = 4;

/// Control data, and what stands in it.
#[derive(Debug, Default)]
struct Control {
    bytes: Vec<u8>,
    items: Vec<ControlItem>,
    /// What is behind a message that was cut is nothing.
    is_cut: bool,
}

impl Control {
    fn push(mut self, piece: Piece<'_>) -> Self {
        if self.is_cut {
            return self;
        }
        let before = self.bytes.len();
        match piece {
            Piece::Descriptors(numbers) => {
                let data: Vec<u8> = numbers.iter().flat_map(|number| number.to_ne_bytes()).collect();
                self.message(libc::SOL_SOCKET, libc::SCM_RIGHTS, &data);
                self.items.push(ControlItem::Descriptors(numbers));
            }
            Piece::PidDescriptor(number) => {
                self.message(libc::SOL_SOCKET, SCM_PIDFD, &number.to_ne_bytes());
                self.items.push(ControlItem::PidDescriptor(number));
            }
            Piece::Credentials { pid, uid, gid } => {
                let data = [pid.to_ne_bytes(), uid.to_ne_bytes(), gid.to_ne_bytes()].concat();
                self.message(libc::SOL_SOCKET, libc::SCM_CREDENTIALS, &data);
                // No process has a number below one.
                let pid = ipc_safe::process::Pid::from_raw(pid.max(0));
                self.items.push(ControlItem::Credentials(Credentials { pid, uid, gid }));
            }
            Piece::Other { level, kind, data } if level != libc::SOL_SOCKET => self.message(level, kind, data),
            Piece::Other { .. } => {}
            Piece::Cut { by } => {
                let len = self.bytes.len().saturating_sub(usize::from(by % 24));
                self.bytes.truncate(len);
                self.items = reference(&self.bytes);
                self.is_cut = true;
            }
        }
        assert!(self.is_cut || self.bytes.len() >= before);
        self
    }

    fn message(&mut self, level: i32, kind: i32, data: &[u8]) {
        self.bytes.extend((16 + data.len()).to_ne_bytes());
        self.bytes.extend(level.to_ne_bytes());
        self.bytes.extend(kind.to_ne_bytes());
        self.bytes.extend(data);
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
    }

    fn check(self) {
        assert_eq!(control_items(&self.bytes), self.items, "{:?}", self.bytes);
        control(&self.bytes);
    }
}

fn control(bytes: &[u8]) {
    assert_eq!(control_items(bytes), reference(bytes), "{bytes:?}");
}

/// As cmsg(3) says: a length that is too short or reaches beyond the end ends it all.
fn reference(bytes: &[u8]) -> Vec<ControlItem> {
    let number = |at: usize| bytes.get(at..at + 4).map(|four| i32::from_ne_bytes([four[0], four[1], four[2], four[3]]));
    let (mut items, mut at) = (Vec::new(), 0);
    while at + 16 <= bytes.len() {
        let len = (0..8).rev().fold(0_u64, |len, byte| len << 8 | u64::from(bytes[at + byte]));
        if len < 16 || len > (bytes.len() - at) as u64 {
            break;
        }
        let end = at + len as usize;
        let numbers = || (at + 16..end).step_by(4).filter(|place| place + 4 <= end).filter_map(number);
        match (number(at + 8), number(at + 12)) {
            (Some(libc::SOL_SOCKET), Some(libc::SCM_RIGHTS)) => {
                items.push(ControlItem::Descriptors(numbers().collect()))
            }
            (Some(libc::SOL_SOCKET), Some(SCM_PIDFD)) => items.extend(numbers().next().map(ControlItem::PidDescriptor)),
            (Some(libc::SOL_SOCKET), Some(libc::SCM_CREDENTIALS)) => {
                if let [pid, uid, gid, ..] = numbers().collect::<Vec<_>>()[..] {
                    let pid = ipc_safe::process::Pid::from_raw(pid.max(0));
                    let (uid, gid) = (uid.cast_unsigned(), gid.cast_unsigned());
                    items.push(ControlItem::Credentials(Credentials { pid, uid, gid }));
                }
            }
            _ => {}
        }
        at = end.next_multiple_of(8);
    }
    items
}
