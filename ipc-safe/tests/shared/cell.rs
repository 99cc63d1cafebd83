//! The cell that is read and replaced by copy.

use crate::support::fork;
use ipc_safe::memory::MapOptions;
use ipc_safe::shared::{Shared, SharedCell};
use ipc_safe::sysv::Segment;

#[test]
fn a_cell_is_read_replaced_and_updated() {
    let cell = Shared::<SharedCell<[u8; 5]>, _>::bare(MapOptions::new().shared(4096).unwrap()).unwrap();
    assert_eq!(cell.get(), [0; 5]);
    cell.set(b"hello");
    assert_eq!(cell.replace(b"world"), *b"hello");
    cell.update(|mut bytes| {
        bytes.reverse();
        bytes
    });
    assert_eq!(&cell.get(), b"dlrow");
    assert_eq!(format!("{:?}", *cell), "SharedCell([100, 108, 114, 111, 119])");
}

#[test]
fn another_process_sees_it_and_read_only_memory_serves() {
    let segment = Segment::private(4096).unwrap();
    let cell = Shared::<SharedCell<u64>, _>::bare(segment.attach().unwrap()).unwrap();
    let view = Shared::<SharedCell<u64>, _>::bare(segment.attach_read_only().unwrap()).unwrap();
    fork(|| {
        cell.set(&7);
        0
    })
    .succeed();
    assert_eq!(view.get(), 7);
}

/// A writer without a lock may be met half way: what comes is made of bytes of both values.
#[test]
fn a_torn_value_is_of_bytes_that_were_written() {
    let cell = Shared::<SharedCell<[u8; 200]>, _>::bare(MapOptions::new().shared(4096).unwrap()).unwrap();
    let writer = fork(|| {
        for round in 0..20_000_u32 {
            cell.set(&[if round % 2 == 0 { 0xaa } else { 0x55 }; 200]);
        }
        0
    });
    for _ in 0..20_000 {
        assert!(cell.get().iter().all(|byte| [0, 0xaa, 0x55].contains(byte)));
    }
    writer.succeed();
}
