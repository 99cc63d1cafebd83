//! `OwnedBytes`: parts of a region that keep it alive.

use crate::config;
use crate::fenced::{Fenced, Side};
use crate::support::{eventually, watchdog};
use ipc_safe::error::ErrorKind;
use ipc_safe::shared::{OwnedBytes, Region};
use ipc_safe::sysv::Segment;
use proptest::collection::vec;
use proptest::prelude::*;

/// Any offset, inside or not.
fn end() -> impl Strategy<Value = usize> {
    prop_oneof![9 => 0..=100_usize, 1 => Just(101), 1 => Just(usize::MAX)]
}

proptest! {
    #![proptest_config(config(300))]

    /// Parts of parts are the bytes that the same ranges of a vector are, and ranges that leave them are refused.
    #[test]
    fn a_part_of_a_part_is_that_of_a_vector(ranges in vec((end(), end()), 1..6)) {
        let region = Fenced::new(100, Side::End);
        let mut model: Vec<u8> = (0..100).collect();
        region.bytes().write(0, &model).unwrap();
        let mut bytes = OwnedBytes::new(region);
        for (from, to) in ranges {
            let expected = model.get(from..to).map(<[u8]>::to_vec);
            let part = bytes.slice(from..to);
            prop_assert_eq!(part.as_ref().err().map(ipc_safe::Error::kind), expected.is_none().then_some(ErrorKind::OutOfRange));
            if let (Ok(part), Some(expected)) = (part, expected) {
                prop_assert_eq!(part.view().to_vec(), expected.clone());
                (bytes, model) = (part, expected);
            }
        }
    }
}

/// The region ends with the last part of it, and only then can it be had back.
///
/// R-SHM-06
#[test]
fn a_region_ends_with_its_last_part() {
    let _watchdog = watchdog();
    let segment = Segment::private(100).unwrap();
    // Children that other tests fork meanwhile have the attachment too, for as long as they live.
    let attached = |times| {
        eventually("the segment is attached so often", || segment.status().unwrap().attachments == times);
    };
    let whole = OwnedBytes::from(segment.attach().unwrap());
    let part = whole.slice(10..).unwrap();
    let whole = whole.try_into_region().unwrap_err();
    drop(part.clone());
    drop(whole);
    assert_eq!(part.view().len(), 90);
    attached(1);
    let region = part.try_into_region().unwrap();
    assert_eq!(region.len(), 100);
    attached(1);
    drop(region);
    attached(0);
}

/// Several threads use parts of one region.
#[test]
fn parts_go_to_threads() {
    let bytes = OwnedBytes::new(Segment::private(4 * 1000).unwrap().attach().unwrap());
    let threads: Vec<_> = (0..4_u8)
        .map(|thread| {
            let from = usize::from(thread) * 1000;
            let part = bytes.slice(from..from + 1000).unwrap();
            std::thread::spawn(move || part.view().fill(thread + 1))
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let expected: Vec<u8> = (1..=4).flat_map(|thread| [thread; 1000]).collect();
    assert_eq!(bytes.view().to_vec(), expected);
}
