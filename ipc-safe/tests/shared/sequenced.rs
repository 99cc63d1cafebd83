//! `Sequenced`: values that readers see whole, whatever happens to the writer.

use crate::fenced::{Fenced, Side};
use crate::support::{Forked, eventually, fork, watchdog};
use ipc_safe::shared::{Busy, Region, Sequenced, Shared};
use ipc_safe::sysv::{Attachment, Segment};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A value large enough that a writer is mostly in the middle of it.
type Value = [u64; 200];
type Cell = Shared<Sequenced<Value>, Attachment>;

/// A process that writes 1, 2, 3, ... from the present version on, each as a whole value, until it is killed.
fn writer(cell: &Cell) -> Forked {
    fork(|| {
        // SAFETY: takes numbers only. A test that is ended from outside leaves no writer behind.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
        loop {
            let next = cell.version() + 1;
            cell.write(&[next; 200]);
        }
    })
}

/// The number that a value is made of; the test fails when it is made of several.
fn whole(value: &Value) -> u64 {
    assert!(value.iter().all(|word| *word == value[0]), "torn: {value:?}");
    value[0]
}

/// Numbers that look random, the same in every run.
struct Noise(u64);

impl Noise {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// Hundreds of writers are killed at random moments, many of them half way through a value. Readers always see a whole
/// value, never an older one than before, and never have to wait for a writer that is dead.
///
/// R-SHM-12
#[test]
fn a_killed_writer_leaves_the_last_value() {
    const KILLS: u32 = 300;
    let segment = Segment::private(8192).unwrap();
    let cell: Cell = Shared::bare(segment.attach().unwrap()).unwrap();
    let again = segment.attach().unwrap();
    let mut noise = Noise(1);
    let (mut last, mut half_way) = (0, 0);
    for _ in 0..KILLS {
        let _watchdog = watchdog();
        let start = cell.version();
        let child = writer(&cell);
        eventually("the writer writes", || cell.version() > start);
        for _ in 0..noise.below(300) {
            if let Ok(value) = cell.read() {
                let number = whole(&value);
                assert!(number >= last, "from {last} back to {number}");
                last = number;
            }
        }
        drop(child); // SIGKILL, and reaped
        let number = whole(&cell.read().expect("nobody writes, so nobody is busy"));
        assert_eq!(number, cell.version(), "the value is that of the version");
        last = number;
        half_way += u32::from(is_half_way(&again, number));
    }
    println!("{half_way} of {KILLS} writers were killed half way through a value");
    assert!(half_way > 0, "the test killed nobody at work");
}

/// Whether the slot that is not in use holds anything but the value before the last. `again` is the cell's memory.
fn is_half_way(again: &Attachment, version: u64) -> bool {
    let unused = 8 + usize::from(version & 1 == 0) * size_of::<Value>();
    let slot: Value = again.bytes().load(unused).unwrap();
    slot.iter().any(|word| *word != version - 1)
}

/// Threads of one process read and write the same cell.
#[test]
fn threads_see_whole_values_in_order() {
    let _watchdog = watchdog();
    let cell = Sequenced::new([0_u64; 200]);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            (1..=20_000).for_each(|number| cell.write(&[number; 200]));
            done.store(true, Ordering::Release);
        });
        let mut last = 0;
        while !done.load(Ordering::Acquire) {
            let number = cell.read().map_or(last, |value| whole(&value));
            assert!(number >= last, "from {last} back to {number}");
            last = number;
        }
    });
    assert_eq!(cell.read().map(|value| whole(&value)), Ok(20_000));
}

/// A reader whose every look is overtaken gives up: a value or `Busy`, never an endless wait, never a torn value.
#[test]
fn a_reader_never_waits() {
    let _watchdog = watchdog();
    let segment = Segment::private(8192).unwrap();
    let cell: Cell = Shared::bare(segment.attach().unwrap()).unwrap();
    let _writer = writer(&cell);
    let mut values = 0;
    for _ in 0..20_000 {
        let read = cell.read();
        assert!(read == Err(Busy) || read.is_ok_and(|value| whole(&value) <= cell.version()));
        values += u32::from(read.is_ok());
    }
    assert!(values > 0, "a reader never gets anything");
}

/// Memory of zeros holds the value of zeros; values of any size, also of none, travel whole.
#[test]
fn any_plain_value_travels() {
    fn round_trip<P: ipc_safe::shared::Plain + Copy + PartialEq + std::fmt::Debug + 'static>(zero: P, value: P) {
        let cell = Shared::<Sequenced<P>, _>::bare(Fenced::new(4096, Side::Start)).unwrap();
        assert_eq!((cell.read(), cell.version()), (Ok(zero), 0));
        cell.write(&value);
        assert_eq!((cell.read(), cell.version()), (Ok(value), 1));
        cell.write(&zero);
        assert_eq!((cell.read(), cell.version()), (Ok(zero), 2));
    }
    round_trip((), ());
    round_trip(0_u8, 0xff);
    round_trip([0_u8; 3], *b"abc");
    round_trip(0.0_f64, -1.5);
    round_trip(0_u128, u128::MAX);
    round_trip([0_u32; 100], [9; 100]);
}

/// The version passes from the highest number to zero, and the values go on.
#[test]
fn the_version_goes_round() {
    let region = Fenced::new(4096, Side::Start);
    region.bytes().store(0, &u64::MAX).unwrap();
    let cell = Shared::<Sequenced<u64>, _>::bare(region).unwrap();
    for (value, version) in [(7, 0), (8, 1)] {
        cell.write(&value);
        assert_eq!((cell.read(), cell.version()), (Ok(value), version));
    }
}

/// Two writers without a lock leave garbage at worst: readers end, and the cell works on.
#[test]
fn writers_without_a_lock_do_no_harm() {
    let _watchdog = watchdog();
    let cell = Sequenced::new([0_u64; 200]);
    let reads = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for number in [1, 2] {
            let cell = &cell;
            scope.spawn(move || (0..5_000).for_each(|_| cell.write(&[number; 200])));
        }
        for _ in 0..5_000 {
            if let Ok(value) = cell.read() {
                assert!(value.iter().all(|word| *word <= 2));
                reads.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    cell.write(&[3; 200]);
    assert_eq!(cell.read().map(|value| whole(&value)), Ok(3));
}
