//! Shared memory segments. Where attachments are counted, or the last one is to remove a segment, a test has a process of its own:
//! in this one, forked children of other tests have a copy of every attachment there is.

use crate::peer::shm;
use crate::support::{eventually, watchdog};
use ipc_safe::error::{Errno, ErrorKind};
use ipc_safe::shared::Shared;
use ipc_safe::shared::zerocopy::{FromBytes, Immutable, IntoBytes};
use ipc_safe::sysv::{Key, Segment};
use ipc_safe::testing::in_process;
use std::mem::offset_of;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicI32, AtomicU8, AtomicU16, AtomicU32, AtomicU64};

/// As in `tests/peers/shm_peer.c`.
#[derive(FromBytes, IntoBytes, Immutable)]
#[zerocopy(crate = "ipc_safe::shared::zerocopy")]
#[repr(C)]
struct Person {
    name: [u8; 64],
    age: i32,
}

impl Person {
    fn new(name: &str, age: i32) -> Self {
        let mut bytes = [0; 64];
        bytes[..name.len()].copy_from_slice(name.as_bytes());
        Self { name: bytes, age }
    }
}

ipc_safe::shm_safe! {
    /// As in `tests/peers/shm_peer.c`.
    struct Counters {
        total: AtomicU64,
        threes: AtomicU32,
        down: AtomicI32,
        pairs: [AtomicU16; 2],
        bytes: [AtomicU8; 3],
        stage: AtomicU8,
    }
}

/// Stages of counting, as in C.
const PRESENT: u8 = 1;
const BEGIN: u8 = 2;

/// R-SHM-10
#[test]
fn records_have_the_same_layout_on_both_sides() {
    let _watchdog = watchdog();
    let person = format!("{} {}", size_of::<Person>(), offset_of!(Person, age));
    let [b, c, d, e, f] = [
        offset_of!(Counters, threes),
        offset_of!(Counters, down),
        offset_of!(Counters, pairs),
        offset_of!(Counters, bytes),
        offset_of!(Counters, stage),
    ];

    assert_eq!(shm("layout").succeed(), format!("{person}\n{} {b} {c} {d} {e} {f}\n", size_of::<Counters>()));
}

/// R-SHM-01, R-SHM-10, R-KEY-04
#[test]
fn a_segment_and_record_of_c_are_read_by_rust() {
    let _watchdog = watchdog();
    let key = Key::random().unwrap();
    let made = shm(&format!("create {key} 100")).succeed();
    let segment = Segment::open(key).unwrap().into_owned();
    let attachment = segment.attach_read_only().unwrap();
    assert_eq!((made, attachment.len()), (format!("{}\n", segment.id()), 100));
    assert_eq!(attachment.bytes().to_vec(), [0; 100]);

    for name in ["Ada", &"n".repeat(64)] {
        shm(&format!("write {key} {name} -36")).succeed();

        let person: Person = attachment.bytes().load(0).unwrap();
        let expected = Person::new(name, -36);
        assert_eq!((person.name, person.age), (expected.name, expected.age));
    }
}

/// R-SHM-01, R-SHM-10, R-KEY-05
#[test]
fn a_segment_and_record_of_rust_are_read_by_c() {
    in_process(|| {
        let _watchdog = watchdog();
        let key = Key::random().unwrap();
        let segment = Segment::options().create_new(true).open(key, size_of::<Person>()).unwrap().into_owned();
        let attachment = segment.attach().unwrap();

        for name in ["Grace", &"n".repeat(64)] {
            attachment.bytes().store(0, &Person::new(name, 85)).unwrap();

            assert_eq!(shm(&format!("read {key}")).succeed(), format!("{name}, 85\n"));
        }
        assert_eq!(shm(&format!("create {key} 100")).fail(), "shmget: EEXIST\n");
        assert_eq!(shm(&format!("status {}", segment.id())).succeed(), "68 bytes, 1 attached\n");
    });
}

/// R-SHM-06..08
#[test]
fn c_keeps_and_attaches_what_rust_removed() {
    in_process(|| {
        let _watchdog = watchdog();
        let key = Key::random().unwrap();
        let segment = Segment::options().create_new(true).open(key, 100).unwrap().into_owned();
        segment.attach().unwrap().bytes().store(0, &Person::new("Kept", 1)).unwrap();
        let mut holder = shm(&format!("hold {key}"));
        assert_eq!(holder.line(), "attached");
        let handle = *segment;

        segment.remove().unwrap();

        assert_eq!(shm(&format!("read {key}")).fail(), "shmget: ENOENT\n");
        assert_eq!(shm(&format!("status {}", handle.id())).succeed(), "100 bytes, 1 attached, removed\n");
        assert_eq!(shm(&format!("read {}", handle.id())).succeed(), "Kept, 1\n");
        holder.write("\n");
        assert_eq!(holder.succeed(), "Kept, 1\n");
        assert_eq!(shm(&format!("read {}", handle.id())).fail(), "shmat: EINVAL\n");
        assert!(handle.attach().unwrap_err().is_removed());
    });
}

/// R-SHM-06..08
#[test]
fn rust_keeps_and_attaches_what_c_removed() {
    in_process(|| {
        let _watchdog = watchdog();
        let key = Key::random().unwrap();
        shm(&format!("create {key} 68")).succeed();
        shm(&format!("write {key} Kept 2")).succeed();
        let segment = Segment::open(key).unwrap();
        let held = segment.attach().unwrap();

        shm(&format!("remove {key}")).succeed();

        let status = segment.status().unwrap();
        assert_eq!((status.removed, status.attachments), (true, 1));
        assert_eq!(Segment::open(key).unwrap_err().kind(), ErrorKind::NotFound);
        let again = segment.attach_read_only().expect("Linux attaches by id while the segment lives");
        held.bytes().store(64, &3_i32).unwrap();
        assert_eq!(again.bytes().load::<Person>(0).unwrap().age, 3);
        shm(&format!("remove {}", segment.id())).succeed();
        again.detach().unwrap();
        held.detach().unwrap();
        let gone = segment.attach().unwrap_err();
        assert_eq!((gone.kind(), gone.errno()), (ErrorKind::Removed, Some(Errno::INVAL)));
    });
}

/// R-SHM-12
#[test]
fn both_sides_count_in_the_same_atomics_and_nothing_is_lost() {
    const OURS: u32 = 400_001;
    const THEIRS: u32 = 500_002;
    let _watchdog = watchdog();
    let segment = Segment::private(4096).unwrap();
    let counters = Shared::<Counters, _>::bare(segment.attach().unwrap()).unwrap();
    let peer = shm(&format!("count {} {THEIRS}", segment.id()));
    eventually("C is there", || counters.stage.load(SeqCst) == PRESENT);

    counters.stage.store(BEGIN, SeqCst);
    for _ in 0..OURS {
        counters.total.fetch_add(1, Relaxed);
        counters.threes.fetch_add(3, Relaxed);
        counters.down.fetch_sub(1, Relaxed);
        counters.pairs[1].fetch_add(1, Relaxed);
        counters.pairs[0].fetch_xor(1, Relaxed);
        counters.bytes[2].fetch_add(1, Relaxed);
    }
    peer.succeed();

    let sum = OURS + THEIRS;
    assert_eq!(counters.total.load(Relaxed), u64::from(sum));
    assert_eq!(counters.threes.load(Relaxed), 3 * sum);
    assert_eq!(counters.down.load(Relaxed), -sum.cast_signed());
    assert_eq!(counters.pairs[1].load(Relaxed), sum as u16);
    assert_eq!(counters.pairs[0].load(Relaxed), sum as u16 & 1);
    assert_eq!([0, 1, 2].map(|index| counters.bytes[index].load(Relaxed)), [0, 0, sum as u8]);
    assert_eq!(counters.stage.load(Relaxed), BEGIN);
}
