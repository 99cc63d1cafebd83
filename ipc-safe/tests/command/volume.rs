//! Much.

use crate::tools::{LONG, childless};
use ipc_safe::command::Coprocess;
use std::process::Command;

const BLOCK: usize = 256 << 10;
const BLOCKS: usize = (1 << 30) / BLOCK;

/// The most memory that a process had at a time, in KiB.
fn peak(process: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// R-PIPE-16: one GiB to a coprocess and back, all of it equal, and neither process needs more memory for it.
#[test]
fn a_gibibyte_goes_to_a_coprocess_and_comes_back() {
    childless(|| {
        let mut cat = Coprocess::options().frames().start(&mut Command::new("cat")).unwrap();
        let mut block: Vec<u8> = (0..BLOCK).map(|at| (at * 31 % 251) as u8).collect();
        let mut exchange = |number: usize| {
            for place in block.chunks_exact_mut(BLOCK / 16) {
                place[..8].copy_from_slice(&number.to_ne_bytes());
            }
            assert!(cat.request_timeout(&block, LONG).unwrap() == block, "block {number} differs");
        };
        (0..16).for_each(&mut exchange);
        let before = peak("self");
        (16..BLOCKS).for_each(&mut exchange);
        let grown = peak("self") - before;
        assert!(grown < 2048, "{grown} KiB more");
        let pid = cat.pid().as_raw_pid().to_string();
        assert!(peak(&pid) < 16 << 10, "cat has {} KiB", peak(&pid));
        assert!(cat.finish().unwrap().1.is_success());
    });
}
