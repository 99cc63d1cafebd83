//! Much data: all of it arrives, and memory stays as it is.

use crate::alone::alone;
use crate::support::fork;
use crate::tools::{connection, pair, peak_memory};
use ipc_safe::socket::{FramedStream, SeqPacket, Stream};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

/// 1 GiB.
const TOTAL: usize = 1 << 30;
const BLOCK: usize = 64 << 10;

/// The block of this number: no two are equal, and no two halves of one.
fn stamp(block: &mut [u8], number: usize) {
    for (place, bytes) in block.chunks_exact_mut(BLOCK / 16).enumerate() {
        bytes[..8].copy_from_slice(&(number * 16 + place).to_ne_bytes());
    }
}

fn blocks() -> (Vec<u8>, std::ops::Range<usize>) {
    ((0..BLOCK).map(|at| (at * 7 % 251) as u8).collect(), 0..TOTAL / BLOCK)
}

/// Sends and receives in two processes, neither of which needs more than a few blocks of memory.
fn flood(mut send: impl FnMut(&[u8]), mut receive: impl FnMut(&mut [u8])) {
    let sender = fork(|| {
        flat(|| {
            let (mut block, numbers) = blocks();
            for number in numbers {
                stamp(&mut block, number);
                send(&block);
            }
        })
    });
    let receiver = fork(|| {
        flat(|| {
            let (mut expected, numbers) = blocks();
            let mut block = vec![0; BLOCK];
            for number in numbers {
                stamp(&mut expected, number);
                receive(&mut block);
                assert!(block == expected, "block {number}");
            }
        })
    });
    sender.succeed();
    receiver.succeed();
}

fn flat(body: impl FnOnce()) -> i32 {
    let before = peak_memory();
    body();
    let grown = peak_memory() - before;
    assert!(grown < 4 << 10, "{grown} KiB more");
    0
}

/// R-SOCK-18, R-SOCK-19
#[test]
fn a_local_stream() {
    alone(|| {
        let (one, other) = pair::<Stream>();
        flood(|block| (&one).write_all(block).unwrap(), |block| (&other).read_exact(block).unwrap());
    });
}

/// R-SOCK-18, R-SOCK-19
#[test]
fn packets() {
    alone(|| {
        let (one, other) = connection::<SeqPacket>();
        flood(
            |block| assert_eq!(one.send(block).unwrap(), BLOCK),
            |block| assert_eq!(other.receive(block).unwrap(), BLOCK),
        );
    });
}

/// R-SOCK-18, R-SOCK-19
#[test]
fn frames() {
    alone(|| {
        let (one, other) = pair::<Stream>();
        let (mut one, mut other) = (FramedStream::new(one), FramedStream::new(other));
        flood(
            |block| one.send(block, &[]).unwrap(),
            |block| block.copy_from_slice(&other.receive().unwrap().expect("not the end").bytes),
        );
    });
}

/// R-SOCK-18, R-SOCK-19, R-SOCK-24
#[test]
fn a_network_stream() {
    alone(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let one = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (other, _) = listener.accept().unwrap();
        flood(|block| (&one).write_all(block).unwrap(), |block| (&other).read_exact(block).unwrap());
    });
}
