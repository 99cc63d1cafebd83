//! `SharedBytes` does what the same calls on a `Vec<u8>` do, and touches nothing else.

use crate::config;
use crate::fenced::{Fenced, Side};
use ipc_safe::error::ErrorKind;
use ipc_safe::shared::{Region, SharedBytes};
use ipc_safe::sysv::Segment;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::mem::MaybeUninit;
use std::ops::Bound;
use std::sync::atomic::{AtomicU8, Ordering};

/// Lengths of regions: around the sizes at which the copy changes its way, and around pages.
const LENGTHS: [usize; 16] = [0, 1, 3, 4, 7, 8, 15, 16, 33, 64, 65, 129, 2047, 4096, 4097, 9000];
/// Lengths that no region has.
const FAR: [usize; 4] = [usize::MAX, usize::MAX - 1, usize::MAX / 2, 10_000];

/// One call. Offsets and ends may leave the view.
#[derive(Clone, Debug)]
enum Call {
    Write { offset: usize, bytes: Vec<u8> },
    Store { offset: usize, value: u64 },
    Fill { range: Range, value: u8 },
    CopyFrom { to: Range, from: Range },
    Read { offset: usize, len: usize },
    ReadUninit { offset: usize, len: usize },
    Load { offset: usize },
    Slice { range: Range },
    Split { middle: usize },
}

type Range = (Bound<usize>, Bound<usize>);

/// An offset in, just outside and far outside a view of so many bytes.
fn offset(len: usize) -> impl Strategy<Value = usize> + Clone {
    let last = len.saturating_sub(1);
    prop_oneof![6 => 0..=len, 1 => select(vec![0, 1, last, len, len + 1]), 1 => select(&FAR[..])]
}

/// The length of a buffer: mostly one that fits.
fn length(len: usize) -> impl Strategy<Value = usize> {
    prop_oneof![3 => 0..=len.min(70), 2 => 0..=len, 1 => Just(len + 1)]
}

fn range(len: usize) -> impl Strategy<Value = Range> {
    let bound = || {
        prop_oneof![
            5 => offset(len).prop_map(Bound::Included),
            3 => offset(len).prop_map(Bound::Excluded),
            1 => Just(Bound::Unbounded),
        ]
    };
    let sensible = (0..=len, 0..=len).prop_map(|(a, b)| (Bound::Included(a.min(b)), Bound::Excluded(a.max(b))));
    prop_oneof![2 => sensible, 1 => (bound(), bound())]
}

/// Two ranges of the same length, a few or many bytes apart, or any two.
fn two_ranges(len: usize) -> impl Strategy<Value = (Range, Range)> {
    let range = |start: usize, size: usize| (Bound::Included(start), Bound::Excluded(start + size));
    let equal = (0..=len, 0..=len, 0..=len)
        .prop_map(move |(size, a, b)| (range(a.min(len - size), size), range(b.min(len - size), size)));
    let near = (0..=len, 0..=len, 0..20_usize).prop_map(move |(size, a, gap)| {
        let a = a.min(len - size);
        (range(a, size), range((a + gap).min(len - size), size))
    });
    let near_or_equal = prop_oneof![equal, near];
    prop_oneof![
        4 => near_or_equal.prop_flat_map(|(a, b)| select(vec![(a, b), (b, a)])),
        1 => (self::range(len), self::range(len)),
    ]
}

fn call(len: usize) -> impl Strategy<Value = Call> {
    let bytes = length(len).prop_flat_map(|len| vec(any::<u8>(), len));
    prop_oneof![
        (offset(len), bytes).prop_map(|(offset, bytes)| Call::Write { offset, bytes }),
        (offset(len), any::<u64>()).prop_map(|(offset, value)| Call::Store { offset, value }),
        (range(len), any::<u8>()).prop_map(|(range, value)| Call::Fill { range, value }),
        two_ranges(len).prop_map(|(to, from)| Call::CopyFrom { to, from }),
        (offset(len), length(len)).prop_map(|(offset, len)| Call::Read { offset, len }),
        (offset(len), length(len)).prop_map(|(offset, len)| Call::ReadUninit { offset, len }),
        offset(len).prop_map(|offset| Call::Load { offset }),
        range(len).prop_map(|range| Call::Slice { range }),
        offset(len).prop_map(|middle| Call::Split { middle }),
    ]
}

/// What the calls do to a vector. `None` is a range that leaves it.
fn on_model(model: &mut [u8], call: &Call) -> Option<Vec<u8>> {
    let end = |offset: usize, len: usize| offset.checked_add(len);
    match call {
        Call::Write { offset, bytes } => {
            model.get_mut(*offset..end(*offset, bytes.len())?)?.copy_from_slice(bytes);
        }
        Call::Store { offset, value } => {
            model.get_mut(*offset..end(*offset, 8)?)?.copy_from_slice(&value.to_ne_bytes());
        }
        Call::Fill { range, value } => model.get_mut(*range)?.fill(*value),
        Call::CopyFrom { to, from } => {
            let source = model.get(*from)?.to_vec();
            let target = model.get_mut(*to)?;
            if target.len() != source.len() {
                return None;
            }
            target.copy_from_slice(&source);
        }
        Call::Read { offset, len } | Call::ReadUninit { offset, len } => {
            return model.get(*offset..end(*offset, *len)?).map(<[u8]>::to_vec);
        }
        Call::Load { offset } => return model.get(*offset..end(*offset, 8)?).map(<[u8]>::to_vec),
        Call::Slice { range } => return model.get(*range).map(<[u8]>::to_vec),
        Call::Split { middle } => return model.split_at_checked(*middle).map(|(a, b)| [b, a].concat()),
    }
    Some(Vec::new())
}

/// The same calls on shared bytes.
fn on_view(view: SharedBytes<'_>, call: &Call) -> ipc_safe::Result<Vec<u8>> {
    let done = |()| Vec::new();
    match call {
        Call::Write { offset, bytes } => view.write(*offset, bytes).map(done),
        Call::Store { offset, value } => view.store(*offset, value).map(done),
        Call::Fill { range, value } => view.slice(*range).map(|part| part.fill(*value)).map(done),
        Call::CopyFrom { to, from } => view.slice(*to)?.copy_from(view.slice(*from)?).map(done),
        Call::Read { offset, len } => {
            let mut target = vec![0; *len];
            view.read_only().read(*offset, &mut target).map(|()| target)
        }
        Call::ReadUninit { offset, len } => {
            let mut target = vec![MaybeUninit::uninit(); *len];
            view.read_uninit(*offset, &mut target).map(|bytes| bytes.to_vec())
        }
        Call::Load { offset } => view.load::<u64>(*offset).map(|value| value.to_ne_bytes().to_vec()),
        Call::Slice { range } => view.slice(*range).map(|part| part.to_vec()),
        Call::Split { middle } => view.split_at(*middle).map(|(a, b)| [b.to_vec(), a.to_vec()].concat()),
    }
}

/// Makes the calls on both, and compares the answers and the bytes after each.
fn compare(view: SharedBytes<'_>, calls: &[Call]) -> Result<(), TestCaseError> {
    let mut model = vec![0; view.len()];
    for call in calls {
        let expected = on_model(&mut model, call);
        let answer = on_view(view, call);
        if let Err(error) = &answer {
            prop_assert_eq!((error.kind(), error.errno()), (ErrorKind::OutOfRange, None), "{}", error);
        }
        prop_assert_eq!(answer.ok(), expected, "{:?}", call);
        prop_assert!(view.to_vec() == model, "other bytes after {call:?}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(config(400))]

    /// Any calls on memory between two fences, at either of them.
    ///
    /// R-SHM-12
    #[test]
    fn a_view_does_what_a_vector_does(
        (len, calls) in select(&LENGTHS[..]).prop_flat_map(|len| (Just(len), vec(call(len), 1..20))),
    ) {
        for side in [Side::Start, Side::End] {
            compare(Fenced::new(len, side).bytes(), &calls)?;
        }
    }

    /// The same at addresses that are aligned to nothing.
    ///
    /// R-SHM-12
    #[test]
    fn a_view_needs_no_alignment(by in 0..65_usize, calls in vec(call(200), 1..20)) {
        compare(Fenced::misaligned(200, by).bytes(), &calls)?;
    }
}

/// The three operations at every length up to several of their steps, with the first or the last byte at a fence and the
/// bytes around them unchanged.
///
/// R-SHM-12
#[test]
fn copies_and_fills_touch_exactly_their_range() {
    for len in (0..300).chain([511, 512, 513, 2046, 2047, 2048, 2049, 4095, 4096, 4097]) {
        for (side, start) in [(Side::Start, 0), (Side::End, 16)] {
            let region = Fenced::new(len + 16, side);
            let view = region.bytes();
            let part = view.slice(start..start + len).unwrap();
            let others =
                || [view.slice(..start).unwrap().to_vec(), view.slice(start + len..).unwrap().to_vec()].concat();
            let source: Vec<u8> = (0..len).map(|i| (i * 7 + i / 256 + 1) as u8).collect();
            view.fill(0xee);
            part.write(0, &source).unwrap();
            assert!(part.to_vec() == source && others() == [0xee; 16], "write of {len} bytes");
            part.fill(0xa5);
            assert!(part.to_vec() == vec![0xa5; len] && others() == [0xee; 16], "fill of {len} bytes");
        }
    }
}

/// Reads need no right to write.
///
/// R-SHM-04
#[test]
fn read_only_memory_is_read() {
    let region = Fenced::new(5000, Side::End);
    region.bytes().write(4990, b"0123456789").unwrap();
    let region = region.read_only();
    let view = region.bytes();
    assert_eq!(view.load::<[u8; 10]>(4990).unwrap(), *b"0123456789");
    assert_eq!(view.slice(4995..).unwrap().to_vec(), b"56789");
    assert_eq!(view.to_vec().len(), 5000);
}

/// What is written through one mapping of a segment is read through another one, at another address.
///
/// R-SHM-06 R-SHM-12
#[test]
fn two_mappings_show_the_same_bytes() {
    let segment = Segment::private(10_000).unwrap();
    let (one, other) = (segment.attach().unwrap(), segment.attach().unwrap());
    assert_ne!(one.bytes().as_ptr(), other.bytes().as_ptr());
    let text: Vec<u8> = (0..9_999_u32).map(|i| (i % 251) as u8).collect();
    one.bytes().write(1, &text).unwrap();
    assert_eq!(other.bytes().slice(1..).unwrap().to_vec(), text);
    // From one to the other, where the bytes are the same and where they are not.
    other.bytes().copy_from(one.bytes()).unwrap();
    assert_eq!(one.bytes().slice(1..).unwrap().to_vec(), text);
    let (to, from) = (one.bytes().slice(5000..6000).unwrap(), other.bytes().slice(1..1001).unwrap());
    to.copy_from(from.read_only()).unwrap();
    assert_eq!(other.bytes().slice(5000..6000).unwrap().to_vec(), text[..1000]);
}

/// Bytes go to and come from descriptors without a copy of ours, and errors of the calls are told.
///
/// R-SHM-12
#[test]
fn bytes_travel_through_descriptors() {
    let region = Fenced::new(3000, Side::End);
    let view = region.bytes();
    let text: Vec<u8> = (0..1500_u32).map(|i| (i % 253) as u8).collect();
    let (front, back) = view.split_at(1500).unwrap();
    front.write(0, &text).unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    assert_eq!(front.write_to(&writer).unwrap(), 1500);
    assert_eq!(back.read_from(&reader).unwrap(), 1500);
    assert_eq!(back.to_vec(), text);
    let error = front.write_to(&reader).unwrap_err();
    assert_eq!((error.call(), error.raw_os_error()), ("write", Some(libc::EBADF)));
    let error = front.read_from(&writer).unwrap_err();
    assert_eq!((error.call(), error.raw_os_error()), ("read", Some(libc::EBADF)));
    drop(writer);
    assert_eq!(back.read_from(&reader).unwrap(), 0);
    assert_eq!(back.to_vec(), text);
}

/// The message of a range error says what was asked and what there is.
#[test]
fn a_range_error_says_what_there_is() {
    let region = Fenced::new(100, Side::End);
    let error = region.bytes().load::<u32>(97).unwrap_err();
    assert_eq!(error.to_string(), "SharedBytes::load of 4 bytes at offset 97: the view has 100 bytes");
    let error = region.bytes().write(usize::MAX, b"x").unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("SharedBytes::write of 1 bytes at offset {}: the view has 100 bytes", usize::MAX)
    );
}

/// A field of atomic bytes is a view as it stands, and what the view writes the field shows.
///
/// R-SHM-12
#[test]
fn atomic_bytes_are_a_view() {
    let field: [AtomicU8; 5] = std::array::from_fn(|i| AtomicU8::new(i as u8));
    let view = SharedBytes::from(&field);
    assert_eq!(view.to_vec(), [0, 1, 2, 3, 4]);
    view.write(3, &[9, 8]).unwrap();
    assert_eq!(field[4].load(Ordering::Relaxed), 8);
    assert!(SharedBytes::from(&field[..0]).is_empty());
}

/// The doors lend the very bytes.
#[test]
fn the_unsafe_doors_lend_the_bytes() {
    let region = Fenced::new(10, Side::End);
    let view = region.bytes();
    // SAFETY: the memory is the test's own, and nothing else looks at it while the slice is in use.
    unsafe { view.as_mut_slice() }.copy_from_slice(b"abcdefghij");
    assert_eq!(view.to_vec(), b"abcdefghij");
    // SAFETY: as above, and nobody writes.
    assert_eq!(unsafe { view.as_slice() }, b"abcdefghij");
    assert_eq!((view.as_ptr(), view.as_mut_ptr().cast_const()), (region.start().as_ptr().cast_const(), view.as_ptr()));
}
