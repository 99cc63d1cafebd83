//! Any bytes in a segment, opened as a record: taken exactly when its header says that it is one, and then usable whatever the
//! bytes are.

use crate::{leaks, namespace};
use arbitrary::{Arbitrary, Unstructured};
use ipc_safe::error::{Error, ErrorKind};
use ipc_safe::shared::{Sequenced, Shared, ShmSafe};
use ipc_safe::sysv::Segment;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// The bytes of a header.
const HEADER: usize = 64;
const MAGIC: u64 = u64::from_le_bytes(*b"ipc-safe");

/// A field of the header: what it should be, near it, or anything.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Field {
    Right,
    Near(i8),
    Bit(u8),
    Any(u64),
}

impl Field {
    fn value(self, right: u64) -> u64 {
        match self {
            Self::Right => right,
            Self::Near(by) => right.wrapping_add_signed(by.into()),
            Self::Bit(bit) => right ^ 1 << (bit % 64),
            Self::Any(value) => value,
        }
    }
}

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    record: u8,
    /// How many bytes the segment has beyond those of header and record, or lacks.
    room: i8,
    magic: Field,
    layout: Field,
    size: Field,
    /// What is behind the header.
    bytes: &'a [u8],
}

ipc_safe::shm_safe! {
    /// A record of all kinds of fields.
    struct Mixed {
        count: AtomicU64,
        last: Sequenced<[u8; 24]>,
        small: [AtomicU8; 8],
    }
}

/// Runs one input.
pub fn run(data: &[u8]) {
    namespace::enter();
    leaks::begin();
    let Ok(input) = Input::arbitrary(&mut Unstructured::new(data)) else { return };
    match input.record % 4 {
        0 => check::<[AtomicU32; 4]>(&input, |numbers| {
            numbers.iter().for_each(|number| _ = number.fetch_add(1, Ordering::Relaxed));
        }),
        1 => check::<AtomicU8>(&input, |byte| _ = byte.fetch_xor(255, Ordering::Relaxed)),
        2 => check::<Sequenced<[u8; 100]>>(&input, |value| {
            let _ = value.read(); // the version there may say that somebody writes
            _ = value.version();
        }),
        _ => check::<Mixed>(&input, |mixed| {
            _ = mixed.count.load(Ordering::Relaxed);
            let _ = mixed.last.read();
            mixed.small[7].store(9, Ordering::Relaxed);
        }),
    }
    leaks::check();
}

fn check<T: ShmSafe>(input: &Input<'_>, usage: impl FnOnce(&T)) {
    let right = HEADER + size_of::<T>();
    let size = right.saturating_add_signed(input.room.into()).max(1);
    let segment = Segment::private(size).expect("a segment");
    let attachment = segment.attach().expect("an attachment");
    let header = [input.magic.value(MAGIC), input.size.value(size_of::<T>() as u64), input.layout.value(T::LAYOUT)];
    let [magic, its_size, layout] = header;
    let start: Vec<u8> = [magic, layout, its_size].into_iter().flat_map(u64::to_ne_bytes).collect();
    let write = |offset: usize, bytes: &[u8]| {
        let room = &bytes[..bytes.len().min(size.saturating_sub(offset))];
        attachment.bytes().write(offset.min(size), room).expect("it fits");
    };
    write(0, &start);
    write(start.len(), input.bytes);
    let expected = match () {
        () if size < right => Some(ErrorKind::InvalidInput),
        () if magic == 0 => Some(ErrorKind::NotInitialised),
        () if magic != MAGIC || its_size != size_of::<T>() as u64 || layout != T::LAYOUT => {
            Some(ErrorKind::InvalidInput)
        }
        () => None,
    };
    match Shared::<T, _>::open(attachment, Duration::ZERO) {
        Ok(shared) => {
            assert_eq!(expected, None, "opened, though {input:?}");
            usage(&shared);
            let tail = shared.tail();
            assert_eq!(tail.len(), size.saturating_sub(right.next_multiple_of(64)), "the tail");
            tail.fill(7);
            assert!(shared.into_region().bytes().len() == size, "the region comes back");
        }
        Err(rejected) => {
            let (attachment, error) = rejected.into_parts();
            assert_eq!(Some(error.kind()), expected, "{error} for {input:?}");
            check_text(&error);
            assert_eq!(attachment.bytes().len(), size, "the region comes back");
        }
    }
}

/// The error can be told.
fn check_text(error: &Error) {
    let text = error.to_string();
    assert!(text.starts_with("Shared::open"), "{text}");
}
