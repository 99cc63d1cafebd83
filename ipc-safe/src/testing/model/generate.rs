//! Random steps, for fuzzers and for property tests.
//!
//! Each field of a step has a few values to choose from. Fuzzers choose by [`arbitrary`](https://docs.rs/arbitrary), property tests by
//! [`proptest`](https://docs.rs/proptest), which shrinks to the first.

#![cfg_attr(
    not(any(feature = "arbitrary", feature = "proptest")),
    expect(unused, reason = "nobody asks for random steps")
)]

use super::mapping::{self, Rights};
use super::program::{queues, segments, sets};
use super::queue::{self, Room};
use super::set::{self, Change, Operation};
use super::signals::{self, Ending};
use super::table::Get;
use super::{pending, pipe, segment};
use crate::signal::{Signal, SignalSet};
use crate::sysv::{MessageType, Selector};
use std::sync::LazyLock;

/// Lengths around which something changes: nothing, an alignment, a byte, a page, two.
const LENGTHS: [usize; 12] = [0, 1, 7, 8, 255, 256, 4095, 4096, 4097, 8191, 8192, 8193];
const OFFSETS: [usize; 10] = [0, 1, 7, 8, 99, 4095, 4096, 4097, 8192, usize::MAX];
const BYTES: [u8; 4] = [1, 2, 3, 255];
const PLACES: [usize; 4] = [0, 1, 2, 3];
const YES_AND_NO: [bool; 2] = [false, true];

const KINDS: [i64; 8] = [1, 2, 3, 4, 5, 0, -1, i64::MAX];
const INDICES: [usize; 6] = [0, 1, 2, 3, 4, usize::MAX];
const BYTE_LIMITS: [u64; 8] = [16384, 0, 1, 2, 8, 256, 8192, 16385];

static SELECTORS: LazyLock<Vec<Selector>> = LazyLock::new(|| {
    let kinds = || [1, 2, 3, 4, 5, i64::MAX].into_iter().filter_map(MessageType::new);
    let each = |selector: fn(MessageType) -> Selector| kinds().map(selector);
    let typed = each(Selector::Exactly).chain(each(Selector::Except)).chain(each(Selector::AtMost));
    [Selector::First].into_iter().chain(typed).collect()
});

static ROOMS: LazyLock<Vec<Room>> = LazyLock::new(|| {
    let sizes = || LENGTHS.into_iter();
    [Room::Any].into_iter().chain(sizes().map(Room::Bytes)).chain(sizes().map(Room::Cut)).collect()
});

/// Key 0 is the private one.
const KEYS: [i32; 4] = [1, 2, 3, 0];
static GETS: LazyLock<Vec<Get>> = LazyLock::new(|| {
    let flags = [(true, false), (false, true), (true, false), (false, true), (false, false)];
    KEYS.into_iter().flat_map(|key| flags.map(|(create, create_new)| Get { key, create, create_new })).collect()
});

const UNITS: [u16; 6] = [1, 2, 3, 0, 32767, 32768];
const SEMAPHORES: [u16; 5] = [0, 1, 2, 3, 4];
const VALUES: [u16; 7] = [0, 1, 2, 3, 32766, 32767, 32768];

static OPERATIONS: LazyLock<Vec<Operation>> = LazyLock::new(|| {
    let of = |change: fn(u16) -> Change| UNITS.into_iter().map(change);
    let changes: Vec<_> = of(Change::Add).chain(of(Change::Subtract)).chain([Change::WaitZero; 3]).collect();
    let mut operations = Vec::new();
    for index in SEMAPHORES {
        for &change in &changes {
            operations.extend(YES_AND_NO.map(|undo| Operation { index, change, undo }));
        }
    }
    operations
});

static FURTHER: LazyLock<Vec<Option<Operation>>> =
    LazyLock::new(|| OPERATIONS.iter().flat_map(|operation| [None, Some(*operation)]).collect());

/// Equal values, and different ones, of which the last may be too high.
static ALL_VALUES: LazyLock<Vec<Vec<u16>>> = LazyLock::new(|| {
    let equal = (0..=4).flat_map(|len| VALUES.map(|value| vec![value; len]));
    equal.chain((2..=4).flat_map(|len| VALUES.windows(len).map(<[u16]>::to_vec))).collect()
});

const SEGMENT_SIZES: [usize; 9] = [100, 1, 7, 4095, 4096, 4097, 16384, 16385, 0];
const ADDRESSES: [usize; 2] = [0, 1];
static CHANGES: LazyLock<Vec<Change>> =
    LazyLock::new(|| OPERATIONS.iter().filter(|operation| !operation.undo).map(|operation| operation.change).collect());

const RIGHTS: [Rights; 3] = [Rights::ReadWrite, Rights::ReadOnly, Rights::CopyOnWrite];
const PROTECTIONS: [Rights; 3] = [Rights::ReadWrite, Rights::ReadOnly, Rights::NoAccess];
const MAPPED: [Option<usize>; 8] =
    [None, Some(0), Some(1), Some(4096), Some(4097), Some(8192), Some(12_288), Some(16_384)];
const SIZES: [usize; 9] = [0, 1, 100, 4095, 4096, 4097, 8192, 10_000, 16_384];
const STARTS: [usize; 8] = [0, 1, 100, 4095, 4096, 4097, 8192, 20_000];

const CAPACITIES: [usize; 7] = [65_536, 0, 1, 4096, 4097, 8192, 100_000];

/// Two that merge, two that queue.
static SIGNALS: LazyLock<Vec<Signal>> = LazyLock::new(|| {
    let real_time = [0, 1].into_iter().filter_map(|number| Signal::real_time(number).ok());
    [Signal::USR1, Signal::USR2].into_iter().chain(real_time).collect()
});

static SIGNAL_SETS: LazyLock<Vec<SignalSet>> = LazyLock::new(|| {
    (0..1 << SIGNALS.len())
        .map(|bits: u32| {
            SIGNALS.iter().enumerate().filter(|(at, _)| bits >> at & 1 == 1).map(|(_, signal)| *signal).collect()
        })
        .collect()
});

/// A guard that is forgotten would outlast what is tested.
const ENDINGS: [Ending; 2] = [Ending::Drop, Ending::Restore];

const SIGNAL_VALUES: [Option<i32>; 4] = [None, Some(0), Some(-1), Some(i32::MAX)];

/// One of the values of a list, or `any` of its type.
#[cfg(feature = "arbitrary")]
macro_rules! choose {
    ($u:ident, any) => {
        arbitrary::Arbitrary::arbitrary($u)?
    };
    ($u:ident, $values:ident) => {
        $u.choose(&$values[..])?.clone()
    };
}

/// Any of a type, which what becomes of it tells.
#[cfg(feature = "proptest")]
fn any<T: proptest::arbitrary::Arbitrary<Strategy: 'static>>() -> proptest::strategy::BoxedStrategy<T> {
    proptest::strategy::Strategy::boxed(proptest::arbitrary::any::<T>())
}

/// As `choose`, for property tests.
#[cfg(feature = "proptest")]
macro_rules! strategy {
    (any) => {
        any()
    };
    ($values:ident) => {
        proptest::sample::select($values.to_vec())
    };
}

/// A line a kind of step; one that stands there twice is made twice as often.
macro_rules! random {
    ($($step:ty { $($variant:ident { $($field:ident: $values:ident),* })* })*) => {$(
        /// Few keys, indices and types; sizes around which something changes.
        #[cfg(feature = "arbitrary")]
        impl<'a> arbitrary::Arbitrary<'a> for $step {
            fn arbitrary(u: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
                type Make<'a> = fn(&mut arbitrary::Unstructured<'a>) -> arbitrary::Result<$step>;
                let variants: &[Make<'a>] = &[$(|u| Ok(Self::$variant { $($field: choose!(u, $values)),* })),*];
                u.choose(variants)?(u)
            }
        }

        /// Few keys, indices and types; sizes around which something changes.
        #[cfg(feature = "proptest")]
        impl proptest::arbitrary::Arbitrary for $step {
            type Parameters = ();
            type Strategy = proptest::strategy::BoxedStrategy<Self>;

            fn arbitrary_with((): ()) -> Self::Strategy {
                use proptest::strategy::{Strategy, Union};
                let variants = [$(
                    ($(strategy!($values),)*).prop_map(|($($field,)*)| Self::$variant { $($field),* }).boxed()
                ),*];
                Union::new(variants).boxed()
            }
        }
    )*};
}

random! {
    queue::Step {
        Send { kind: KINDS, len: LENGTHS, byte: BYTES }
        SendBuffer { kind: KINDS, len: LENGTHS, byte: BYTES }
        Receive { selector: SELECTORS, room: ROOMS }
        ReceiveValue { selector: SELECTORS }
        Peek { index: INDICES, room: ROOMS }
        SetByteLimit { bytes: BYTE_LIMITS }
    }
    set::Step {
        Apply { first: OPERATIONS, second: FURTHER, third: FURTHER }
        SetValue { index: SEMAPHORES, value: VALUES }
        SetValues { values: ALL_VALUES }
    }
    segment::Step {
        Write { offset: OFFSETS, len: LENGTHS, byte: BYTES }
        Read { offset: OFFSETS, len: LENGTHS }
    }
    queues::Call {
        Get { place: PLACES, get: GETS }
        On { place: PLACES, step: any }
        On { place: PLACES, step: any }
        On { place: PLACES, step: any }
        On { place: PLACES, step: any }
        Remove { place: PLACES }
    }
    sets::Call {
        Get { place: PLACES, get: GETS, values: ALL_VALUES }
        Open { place: PLACES, key: KEYS }
        On { place: PLACES, step: any }
        On { place: PLACES, step: any }
        On { place: PLACES, step: any }
        Single { place: PLACES, index: SEMAPHORES, change: CHANGES }
        Acquire { place: PLACES, index: SEMAPHORES, units: UNITS }
        Release { guard: PLACES, dropped: YES_AND_NO }
        Remove { place: PLACES }
    }
    segments::Call {
        Get { place: PLACES, get: GETS, size: SEGMENT_SIZES }
        Open { place: PLACES, key: KEYS }
        Attach { place: PLACES, read_only: YES_AND_NO }
        Attach { place: PLACES, read_only: YES_AND_NO }
        AttachAt { place: PLACES, address: ADDRESSES }
        On { attachment: PLACES, step: any }
        On { attachment: PLACES, step: any }
        On { attachment: PLACES, step: any }
        Detach { attachment: PLACES, dropped: YES_AND_NO }
        Lock { place: PLACES, locked: YES_AND_NO }
        Remove { place: PLACES }
    }
    mapping::Step {
        Map { rights: RIGHTS, offset: STARTS, len: MAPPED, beyond_end: YES_AND_NO }
        SetSize { size: SIZES }
        WriteFile { offset: STARTS, len: LENGTHS, byte: BYTES }
        Punch { offset: STARTS, len: LENGTHS }
        Write { mapping: PLACES, offset: OFFSETS, len: LENGTHS, byte: BYTES }
        Read { mapping: PLACES, offset: OFFSETS, len: LENGTHS }
        Flush { mapping: PLACES }
        Protect { mapping: PLACES, rights: PROTECTIONS }
        Split { mapping: PLACES, at: STARTS }
        Resize { mapping: PLACES, len: LENGTHS }
        Unmap { mapping: PLACES }
    }
    pipe::Step {
        Write { writer: PLACES, len: LENGTHS, byte: BYTES, atomic: YES_AND_NO, timed: YES_AND_NO }
        Read { reader: PLACES, len: LENGTHS, timed: YES_AND_NO }
        SetCapacity { writer: PLACES, bytes: CAPACITIES }
        SetReaderNonblocking { reader: PLACES, on: YES_AND_NO }
        SetWriterNonblocking { writer: PLACES, on: YES_AND_NO }
        CloneReader { reader: PLACES }
        CloneWriter { writer: PLACES }
        CloseReader { reader: PLACES }
        CloseWriter { writer: PLACES }
    }
    signals::Step {
        Block { signals: SIGNAL_SETS }
        End { guard: PLACES, how: ENDINGS }
        Unblocked { signals: SIGNAL_SETS }
        AsMask { signals: SIGNAL_SETS }
        Leave { panicking: YES_AND_NO }
        Send { signal: SIGNALS, value: SIGNAL_VALUES }
        Take { guard: PLACES, by_descriptor: YES_AND_NO }
    }
    pending::Step {
        Send { signal: SIGNALS, value: SIGNAL_VALUES, to_thread: YES_AND_NO }
        Take { signals: SIGNAL_SETS }
    }
}

/// Half of them on ends.
#[cfg(feature = "arbitrary")]
impl<'a> arbitrary::Arbitrary<'a> for pipe::FifoStep {
    fn arbitrary(u: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
        Ok(match u.int_in_range(0..=11)? {
            0 => Self::Create { new: u.arbitrary()? },
            1 => Self::Unlink,
            2 => Self::OpenReader { lasting: u.arbitrary()? },
            3 => Self::OpenWriter,
            4 => Self::Replace,
            5 => Self::MeetWriter,
            6 => Self::MeetReader,
            _ => Self::End(u.arbitrary()?),
        })
    }
}

/// Half of them on ends.
#[cfg(feature = "proptest")]
impl proptest::arbitrary::Arbitrary for pipe::FifoStep {
    type Parameters = ();
    type Strategy = proptest::strategy::BoxedStrategy<Self>;

    fn arbitrary_with((): ()) -> Self::Strategy {
        use proptest::prelude::{Just, Strategy, any, prop_oneof};
        prop_oneof![
            5 => any::<pipe::Step>().prop_map(Self::End),
            1 => any::<bool>().prop_map(|new| Self::Create { new }),
            1 => Just(Self::Unlink),
            1 => any::<bool>().prop_map(|lasting| Self::OpenReader { lasting }),
            1 => Just(Self::OpenWriter),
            1 => Just(Self::Replace),
            1 => Just(Self::MeetWriter),
            1 => Just(Self::MeetReader),
        ]
        .boxed()
    }
}
