//! The value whose writers take turns and whose readers never wait.

use crate::support::{fork, watchdog};
use crate::tools::*;
use ipc_safe::error::ErrorKind;
use ipc_safe::shared::Shared;
use ipc_safe::sync::SequenceLock;
use ipc_safe::sysv::Segment;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

type Pair = SequenceLock<[u64; 2]>;

#[test]
fn zero_bytes_hold_the_zero_value() {
    let pair = shared::<Pair>();
    assert_eq!((pair.read(), pair.version(), pair.is_locked()), (Ok([0, 0]), 0, false));
    static NEW: Pair = Pair::new([1, 2]);
    assert_eq!(NEW.read(), Ok([1, 2]));
    assert_eq!(format!("{NEW:?}"), "SequenceLock { locked: false, version: 0, .. }");
    assert_eq!(Pair::default().read(), Ok([0, 0]));
}

#[test]
fn readers_do_not_wait_for_the_writer() {
    let pair = shared::<Pair>();
    pair.write(&[1, 2]).unwrap();
    let writer = pair.lock().unwrap();
    writer.set(&[3, 4]);
    assert_eq!((pair.read(), writer.get()), (Ok([3, 4]), Ok([3, 4])));
    writer.update(|[one, two]| [one + 1, two + 1]).unwrap();
    assert_eq!(format!("{writer:?}"), "SequenceLockGuard { version: 3, .. }");
    assert!(pair.is_locked());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            fails(pair.try_lock(), ErrorKind::WouldBlock);
            times_out(|time| pair.lock_timeout(time));
            assert_eq!(pair.read(), Ok([4, 5]));
        });
    });
    fails(pair.write(&[0, 0]), ErrorKind::Deadlock);
    drop(writer);
    drop(pair.try_lock().unwrap());
    drop(pair.lock_timeout(Duration::ZERO).unwrap());
    assert!(!pair.is_locked());
}

/// The value is whole and the lock free.
#[test]
fn the_death_of_a_writer_is_survived() {
    let _watchdog = watchdog();
    let pair = shared::<Pair>();
    for round in 1..=3 {
        fork(|| {
            let writer = pair.lock().unwrap();
            writer.set(&[round; 2]);
            std::mem::forget(writer);
            0
        })
        .succeed();
        assert_eq!(pair.read(), Ok([round; 2]));
        drop(pair.lock().unwrap());
    }
}

/// A forked child has a copy of its parent's guard, which is not its own.
#[test]
fn a_childs_copy_of_a_guard_neither_writes_nor_unlocks() {
    let pair = shared::<Pair>();
    let mut writer = Some(pair.lock().unwrap());
    fork(|| {
        let copy = writer.take().unwrap();
        copy.set(&[7, 7]);
        copy.update(|[one, two]| [one + 1, two]).unwrap();
        drop(copy);
        0
    })
    .succeed();
    assert_eq!((pair.read(), pair.is_locked()), (Ok([0, 0]), true));
    drop(writer);
    assert!(!pair.is_locked());
}

#[test]
fn an_unrelated_process_reads_whole_values() {
    with_unrelated::<Pair>(
        |pair, other| {
            for round in 1..=1000 {
                pair.write(&[round; 2]).unwrap();
            }
            other.succeed();
        },
        |pair| {
            while pair.version() < 1000 {
                if let Ok([one, two]) = pair.read() {
                    assert_eq!(one, two);
                }
            }
        },
    );
}

#[test]
fn eight_processes_lose_no_addition() {
    const ROUNDS: u64 = 2000;
    let pair = shared::<Pair>();
    stress(|_| {
        for _ in 0..ROUNDS {
            pair.lock().unwrap().update(|[one, two]| [one + 1, two + 2]).unwrap();
            if let Ok([one, two]) = pair.read() {
                assert_eq!(2 * one, two);
            }
        }
    });
    let all = u64::from(PROCESSES) * ROUNDS;
    assert_eq!((pair.read(), pair.version()), (Ok([all, 2 * all]), all));
}

#[test]
fn read_only_memory_is_read() {
    let segment = Segment::private(4096).unwrap();
    let pair = Shared::<Pair, _>::bare(segment.attach().unwrap()).unwrap();
    let view = Shared::<Pair, _>::bare(segment.attach_read_only().unwrap()).unwrap();
    pair.write(&[3, 6]).unwrap();
    assert_eq!((view.read(), view.version()), (Ok([3, 6]), 1));
}

/// In every word, of the lock as of the value.
#[test]
fn garbage_in_a_sequence_lock_harms_nobody() {
    const WORDS: usize = size_of::<Pair>() / 4;
    let _watchdog = watchdog();
    for word in GARBAGE {
        for index in 0..WORDS {
            let segment = Segment::private(4096).unwrap();
            let words = Shared::<[AtomicU32; WORDS], _>::bare(segment.attach().unwrap()).unwrap();
            let pair = Shared::<Pair, _>::bare(segment.attach().unwrap()).unwrap();
            words[index].store(word, Ordering::SeqCst);
            let _ = (pair.read(), pair.version(), pair.is_locked());
            let _ = pair.try_lock().map(|writer| writer.update(|[one, two]| [two, one]));
            let _ = pair.lock_timeout(Duration::from_millis(1)).map(|writer| writer.set(&[1, 2]));
        }
    }
}
