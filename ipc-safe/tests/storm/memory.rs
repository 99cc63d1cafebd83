//! Segments and mappings.

use crate::support::fork;
use crate::weather::in_storm;
use ipc_safe::memory::{FileMapping, Memfd};
use ipc_safe::sysv::Segment;
use std::io::{Read, Write, pipe};

const SIZE: usize = 256 * 1024;

/// Bytes that differ from round to round.
fn bytes(round: u64) -> Vec<u8> {
    (0..SIZE as u64).map(|index| (index.wrapping_mul(31).wrapping_add(round * 7) >> 3) as u8).collect()
}

/// R-SHM-05 R-SIG-16
#[test]
fn segments_are_made_attached_written_and_removed() {
    in_storm(|storm| {
        let mut round = 0;
        while storm.signals() < 300 {
            round += 1;
            let segment = Segment::private(SIZE).unwrap();
            let (one, other) = (segment.attach().unwrap(), segment.attach().unwrap());
            one.bytes().write(0, &bytes(round)).unwrap();
            let mut read = vec![0; SIZE];
            other.bytes().read(0, &mut read).unwrap();
            assert!(read == bytes(round));
            drop((one, other));
            assert_eq!(segment.status().unwrap().attachments, 0);
        }
    });
}

/// R-MAP-08 R-SIG-16: copies into and out of a file, of which none is short.
#[test]
fn files_are_read_written_and_flushed_through_mappings() {
    in_storm(|storm| {
        let file = tempfile::tempfile().unwrap();
        file.set_len(SIZE as u64).unwrap();
        let mapping = FileMapping::new(&file).unwrap();
        let mut round = 0;
        while storm.signals() < 300 {
            round += 1;
            mapping.write(0, &bytes(round)).unwrap();
            mapping.flush().unwrap();
            let mut read = vec![0; SIZE];
            mapping.read(0, &mut read).unwrap();
            assert!(read == bytes(round));
            mapping.store(SIZE - 8, &round).unwrap();
            mapping.flush_async().unwrap();
            assert_eq!(mapping.load::<u64>(SIZE - 8).unwrap(), round);
        }
    });
}

/// R-MAP-08 R-SIG-16: to and from a pipe, whose other end is slow. What a call says is what it moved.
#[test]
fn bytes_go_through_pipes() {
    in_storm(|storm| {
        let memfd = Memfd::options().create(SIZE as u64).unwrap().fix().unwrap();
        let memory = memfd.map().unwrap();
        while storm.signals() < 300 {
            memory.bytes().write(0, &bytes(1)).unwrap();
            let (mut reader, writer) = pipe().unwrap();
            let (mut returned, mut returning) = pipe().unwrap();
            let peer = fork(move || {
                let mut piece = [0; 5000];
                let mut left = SIZE;
                while left > 0 {
                    let read = match reader.read(&mut piece) {
                        Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                        read => read.unwrap(),
                    };
                    returning.write_all(&piece[..read]).unwrap();
                    left -= read;
                }
                0
            });
            let (mut sent, mut received) = (0, Vec::new());
            while sent < SIZE {
                let piece = memory.bytes().slice(sent..SIZE.min(sent + 9000)).unwrap();
                sent += piece.write_to(&writer).unwrap();
                // So much at most is on its way, for which the pipes have room.
                while sent - received.len() > 20_000 {
                    let mut buffer = [0; 4000];
                    returned.read_exact(&mut buffer).unwrap();
                    received.extend_from_slice(&buffer);
                }
            }
            drop(writer);
            let mut filled = received.len();
            memory.bytes().fill(0);
            memory.bytes().write(0, &received).unwrap();
            while filled < SIZE {
                filled += memory.bytes().slice(filled..SIZE).unwrap().read_from(&returned).unwrap();
            }
            let mut all = vec![0; SIZE];
            memory.bytes().read(0, &mut all).unwrap();
            assert!(all == bytes(1));
            peer.succeed();
        }
    });
}
