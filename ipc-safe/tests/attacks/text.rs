//! Text and bytes that mean nothing, or nearly something.

use ipc_safe::shared::{Sequenced, Shared};
use ipc_safe::sysv::{Key, Segment, procfs};
use proptest::prelude::*;
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::time::Duration;

const TABLES: [&str; 3] = [
    "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      stime      rtime      ctime
         0          0   600           5          1     7     0     0     0     0     0 1700000000          0 1600000000
",
    "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime
        -1          3   644         10  1000     0     0     0 1700000000 1700000000
",
    "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime      ctime                   rss                  swap
   1234567      32770  1600                  4096     7     8      2     0     0     0     0 1700000000          0 1700000000                  4096                     0
",
];

fn parse_all(text: &str) {
    let _ = procfs::parse_queues(text);
    let _ = procfs::parse_sets(text);
    let _ = procfs::parse_segments(text);
}

/// A table with a few bytes changed, cut out or put in.
fn nearly_a_table() -> impl Strategy<Value = String> {
    let pieces =
        prop_oneof!["[ -~\n]{0,3}", "-?[0-9]{1,40}", Just("\u{a0}\u{feff}\0".to_owned()), Just("\n\n".to_owned())];
    let edit = (any::<prop::sample::Index>(), 0..20_usize, pieces);
    (0..TABLES.len(), prop::collection::vec(edit, 0..6)).prop_map(|(table, edits)| {
        let mut text: Vec<char> = TABLES[table].chars().collect();
        for (at, cut, piece) in edits {
            let start = at.index(text.len() + 1);
            let end = text.len().min(start + cut);
            text.splice(start..end, piece.chars());
        }
        text.into_iter().collect()
    })
}

ipc_safe::shm_safe! {
    struct Record {
        count: AtomicU64,
        words: [AtomicU32; 4],
        value: Sequenced<[u8; 24]>,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    /// A text that is nearly a table is an error or a table, and not a panic.
    #[test]
    fn no_table_makes_the_parsers_panic(text in nearly_a_table()) {
        parse_all(&text);
    }

    #[test]
    fn no_text_makes_the_parsers_panic(text in any::<String>(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        parse_all(&text);
        parse_all(&String::from_utf8_lossy(&bytes));
        let _ = text.parse::<Key>();
    }

    /// What a key is printed as is read as that key, and so is its number.
    #[test]
    fn a_key_that_is_printed_is_read_again(raw in any::<i32>()) {
        let key = Key::new(raw);
        prop_assert_eq!(key.to_string().parse::<Key>().unwrap(), key);
        prop_assert_eq!(raw.to_string().parse::<Key>().unwrap(), key);
    }

    /// Whatever is in a segment: a record is found there only behind its header, and used without harm.
    #[test]
    fn no_bytes_of_a_segment_do_harm(
        header in prop::collection::vec(any::<u8>(), 24),
        magic in any::<bool>(),
        rest in prop::collection::vec(any::<u8>(), 0..200),
        len in 1..400_usize,
    ) {
        let segment = Segment::private(len).unwrap();
        let attachment = segment.attach().unwrap();
        let bytes = attachment.bytes();
        let _ = bytes.write(0, &header);
        if magic {
            let _ = bytes.write(0, b"ipc-safe");
        }
        let _ = bytes.write(24, &rest);
        let opened = Shared::<Record, _>::open(segment.attach_read_only().unwrap(), Duration::ZERO);
        prop_assert!(opened.is_err());
        if let Ok(record) = Shared::<Record, _>::bare(attachment) {
            let _ = (record.count.load(std::sync::atomic::Ordering::Relaxed), record.value.read(), record.tail().to_vec());
            record.value.write(&[7; 24]);
            prop_assert_eq!(record.value.read(), Ok([7; 24]));
        }
    }
}
