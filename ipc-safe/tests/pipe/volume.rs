//! Much.

use crate::alone::alone;
use crate::support::fork;
use crate::tools::{both_kinds, pattern};
use std::io::{Read, Write};

const BLOCK: usize = 1 << 20;
const BLOCKS: u64 = 1 << 10;

/// The most memory that this process had at a time, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// R-PIPE-08, R-FIFO-09: one GiB from one process to another, all of it equal, and neither needs more memory for it.
#[test]
fn a_gibibyte_arrives_as_it_was_sent_and_memory_stays_flat() {
    alone(|| {
        for (mut reader, mut writer) in both_kinds() {
            let sender = {
                let mut writer = writer.try_clone().unwrap();
                fork(move || {
                    let mut block = pattern(BLOCK);
                    let before = peak();
                    for number in 0..BLOCKS {
                        block[..8].copy_from_slice(&number.to_le_bytes());
                        writer.write_all(&block).unwrap();
                    }
                    assert!(peak() < before + 2048, "memory grew from {before} to {} KiB", peak());
                    0
                })
            };
            writer.flush().unwrap();
            drop(writer);
            let (mut expected, mut block) = (pattern(BLOCK), vec![0; BLOCK]);
            let before = peak();
            for number in 0..BLOCKS {
                expected[..8].copy_from_slice(&number.to_le_bytes());
                reader.read_exact(&mut block).unwrap();
                assert!(block == expected, "block {number} differs");
            }
            sender.succeed();
            assert_eq!(reader.read(&mut block).unwrap(), 0);
            assert!(peak() < before + 2048, "memory grew from {before} to {} KiB", peak());
        }
    });
}
