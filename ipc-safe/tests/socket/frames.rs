//! Frames over a stream.

use crate::alone::alone;
use crate::support::fork;
use crate::tools::{LONG, SHORT, aside, fails, identity, is_close_on_exec, pair};
use ipc_safe::error::ErrorKind;
use ipc_safe::socket::{FramedStream, LocalStream, Outgoing, Stream};
use proptest::prelude::*;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;

fn frames() -> (FramedStream, FramedStream) {
    let (one, other) = pair::<Stream>();
    (FramedStream::new(one), FramedStream::new(other).max_len(1 << 20).max_descriptors(4))
}

fn null() -> File {
    File::open("/dev/null").expect("a file")
}

/// The header of a frame, as a program in another language would write it.
fn header(len: u32, descriptors: u32) -> [u8; 8] {
    [len.to_le_bytes(), descriptors.to_le_bytes()].as_flattened().try_into().expect("eight bytes")
}

/// R-SOCK-18, R-SOCK-19: messages of any length keep their boundaries, and their descriptors.
#[test]
fn frames_arrive_whole() {
    alone(|| {
        let (mut here, mut there) = frames();
        let lengths = [0, 1, 7, 8, 9, 65535, 65536, 65537, 1 << 20];
        let sender = aside(move || {
            let file = null();
            for (number, len) in lengths.into_iter().enumerate() {
                let fds = vec![file.as_fd(); number % 5];
                here.send(&vec![number as u8; len], &fds).unwrap();
            }
            identity(&file)
        });
        let mut received = Vec::new();
        while let Some(frame) = there.receive().unwrap() {
            received.push(frame);
        }
        let sent = sender.join().unwrap();
        assert_eq!(received.iter().map(|frame| frame.bytes.len()).collect::<Vec<_>>(), lengths);
        for (number, frame) in received.iter().enumerate() {
            assert!(frame.bytes.iter().all(|&byte| byte == number as u8));
            assert_eq!(frame.descriptors.len(), number % 5);
            assert!(frame.descriptors.iter().all(|fd| identity(fd) == sent && is_close_on_exec(fd)));
        }
    });
}

/// R-SOCK-19: what has come is kept, however it came, one byte at a time too.
#[test]
fn a_frame_in_pieces_is_one_frame() {
    alone(|| {
        let (one, other) = pair::<Stream>();
        let mut frames = FramedStream::new(other).max_descriptors(1);
        let file = null();
        let bytes = [&header(5, 1)[..], b"hello", &header(0, 0), &header(1, 0), b"x"].concat();
        let (first, rest) = bytes.split_first().unwrap();
        one.send(Outgoing::new(&[*first]).descriptors(&[file.as_fd()])).unwrap();
        let mut seen = Vec::new();
        for byte in rest {
            match frames.try_receive() {
                Err(error) => assert!(error.is_would_block(), "{error}"),
                Ok(frame) => seen.push(frame.unwrap()),
            }
            one.send(&[*byte]).unwrap();
        }
        fails(
            frames.receive_timeout(SHORT).map(|frame| seen.push(frame.unwrap())).and_then(|()| frames.try_receive()),
            ErrorKind::WouldBlock,
            libc::EAGAIN,
        );
        let seen: Vec<_> = seen.iter().map(|frame| (&frame.bytes[..], frame.descriptors.len())).collect();
        assert_eq!(seen, [(&b"hello"[..], 1), (b"", 0), (b"x", 0)]);
    });
}

/// R-SOCK-18: an error that passes means that nothing was sent; what has begun is sent once, and only once.
#[test]
fn a_frame_that_does_not_fit_goes_out_later() {
    alone(|| {
        let (mut here, mut there) = frames();
        let frame = |number: u32| [&number.to_ne_bytes()[..], &[7; 99_996]].concat();
        let mut begun = 0;
        // Until nothing at all goes in.
        let error = loop {
            match here.try_send(&frame(begun), &[]) {
                Ok(()) => begun += 1,
                Err(error) => break error,
            }
        };
        assert!(error.is_would_block(), "{error}");
        assert!(here.unsent() > 0 && here.unsent() < 100_008, "{}", here.unsent());
        fails(here.try_flush(), ErrorKind::WouldBlock, libc::EAGAIN);
        fails(here.flush_timeout(SHORT), ErrorKind::TimedOut, libc::ETIMEDOUT);
        fails(here.send_timeout(b"no", &[], SHORT), ErrorKind::TimedOut, libc::ETIMEDOUT);
        let sender = aside(move || {
            here.flush().unwrap();
            assert_eq!(here.unsent(), 0);
            // A timeout in the middle of a frame counts as begun.
            for number in begun..begun + 5 {
                here.send_timeout(&frame(number), &[], LONG).unwrap();
            }
            here.send(b"end", &[]).unwrap();
        });
        let mut number = 0;
        loop {
            let received = there.receive_timeout(LONG).unwrap().unwrap().bytes;
            if received == b"end" {
                break;
            }
            assert!(received == frame(number), "frame {number}");
            number += 1;
        }
        assert_eq!(number, begun + 5);
        sender.join().unwrap();
    });
}

/// R-SOCK-25: the end between two frames is the end; in the middle of one it is an error, for good.
#[test]
fn the_end_in_the_middle_is_no_end() {
    alone(|| {
        for part in [&header(5, 0)[..3], &header(5, 0)[..], &[&header(5, 0)[..], b"hell"].concat()] {
            let (one, other) = pair::<Stream>();
            let mut frames = FramedStream::new(other);
            one.send(part).unwrap();
            drop(one);
            fails(frames.receive(), ErrorKind::Truncated, 0);
            fails(frames.receive(), ErrorKind::Closed, 0);
            fails(frames.send(b"x", &[]), ErrorKind::Closed, 0);
        }
        let (here, mut there) = frames();
        drop(here);
        assert!(there.receive().unwrap().is_none() && there.receive().unwrap().is_none());
    });
}

/// R-SOCK-21: a length is not believed before it is within the limit, and no memory is reserved for one that is.
#[test]
fn a_length_that_is_a_lie_costs_nothing() {
    alone(|| {
        let (one, other) = pair::<Stream>();
        let mut frames = FramedStream::new(other);
        one.send(&header(64 << 10, 0)).unwrap();
        fails(frames.try_receive(), ErrorKind::WouldBlock, libc::EAGAIN);
        for lie in [(64 << 10) + 1, u32::MAX] {
            let (one, other) = pair::<Stream>();
            let mut frames = FramedStream::new(other);
            one.send(&header(lie, 0)).unwrap();
            let error = fails(frames.receive(), ErrorKind::TooBig, 0);
            assert!(error.to_string().contains("at most 65536 bytes"), "{error}");
        }
        // Within a large limit: nothing before the bytes come.
        fork(|| {
            let peak = || crate::tools::peak_memory();
            let before = peak();
            let mut all = Vec::new();
            for _ in 0..64 {
                let (one, other) = pair::<Stream>();
                let mut frames = FramedStream::new(other).max_len(usize::MAX);
                one.send(&header(u32::MAX, 0)).unwrap();
                one.send("only so much").unwrap();
                fails(frames.try_receive(), ErrorKind::WouldBlock, libc::EAGAIN);
                all.push((one, frames));
            }
            let grown = peak() - before;
            assert!(grown < 64 << 10, "{grown} KiB");
            0
        })
        .succeed();
    });
}

/// R-SOCK-21: descriptors that were not announced, or too many, or in the middle, end the connection and are closed.
#[test]
fn descriptors_that_do_not_belong_are_closed() {
    alone(|| {
        let file = null();
        let fds = [file.as_fd(); 6];
        let check = |parts: &[(&[u8], usize)], kind: ErrorKind, errno: i32| {
            let (one, other) = pair::<Stream>();
            let mut frames = FramedStream::new(other).max_descriptors(4);
            let before = crate::alone::descriptors();
            for (bytes, count) in parts {
                one.send(Outgoing::new(bytes).descriptors(&fds[..*count])).unwrap();
            }
            fails(frames.receive_timeout(LONG), kind, errno);
            assert_eq!(crate::alone::descriptors(), before);
            fails(frames.receive(), ErrorKind::Closed, 0);
        };
        check(&[(&header(0, 0), 1)], ErrorKind::Other, libc::EPROTO);
        check(&[(&header(0, 2), 1)], ErrorKind::Other, libc::EPROTO);
        check(&[(&header(0, 1), 0)], ErrorKind::Other, libc::EPROTO);
        check(&[(&header(0, u32::MAX), 4)], ErrorKind::Other, libc::EPROTO);
        check(&[(&header(0, 5), 5)], ErrorKind::LimitReached, libc::EMFILE);
        // With each byte of a header some more.
        let (a, b) = (&header(0, 6)[..4], &header(0, 6)[4..]);
        check(&[(a, 3), (b, 3)], ErrorKind::TooBig, 0);
        check(&[(&header(3, 0), 0), (b"abc", 1)], ErrorKind::Other, libc::EPROTO);
        // Half a frame that is dropped closes its own.
        let (one, other) = pair::<Stream>();
        let mut frames = FramedStream::new(other).max_descriptors(4);
        one.send(Outgoing::new(a).descriptors(&fds[..2])).unwrap();
        fails(frames.try_receive(), ErrorKind::WouldBlock, libc::EAGAIN);
    });
}

/// R-SOCK-18: what cannot be said in a header is refused, and the connection goes on.
#[test]
fn a_frame_that_cannot_be_is_refused() {
    alone(|| {
        let (mut here, mut there) = frames();
        let file = null();
        fails(here.send(b"x", &vec![file.as_fd(); 254]), ErrorKind::TooBig, 0);
        here.send(b"good", &[]).unwrap();
        assert_eq!(there.receive().unwrap().unwrap().bytes, b"good");
        // The stream under it has nothing that was read ahead.
        here.send(b"one", &[]).unwrap();
        here.stream().send("raw").unwrap();
        assert_eq!(there.receive().unwrap().unwrap().bytes, b"one");
        let mut raw = [0; 3];
        (&there.into_stream()).read_exact(&mut raw).unwrap();
        assert_eq!(&raw, b"raw");
    });
}

/// What a peer does.
#[derive(Clone, Debug)]
enum Act {
    Frame(Vec<u8>, usize),
    Raw(Vec<u8>, usize),
}

fn act() -> impl Strategy<Value = Act> {
    let bytes = || prop::collection::vec(prop_oneof![3 => 0..4_u8, 1 => any::<u8>()], 1..24);
    prop_oneof![
        6 => (bytes(), 0..3_usize).prop_map(|(bytes, count)| Act::Frame(bytes, count)),
        1 => (bytes(), 0..3_usize).prop_map(|(bytes, count)| Act::Raw(bytes, count)),
    ]
}

fn perform(acts: &[Act], one: &LocalStream, file: &File) {
    let fds = [file.as_fd(); 3];
    for act in acts {
        let (bytes, count) = match act {
            Act::Frame(bytes, count) => ([&header(bytes.len() as u32, *count as u32)[..], bytes].concat(), *count),
            Act::Raw(bytes, count) => (bytes.clone(), *count),
        };
        one.send(Outgoing::new(&bytes).descriptors(&fds[..count])).unwrap();
    }
}

/// R-SOCK-21, R-SOCK-25: whatever a peer sends, the frames before it arrive as they were sent, and nothing is left open.
#[test]
fn any_peer_is_survived() {
    alone(|| {
        let config = ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() };
        proptest!(config, |(acts in prop::collection::vec(act(), 0..12))| {
            let before = crate::alone::descriptors();
            let (one, other) = pair::<Stream>();
            perform(&acts, &one, &null());
            drop(one);
            let mut frames = FramedStream::new(other).max_len(64).max_descriptors(2);
            let whole = acts.iter().map_while(|act| match act {
                Act::Frame(bytes, count) => Some((bytes, *count)),
                Act::Raw(..) => None,
            });
            for (bytes, count) in whole {
                let frame = frames.receive().unwrap().unwrap();
                prop_assert_eq!((&frame.bytes, frame.descriptors.len()), (bytes, count));
            }
            // What follows is garbage, or the end: some frames, perhaps, and an error or the end.
            while let Ok(Some(frame)) = frames.receive() {
                prop_assert!(frame.bytes.len() <= 64 && frame.descriptors.len() <= 2);
            }
            drop(frames);
            prop_assert_eq!(crate::alone::descriptors(), before);
        });
    });
}

/// R-SOCK-02: bytes that std wrote are a frame too.
#[test]
fn a_frame_is_bytes() {
    alone(|| {
        let (one, other) = std::os::unix::net::UnixStream::pair().unwrap();
        (&one).write_all(&[&header(3, 0)[..], b"std"].concat()).unwrap();
        let mut frames = FramedStream::new(other.into());
        assert_eq!(frames.receive().unwrap().unwrap().bytes, b"std");
        frames.send(b"back", &[]).unwrap();
        let mut bytes = [0; 12];
        (&one).read_exact(&mut bytes).unwrap();
        assert_eq!(bytes, [&header(4, 0)[..], b"back"].concat()[..]);
    });
}
