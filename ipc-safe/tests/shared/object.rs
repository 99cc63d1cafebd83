//! `Shared<T>`: the header that opening checks, and what a rejected region is good for.

use crate::config;
use crate::fenced::{Fenced, Side};
use crate::support::{eventually, fork, watchdog};
use ipc_safe::Error;
use ipc_safe::error::{ErrorKind, Rejected};
use ipc_safe::shared::{Region, Sequenced, Shared, ShmSafe};
use ipc_safe::sysv::{Attachment, Segment};
use proptest::prelude::*;
use proptest::sample::select;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

ipc_safe::shm_safe! {
    struct Job {
        id: AtomicU64,
        state: AtomicU32,
        tries: AtomicU32,
        name: [AtomicU8; 64],
    }
}

ipc_safe::shm_safe! {
    /// Of the same size, with one field called otherwise.
    struct OtherJob {
        id: AtomicU64,
        state: AtomicU32,
        errors: AtomicU32,
        name: [AtomicU8; 64],
    }
}

const SHORT: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(20);
const HEADER: usize = 64;
const JOB: usize = size_of::<Job>();

fn region(len: usize) -> Fenced {
    Fenced::new(len, Side::Start)
}

/// A region in which a job is published.
fn published() -> Fenced {
    Shared::<Job, _>::create(region(4096), |_| {}).unwrap().into_region()
}

fn open<T: ShmSafe>(region: Fenced) -> Rejected<Fenced> {
    Shared::<T, _>::open(region, SHORT).unwrap_err()
}

/// What one process creates another one opens, and both see what either writes.
///
/// R-SHM-10
#[test]
fn a_record_is_shared_between_processes() {
    let _watchdog = watchdog();
    let segment = Segment::private(4096).unwrap();
    let ours =
        Shared::<Job, _>::create(segment.attach().unwrap(), |job| job.tries.store(3, Ordering::Relaxed)).unwrap();
    fork(|| {
        let theirs = Shared::<Job, _>::open(segment.attach().unwrap(), LONG).unwrap();
        assert_eq!(theirs.tries.load(Ordering::Relaxed), 3);
        theirs.id.store(77, Ordering::Relaxed);
        0
    })
    .succeed();
    assert_eq!(ours.id.load(Ordering::Relaxed), 77);
}

/// A record begins as zeros, whatever was there.
#[test]
fn a_new_record_is_zero() {
    let dirty = region(4096);
    dirty.bytes().fill(0xff);
    let job = Shared::<Job, _>::create(dirty, |job| assert_eq!(job.id.load(Ordering::Relaxed), 0)).unwrap();
    assert!(job.name.iter().all(|byte| byte.load(Ordering::Relaxed) == 0));
    assert!(job.tail().to_vec().iter().all(|&byte| byte == 0xff), "the tail is not the record's to clear");
}

/// While the creator is not done, openers wait, and then see all that it wrote.
///
/// R-SHM-10
#[test]
fn an_opener_waits_for_the_creator() {
    let _watchdog = watchdog();
    let segment = Segment::private(4096).unwrap();
    let opener = {
        let attachment = segment.attach().unwrap();
        std::thread::spawn(move || Shared::<Job, _>::open(attachment, LONG).unwrap().id.load(Ordering::Relaxed))
    };
    Shared::<Job, _>::create(segment.attach().unwrap(), |job| {
        assert!(!opener.is_finished());
        job.id.store(5, Ordering::Relaxed);
    })
    .unwrap();
    assert_eq!(opener.join().unwrap(), 5);
}

/// Without a creator, or with one that died half way, opening ends at its deadline and says so.
#[test]
fn a_record_that_nobody_published_is_not_initialised() {
    let _watchdog = watchdog();
    let segment = Segment::private(4096).unwrap();
    let died = fork(|| {
        let _ = Shared::<Job, _>::create(segment.attach().unwrap(), |job| {
            job.id.store(5, Ordering::Relaxed);
            // SAFETY: ends this forked process, half way.
            unsafe { libc::_exit(0) }
        });
        1
    });
    died.succeed();
    let begun = Instant::now();
    let rejected = Shared::<Job, _>::open(segment.attach().unwrap(), Duration::from_millis(20)).unwrap_err();
    assert!(begun.elapsed() >= Duration::from_millis(20));
    assert_eq!(rejected.error().kind(), ErrorKind::NotInitialised);
    let text = "Shared::open: ETIMEDOUT: no creator published a record in time; it may have died half way";
    assert_eq!(rejected.to_string(), text);
}

/// Whatever is wrong, the error says in words what was found and what was wanted.
#[test]
fn header_errors_are_in_words() {
    let says = |rejected: Rejected<Fenced>, text: &str| {
        assert_eq!((rejected.error().kind(), rejected.error().errno()), (ErrorKind::InvalidInput, None));
        assert_eq!(rejected.to_string(), text);
    };
    let garbage = region(4096);
    garbage.bytes().write(0, b"\x7fELF\x02\x01\x01\0").unwrap();
    says(open::<Job>(garbage), "Shared::open: the memory holds something else: it starts with 0x00010102464c457f");
    let text = format!("Shared::open: the record there has {JOB} bytes, this one 4");
    says(open::<AtomicU32>(published()), &text);
    says(open::<OtherJob>(published()), "Shared::open: the record there has other fields than this one");
    let text = format!("Shared::open: the region has 100 bytes, the record needs {JOB} at offset 64");
    says(open::<Job>(region(100)), &text);
    let text = format!("Shared::create: the region has 63 bytes, the record needs {JOB} at offset 64");
    says(Shared::<Job, _>::create(region(63), |_| {}).unwrap_err(), &text);
    let text = format!("Shared::bare: the region has {} bytes, the record needs {JOB} at offset 0", JOB - 1);
    says(Shared::<Job, _>::bare(region(JOB - 1)).unwrap_err(), &text);
}

/// A region that starts at the wrong address is refused: for a header 64 matters, for a bare record its own alignment.
#[test]
fn a_misaligned_region_is_refused() {
    for by in [1, 4, 8, 32] {
        let rejected = Shared::<Job, _>::create(Fenced::misaligned(4096, by), |_| {}).unwrap_err();
        let start = rejected.to_string();
        assert!(start.ends_with("which is not aligned to 64 bytes"), "{start}");
        assert_eq!(Shared::<Job, _>::bare(Fenced::misaligned(4096, by)).is_ok(), by % 8 == 0, "bare, {by} bytes off");
    }
}

/// A record fits exactly, or not at all.
#[test]
fn a_region_of_exactly_the_size_will_do() {
    let needed = Shared::<Job, Fenced>::SIZE;
    assert_eq!(needed, HEADER + JOB);
    let job = Shared::<Job, _>::create(region(needed), |_| {}).unwrap();
    assert!(job.tail().is_empty());
    assert!(Shared::<Job, _>::open(job.into_region(), SHORT).is_ok());
    assert!(Shared::<Job, _>::create(region(needed - 1), |_| {}).is_err());
}

/// A rejected region is handed back, as it was; and it goes when the error is kept instead.
#[test]
fn a_rejected_region_comes_back() {
    let segment = Segment::private(100).unwrap();
    let attachment = segment.attach().unwrap();
    attachment.bytes().fill(7);
    let rejected = Shared::<Job, _>::open(attachment, SHORT).unwrap_err();
    let attachment: Attachment = rejected.into_inner();
    assert_eq!(attachment.bytes().to_vec(), [7; 100]);
    let error: Error = Shared::<Job, _>::open(attachment, SHORT).unwrap_err().into();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    // A child that another test forks meanwhile has the attachment too, for as long as it lives.
    eventually("the region is gone", || segment.status().unwrap().attachments == 0);
}

/// The tail begins at the next multiple of 64 behind the record, and writing it leaves the record alone.
#[test]
fn the_tail_is_behind_the_record() {
    let job = Shared::<Job, _>::create(region(4096), |_| {}).unwrap();
    let start = (HEADER + JOB).next_multiple_of(64);
    assert_eq!(job.tail().len(), 4096 - start);
    job.tail().fill(0xff);
    assert!(job.name.iter().all(|byte| byte.load(Ordering::Relaxed) == 0));
    let region = job.into_region();
    assert!(region.bytes().slice(start..).unwrap().to_vec().iter().all(|&byte| byte == 0xff));
    let bare = Shared::<[AtomicU8; 64], _>::bare(region).unwrap();
    assert_eq!(bare.tail().len(), 4096 - 64);
    // Room for the record, but none for where its tail would start.
    let tight = Shared::<Job, _>::bare(self::region(JOB + 1)).unwrap();
    assert!(tight.tail().is_empty());
}

/// Any bytes are a record, at offset 0 where other programs expect it; also on memory that may only be read.
///
/// R-SHM-04 R-SHM-10
#[test]
fn a_bare_record_is_what_is_there() {
    let raw = region(4096);
    raw.bytes().store(0, &0x1122_3344_5566_7788_u64).unwrap();
    let job = Shared::<Job, _>::bare(raw).unwrap();
    assert_eq!(job.id.load(Ordering::Relaxed), 0x1122_3344_5566_7788);
    let cell = Shared::<Sequenced<[u32; 3]>, _>::create(region(4096), |cell| cell.write(&[1, 2, 3])).unwrap();
    let cell = Shared::<Sequenced<[u32; 3]>, _>::open(cell.into_region().read_only(), SHORT).unwrap();
    assert_eq!((cell.read(), cell.version()), (Ok([1, 2, 3]), 1));
}

/// Whether `open` must accept these bytes.
fn acceptable(header: &[u8]) -> bool {
    let word = |index: usize| u64::from_ne_bytes(header[index * 8..][..8].try_into().unwrap());
    header.len() >= HEADER + JOB && &header[..8] == b"ipc-safe" && word(1) == Job::LAYOUT && word(2) == JOB as u64
}

proptest! {
    #![proptest_config(config(300))]

    /// Whatever bytes are there, opening accepts what a creator of the same record leaves, rejects all else, and gives the
    /// region back unchanged.
    #[test]
    fn opening_accepts_just_what_creating_leaves(
        magic in select(vec![*b"ipc-safe", [0; 8], *b"ipc-saff", [0xff; 8]]),
        layout in select(vec![Job::LAYOUT, OtherJob::LAYOUT, 0, Job::LAYOUT ^ 1]),
        size in select(vec![JOB as u64, 0, JOB as u64 - 1, u64::MAX]),
        rest in any::<u8>(),
        len in select(vec![HEADER + JOB, HEADER + JOB - 1, HEADER, 8, 0, 4096]),
    ) {
        let mut bytes = vec![rest; 4096];
        bytes[..8].copy_from_slice(&magic);
        bytes[8..16].copy_from_slice(&layout.to_ne_bytes());
        bytes[16..24].copy_from_slice(&size.to_ne_bytes());
        bytes.truncate(len);
        let region = Fenced::new(len, Side::Start);
        region.bytes().write(0, &bytes).unwrap();
        let opened = Shared::<Job, _>::open(region, Duration::ZERO);
        prop_assert_eq!(opened.is_ok(), acceptable(&bytes));
        let region = opened.map_or_else(Rejected::into_inner, Shared::into_region);
        prop_assert!(region.bytes().to_vec() == bytes);
    }
}
