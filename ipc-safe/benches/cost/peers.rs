//! Round trips and streams between two processes.
//!
//! Each side has processes of its own at the other end, which do what the side does: they answer by the crate's calls or by
//! the C library's. All processes of a row are on one processor, so that a round trip is the calls and two switches, and not
//! where the scheduler happens to put whom.

use crate::buffer::Buffer;
use crate::sockets::{raw_receive_frame, raw_send_frame, size};
use crate::{Bar, Case, measure};
use ipc_safe::command::Coprocess;
use ipc_safe::pipe::{self, Fifo, PipeReader, PipeWriter};
use ipc_safe::socket::{Datagram, FramedStream, Kind, LocalSocket, LocalStream, SeqPacket, Stream};
use libc::{MSG_TRUNC, c_int};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const BAR: Bar = Bar::OverControl(0.03);

/// Six calls with what the two ends keep of a frame between them.
const FRAMES: Bar = Bar::OverControl(0.05);

/// The line is put together, looked for, and handed out in memory of its own.
const REQUEST: Bar = Bar::OverControl(0.08);

/// What is sent at once to a process that only takes it, and how much before that says that it has all of it.
const PART: usize = 64 << 10;
const WHOLE: usize = 1 << 20;

pub(crate) fn run(time: Duration) -> Vec<Case> {
    let _processor = OneProcessor::new();
    measure::run(cases(), time)
}

fn cases() -> Vec<Case> {
    vec![
        socket_round_trip::<Stream>("stream", 64, 0),
        socket_round_trip::<Datagram>("datagram", 64, MSG_TRUNC),
        socket_round_trip::<SeqPacket>("seqpacket", 64, MSG_TRUNC),
        frame_round_trip(64),
        pipe_round_trip("pipes", 64, || pipe::pipe().expect("a pipe")),
        pipe_round_trip("FIFOs", 64, fifo),
        coprocess_round_trip(64),
        socket_flow::<Stream>("stream", 0),
        socket_flow::<Datagram>("datagram", MSG_TRUNC),
        socket_flow::<SeqPacket>("seqpacket", MSG_TRUNC),
        pipe_flow("pipe", || pipe::pipe().expect("a pipe")),
        pipe_flow("FIFO", fifo),
    ]
}

/// Keeps this process, and those that it starts, on the processor that it is on, and lets it go when dropped.
struct OneProcessor(libc::cpu_set_t);

impl OneProcessor {
    fn new() -> Self {
        // SAFETY: an all-zero set is one; the calls read and write it.
        unsafe {
            let (mut before, mut one) = (std::mem::zeroed(), std::mem::zeroed());
            let len = size_of::<libc::cpu_set_t>();
            assert_eq!(libc::sched_getaffinity(0, len, &raw mut before), 0);
            libc::CPU_SET(libc::sched_getcpu() as usize, &mut one);
            assert_eq!(libc::sched_setaffinity(0, len, &raw const one), 0);
            Self(before)
        }
    }
}

impl Drop for OneProcessor {
    fn drop(&mut self) {
        // SAFETY: reads the set.
        unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const self.0) };
    }
}

/// How many processes there are for each side. One may be luckier than another for as long as it lives: where its pages lie,
/// whom the scheduler owes.
const PEERS: usize = 4;

/// Makes so many of a side, which take turns call by call.
fn in_turn<F: FnMut() + 'static>(side: impl Fn() -> F) -> impl FnMut() + 'static {
    let mut sides: Vec<F> = std::iter::repeat_with(side).take(PEERS).collect();
    // The first call may reserve memory that the next ones use again.
    sides.iter_mut().for_each(|side| side());
    let mut next = 0;
    move || {
        next = (next + 1) % PEERS;
        sides[next]();
    }
}

/// Runs `body` for ever in a process of its own, which ends with this one.
fn peer(mut body: impl FnMut()) {
    // SAFETY: this process has one thread, so that the other may do anything.
    unsafe {
        match libc::fork() {
            -1 => panic!("fork: {}", std::io::Error::last_os_error()),
            0 => {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                // What fails here must not go on as the other process would.
                let _ = catch_unwind(AssertUnwindSafe(|| std::iter::repeat_with(&mut body).for_each(drop)));
                libc::_exit(1)
            }
            _ => {}
        }
    }
}

fn raw_send(socket: RawFd, bytes: &[u8]) {
    // SAFETY: reads so many bytes.
    let sent = unsafe { libc::send(socket, bytes.as_ptr().cast(), bytes.len(), libc::MSG_NOSIGNAL) };
    assert_eq!(sent, bytes.len() as isize);
}

/// How many bytes came.
fn raw_receive(socket: RawFd, bytes: &mut [u8], flags: c_int) -> usize {
    // SAFETY: writes at most so many bytes.
    let came = unsafe { libc::recv(socket, bytes.as_mut_ptr().cast(), bytes.len(), flags) };
    assert!(came > 0 && came as usize <= bytes.len());
    came as usize
}

/// A side whose socket is C's: `answer` runs in the other process.
fn raw_peer<K: Kind>(mut answer: impl FnMut(RawFd)) -> RawFd {
    let (here, there) = LocalSocket::<K>::pair().expect("a pair of sockets");
    peer(|| answer(there.as_raw_fd()));
    let number = here.as_raw_fd();
    // It lives as long as the program.
    std::mem::forget(here);
    number
}

/// `flags` are those by which the crate receives.
fn socket_round_trip<K: Kind>(kind: &str, len: usize, flags: c_int) -> Case {
    let buffer = Buffer::new(len, 0);
    let raw = || {
        let socket = raw_peer::<K>(|socket| {
            assert_eq!(raw_receive(socket, buffer.bytes(), flags), len);
            raw_send(socket, buffer.bytes());
        });
        move || {
            raw_send(socket, buffer.bytes());
            assert_eq!(raw_receive(socket, buffer.bytes(), flags), len);
        }
    };
    let ours = || {
        let (here, there) = LocalSocket::<K>::pair().expect("a pair of sockets");
        peer(|| {
            assert_eq!(there.receive(buffer.bytes()).unwrap(), len);
            there.send(&*buffer.bytes()).unwrap();
        });
        move || {
            here.send(&*buffer.bytes()).unwrap();
            assert_eq!(here.receive(buffer.bytes()).unwrap(), len);
        }
    };
    Case::new(format!("{kind}: there and back, {}", size(len)), BAR, || in_turn(&raw), in_turn(ours))
}

fn frame_round_trip(len: usize) -> Case {
    let buffer = Buffer::new(len, 0);
    let raw = || {
        let socket = raw_peer::<Stream>(|socket| {
            raw_receive_frame(socket, buffer.bytes());
            raw_send_frame(socket, buffer.bytes());
        });
        move || {
            raw_send_frame(socket, buffer.bytes());
            raw_receive_frame(socket, buffer.bytes());
        }
    };
    let ours = || {
        let (here, there) = LocalStream::pair().expect("a pair of sockets");
        let (mut here, mut there) = (FramedStream::new(here), FramedStream::new(there));
        peer(|| {
            let frame = there.receive().unwrap().unwrap();
            there.send(&frame.bytes, &[]).unwrap();
            there.reuse(frame);
        });
        move || {
            here.send(buffer.bytes(), &[]).unwrap();
            let frame = here.receive().unwrap().unwrap();
            assert_eq!(frame.bytes.len(), len);
            here.reuse(frame);
        }
    };
    Case::new(format!("frames: there and back, {}", size(len)), FRAMES, || in_turn(&raw), in_turn(ours))
}

type Ends = (PipeReader, PipeWriter);

fn fifo() -> Ends {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let fifo = Fifo::options().create_new(true).open(folder.path().join("fifo")).expect("a FIFO").into_owned();
    fifo.open_both().expect("both ends")
}

fn raw_write(descriptor: RawFd, bytes: &[u8]) {
    // SAFETY: reads so many bytes.
    let written = unsafe { libc::write(descriptor, bytes.as_ptr().cast(), bytes.len()) };
    assert_eq!(written, bytes.len() as isize);
}

/// How many bytes came.
fn raw_read(descriptor: RawFd, bytes: &mut [u8]) -> usize {
    // SAFETY: writes at most so many bytes.
    let came = unsafe { libc::read(descriptor, bytes.as_mut_ptr().cast(), bytes.len()) };
    assert!(came > 0 && came as usize <= bytes.len());
    came as usize
}

/// The number of a descriptor that lives as long as the program.
fn number(end: impl AsRawFd) -> RawFd {
    let number = end.as_raw_fd();
    std::mem::forget(end);
    number
}

fn pipe_round_trip(kind: &str, len: usize, ends: impl Fn() -> Ends) -> Case {
    let buffer = Buffer::new(len, 0);
    let raw = || {
        let ((requests, to), (from, answers)) = (ends(), ends());
        peer(|| {
            assert_eq!(raw_read(requests.as_raw_fd(), buffer.bytes()), len);
            raw_write(answers.as_raw_fd(), buffer.bytes());
        });
        let (to, from) = (number(to), number(from));
        move || {
            raw_write(to, buffer.bytes());
            assert_eq!(raw_read(from, buffer.bytes()), len);
        }
    };
    let ours = || {
        let ((mut requests, mut to), (mut from, mut answers)) = (ends(), ends());
        peer(|| {
            assert_eq!(requests.read(buffer.bytes()).unwrap(), len);
            answers.write_all(buffer.bytes()).unwrap();
        });
        move || {
            to.write_all(buffer.bytes()).unwrap();
            assert_eq!(from.read(buffer.bytes()).unwrap(), len);
        }
    };
    Case::new(format!("two {kind}: there and back, {}", size(len)), BAR, || in_turn(&raw), in_turn(ours))
}

/// A program that ends with this value.
struct Cat(Child);

impl Drop for Cat {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `cat`, which answers each line with itself. The C program looks too whether it can write, whether something came meanwhile,
/// and keeps `SIGPIPE` from itself as a library must. It has one piece of memory for all lines; the crate hands each out.
fn coprocess_round_trip(len: usize) -> Case {
    let buffer = Buffer::new(len, 0);
    let raw = || {
        let cat = Cat(Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("cat"));
        let number = |end: Option<RawFd>| end.expect("a pipe");
        let to = number(cat.0.stdin.as_ref().map(AsRawFd::as_raw_fd));
        let from = number(cat.0.stdout.as_ref().map(AsRawFd::as_raw_fd));
        let mut line = vec![b'x'; len + 1];
        line[len] = b'\n';
        move || {
            let _cat = &cat;
            raw_request(to, from, &mut line);
        }
    };
    buffer.bytes().fill(b'x');
    let ours = || {
        let mut cat = Coprocess::start(&mut Command::new("cat")).expect("cat");
        move || assert_eq!(cat.request(&*buffer.bytes()).unwrap().len(), len)
    };
    Case::new(format!("coprocess (cat): request, a line of {}", size(len)), REQUEST, || in_turn(&raw), in_turn(ours))
        .allocating(2)
}

fn raw_request(to: RawFd, from: RawFd, line: &mut [u8]) {
    let ask = |descriptor, events| libc::pollfd { fd: descriptor, events, revents: 0 };
    // SAFETY: an all-zero set is one; the calls read and write the sets and the descriptors that are asked about.
    unsafe {
        let mut both = [ask(to, libc::POLLOUT), ask(from, libc::POLLIN)];
        assert_eq!(libc::poll(both.as_mut_ptr(), 2, -1), 1);
        let (mut pipe, mut pending, mut before) = std::mem::zeroed();
        libc::sigemptyset(&raw mut pipe);
        libc::sigaddset(&raw mut pipe, libc::SIGPIPE);
        assert_eq!(libc::sigpending(&raw mut pending), 0);
        assert_eq!(libc::pthread_sigmask(libc::SIG_BLOCK, &raw const pipe, &raw mut before), 0);
        raw_write(to, line);
        let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        assert_eq!(libc::sigtimedwait(&raw const pipe, std::ptr::null_mut(), &raw const now), -1);
        assert_eq!(libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut()), 0);
        let mut one = [ask(from, libc::POLLIN)];
        assert_eq!(libc::poll(one.as_mut_ptr(), 1, -1), 1);
    }
    assert_eq!(raw_read(from, line), line.len());
}

/// A megabyte to another process, which says with a byte that it has all of it.
fn socket_flow<K: Kind>(kind: &str, flags: c_int) -> Case {
    let buffer = Buffer::new(PART, 0);
    let raw = || {
        let socket = raw_peer::<K>(|socket| {
            let mut left = WHOLE;
            while left > 0 {
                left -= raw_receive(socket, buffer.bytes(), flags);
            }
            raw_send(socket, b"!");
        });
        move || {
            for _ in 0..WHOLE / PART {
                raw_send(socket, buffer.bytes());
            }
            assert_eq!(raw_receive(socket, &mut [0], flags), 1);
        }
    };
    let ours = || {
        let (here, there) = LocalSocket::<K>::pair().expect("a pair of sockets");
        peer(|| {
            let mut left = WHOLE;
            while left > 0 {
                left -= there.receive(buffer.bytes()).unwrap();
            }
            there.send(b"!").unwrap();
        });
        move || {
            for _ in 0..WHOLE / PART {
                assert_eq!(here.send(&*buffer.bytes()).unwrap(), PART);
            }
            assert_eq!(here.receive(&mut [0]).unwrap(), 1);
        }
    };
    Case::new(format!("{kind}: 1 MiB in parts of 64 KiB"), BAR, || in_turn(&raw), in_turn(ours))
}

fn pipe_flow(kind: &str, ends: impl Fn() -> Ends) -> Case {
    let buffer = Buffer::new(PART, 0);
    let raw = || {
        let ((flow, to), (from, done)) = (ends(), ends());
        peer(|| {
            let mut left = WHOLE;
            while left > 0 {
                left -= raw_read(flow.as_raw_fd(), buffer.bytes());
            }
            raw_write(done.as_raw_fd(), b"!");
        });
        let (to, from) = (number(to), number(from));
        move || {
            for _ in 0..WHOLE / PART {
                raw_write(to, buffer.bytes());
            }
            assert_eq!(raw_read(from, &mut [0]), 1);
        }
    };
    let ours = || {
        let ((mut flow, mut to), (mut from, mut done)) = (ends(), ends());
        peer(|| {
            let mut left = WHOLE;
            while left > 0 {
                left -= flow.read(buffer.bytes()).unwrap();
            }
            done.write_all(b"!").unwrap();
        });
        move || {
            for _ in 0..WHOLE / PART {
                to.write_all(buffer.bytes()).unwrap();
            }
            assert_eq!(from.read(&mut [0]).unwrap(), 1);
        }
    };
    Case::new(format!("{kind}: 1 MiB in parts of 64 KiB"), BAR, || in_turn(&raw), in_turn(ours))
}
