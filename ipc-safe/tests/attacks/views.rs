//! Offsets, lengths and values at the ends of what there is.

use ipc_safe::error::ErrorKind;
use ipc_safe::memory::{Advice, MapOptions, PrivateMemory, SharedMemory};
use ipc_safe::shared::{OwnedBytes, SharedBytes};
use ipc_safe::sysv::{MessageBuffer, MessageQueue, MessageType, ReceiveError, Segment, Selector};
use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::Bound;
use std::sync::atomic::AtomicU8;

const FAR: [usize; 6] = [101, 4096, isize::MAX as usize, isize::MAX as usize + 1, usize::MAX - 1, usize::MAX];

/// No offset, range or length past the end is anything but an error, in a release build too.
///
/// R-SHM-12
#[test]
fn far_offsets_are_out_of_range() {
    let attachment = Segment::private(100).unwrap().attach().unwrap();
    let bytes = attachment.bytes();
    let mut byte = [0];
    for far in FAR {
        let refused = [
            bytes.read(far, &mut byte).err(),
            bytes.write(far, &byte).err(),
            bytes.load::<u8>(far).err(),
            bytes.load::<[u8; 0]>(far).err(),
            bytes.store(far, &0_u64).err(),
            bytes.slice(far..).err(),
            bytes.slice(..far).err(),
            bytes.slice(..=far).err(),
            bytes.slice((Bound::Excluded(far), Bound::Unbounded)).err(),
            bytes.split_at(far).err(),
        ];
        for error in refused {
            assert_eq!(error.expect("refused").kind(), ErrorKind::OutOfRange);
        }
        let mut cursor = bytes.cursor();
        assert!(cursor.seek(SeekFrom::Start(far as u64)).is_err());
        assert!(cursor.seek(SeekFrom::Current(i64::MIN)).is_err() && cursor.seek(SeekFrom::End(i64::MAX)).is_err());
        assert_eq!(cursor.position(), 0);
    }
    assert!(bytes.slice((Bound::Included(5), Bound::Excluded(4))).is_err());
    let owned = OwnedBytes::new(attachment);
    assert!(FAR.iter().all(|&far| owned.slice(far..).is_err() && owned.slice(..=far).is_err()));

    let memory = PrivateMemory::new(100).unwrap();
    for far in FAR {
        assert_eq!(memory.advise_range(far.., Advice::Cold).unwrap_err().kind(), ErrorKind::OutOfRange);
        assert_eq!(memory.advise_range(..=far, Advice::Cold).unwrap_err().kind(), ErrorKind::OutOfRange);
    }
    let memory = FAR.iter().fold(memory, |memory, &far| memory.split_at(far).unwrap_err().into_inner());
    assert!(memory.resize(usize::MAX).is_err());
}

/// Nothing is read, written, sent and received as well as something.
#[test]
fn values_and_ranges_of_no_bytes_are_fine() {
    let attachment = Segment::private(100).unwrap().attach().unwrap();
    let bytes = attachment.bytes();
    bytes.load::<[u64; 0]>(100).unwrap();
    bytes.store(100, &()).unwrap();
    let (all, none) = bytes.split_at(100).unwrap();
    assert_eq!((all.len(), none.len(), none.to_vec().len()), (100, 0, 0));
    none.fill(1);
    none.copy_from(none).unwrap();
    assert_eq!(none.cursor().read(&mut [0; 4]).unwrap(), 0);
    assert_eq!(none.cursor().write(b"x").unwrap(), 0);
    let empty: [AtomicU8; 0] = [];
    assert!(SharedBytes::from(&empty).to_vec().is_empty());

    let queue = MessageQueue::private().unwrap();
    queue.send(MessageType::MIN, &()).unwrap();
    queue.receive_value::<()>(Selector::First).unwrap();
    queue.send(MessageType::new(i64::MAX).unwrap(), &7_u8).unwrap();
    let too_big = queue.receive_value::<[u8; 0]>(Selector::AtMost(MessageType::new(i64::MAX).unwrap())).unwrap_err();
    assert!(matches!(too_big, ReceiveError::Queue(error) if error.kind() == ErrorKind::TooBig));
    let mut buffer = MessageBuffer::new([0; 8]).unwrap();
    assert_eq!(queue.receive(Selector::First, buffer.truncating()).unwrap().get(), i64::MAX);
    assert!(buffer.is_empty());
}

/// A view that is copied onto itself, a little off, in both directions and across the size of a chunk.
#[test]
fn overlapping_copies_arrive_whole() {
    let memory = SharedMemory::new(20_000).unwrap();
    let bytes = memory.bytes();
    let original: Vec<u8> = (0..20_000_u32).map(|index| (index % 251) as u8).collect();
    for (from, to, len) in [(0, 1, 19_999), (1, 0, 19_999), (0, 4096, 12_288), (4097, 1, 15_903), (7, 7, 100)] {
        bytes.write(0, &original).unwrap();
        bytes.slice(to..to + len).unwrap().copy_from(bytes.slice(from..from + len).unwrap()).unwrap();
        assert_eq!(bytes.slice(to..to + len).unwrap().to_vec(), &original[from..from + len], "{from} to {to}");
    }
}

/// Memory that was cut in pieces, in any order of dropping, takes no neighbour along.
#[test]
fn pieces_of_a_mapping_end_alone() {
    let page = rustix::param::page_size();
    let memory = MapOptions::new().guard_pages(true).private(6 * page).unwrap();
    let (mut low, rest) = memory.split_at(2 * page).unwrap();
    let (middle, mut high) = rest.split_at(2 * page).unwrap();
    low.fill(1);
    high.fill(3);
    drop(middle);
    let (first, second) = low.split_at(page).unwrap();
    drop(first);
    assert!(second.iter().all(|&byte| byte == 1) && high.iter().all(|&byte| byte == 3));
    let second = second.resize(page / 2).unwrap();
    assert!(second.iter().all(|&byte| byte == 1));
    drop(second);
    assert!(high.iter().all(|&byte| byte == 3));
}
