//! Writes in one piece.

use crate::alone::alone;
use crate::support::fork;
use crate::tools::{LONG, SHORT, both_kinds, drain, fails, fill_up_to};
use ipc_safe::error::ErrorKind;
use ipc_safe::pipe::PIPE_BUF;
use std::io::Read;
use std::time::Instant;

/// R-PIPE-06, R-FIFO-06, mistake 9: inclusive, and not the size of the pipe.
#[test]
fn up_to_pipe_buf_bytes_are_written_whole_or_not_at_all() {
    alone(|| {
        assert_eq!(PIPE_BUF, 4096);
        for (reader, writer) in both_kinds() {
            assert_eq!(writer.capacity().unwrap(), 16 * PIPE_BUF);
            fill_up_to(&writer, PIPE_BUF);
            writer.try_write_atomic([1; PIPE_BUF]).unwrap();
            drain(&reader);
            fill_up_to(&writer, PIPE_BUF - 1);
            let before = writer.available().unwrap();
            fails(writer.try_write_atomic([1; PIPE_BUF]), ErrorKind::WouldBlock);
            fails(writer.try_write(&[1; PIPE_BUF]), ErrorKind::WouldBlock);
            fails(writer.write_atomic_timeout([1; PIPE_BUF], SHORT), ErrorKind::TimedOut);
            assert_eq!(writer.available().unwrap(), before, "nothing of it");
            // More than PIPE_BUF may be written in part.
            assert_eq!(writer.try_write(&[1; 5000]).unwrap(), 904);
            assert_eq!(writer.available().unwrap(), before + 904);
        }
    });
}

/// R-PIPE-06, R-FIFO-06
#[test]
fn more_than_pipe_buf_bytes_are_refused_by_the_atomic_forms() {
    alone(|| {
        for (_reader, writer) in both_kinds() {
            let bytes = [1; PIPE_BUF + 1];
            let results = [
                writer.write_atomic(bytes),
                writer.try_write_atomic(bytes),
                writer.write_atomic_timeout(bytes, LONG),
                writer.write_atomic_interruptible(bytes),
            ];
            for result in results {
                let error = fails(result, ErrorKind::TooBig);
                let text = "write of 4097 bytes: only up to 4096 bytes (PIPE_BUF) are written in one piece";
                assert_eq!(error.to_string(), text);
            }
            assert_eq!(writer.available().unwrap(), 0);
            writer.write_atomic([]).unwrap();
        }
    });
}

/// R-PIPE-06, R-FIFO-06
#[test]
fn a_whole_write_waits_for_all_of_its_room() {
    alone(|| {
        for (reader, writer) in both_kinds() {
            fill_up_to(&writer, PIPE_BUF - 1);
            std::thread::scope(|scope| {
                let writing = scope.spawn(|| {
                    let start = Instant::now();
                    writer.write_atomic_timeout([7; PIPE_BUF], LONG).unwrap();
                    assert!(start.elapsed() < LONG);
                });
                (&reader).read_exact(&mut [0; PIPE_BUF]).unwrap();
                writing.join().unwrap();
            });
            assert!(drain(&reader).ends_with(&[7; PIPE_BUF]));
        }
    });
}

/// R-PIPE-06: four processes write records of PIPE_BUF bytes and less, waiting and not: none is torn.
#[test]
fn records_of_several_writers_stay_whole() {
    const RECORDS: usize = 200;
    alone(|| {
        for (mut reader, writer) in both_kinds() {
            let lengths = [1, 100, PIPE_BUF - 1, PIPE_BUF];
            let children: Vec<_> = (0..4_u8)
                .map(|who| {
                    let (writer, len) = (writer.try_clone().unwrap(), lengths[usize::from(who)]);
                    fork(move || {
                        // A record: a byte that says who, and so many of them.
                        let record = vec![who; len];
                        for _ in 0..RECORDS {
                            if who % 2 == 0 {
                                writer.write_atomic(&record).unwrap();
                            } else {
                                while let Err(error) = writer.try_write_atomic(&record) {
                                    assert!(error.is_would_block());
                                    writer.wait().unwrap();
                                }
                            }
                        }
                        0
                    })
                })
                .collect();
            let mut counts = [0; 4];
            while counts != [RECORDS; 4] {
                let mut who = [0];
                reader.read_exact(&mut who).unwrap();
                let who = usize::from(who[0]);
                let mut rest = vec![0; lengths[who] - 1];
                reader.read_exact(&mut rest).unwrap();
                assert!(rest.iter().all(|&byte| usize::from(byte) == who), "a record of {who} is torn");
                counts[who] += 1;
            }
            children.into_iter().for_each(crate::support::Forked::succeed);
        }
    });
}
