//! The reader-writer lock.

use crate::support::{eventually, fork, watchdog};
use crate::tools::*;
use ipc_safe::error::ErrorKind;
use ipc_safe::shared::SharedCell;
use ipc_safe::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};
use std::time::Duration;

type Lock = RwLock<SharedCell<[u32; 2]>>;
/// One of the forms to lock for writing.
type Form = fn(&Lock) -> RwLockWriteGuard<'_, SharedCell<[u32; 2]>>;

#[test]
fn zero_bytes_are_an_unlocked_lock() {
    let lock = shared::<Lock>();
    assert_eq!(format!("{:?}", *lock), "RwLock { readers: 0, write_locked: false, .. }");
    assert_eq!(lock.write().get(), [0, 0]);
    static NEW: RwLock<SharedCell<u32>> = RwLock::new(SharedCell::new(7));
    assert_eq!(NEW.read().get(), 7);
    assert_eq!(RwLock::<AtomicU32>::default().read().load(Ordering::Relaxed), 0);
}

#[test]
fn readers_share_it_and_a_writer_does_not() {
    let lock = Lock::new(SharedCell::new([1, 2]));
    let one = lock.read();
    let two = lock.try_read().unwrap();
    let three = lock.read_timeout(Duration::ZERO).unwrap();
    let four = lock.read_interruptible().unwrap();
    assert_eq!((lock.readers(), lock.is_write_locked()), (4, false));
    assert!(std::ptr::eq(RwLockReadGuard::lock(&one), &raw const lock));
    assert_eq!(format!("{one:?}"), "SharedCell([1, 2])");
    fails(lock.try_write(), ErrorKind::WouldBlock);
    times_out(|time| lock.write_timeout(time));
    drop((one, two, three));
    fails(lock.try_write(), ErrorKind::WouldBlock);
    drop(four);
    drop(lock.try_write().unwrap());
}

#[test]
fn a_writer_is_alone() {
    let lock = Lock::new(SharedCell::new([1, 2]));
    let forms: [Form; 4] = [
        Lock::write,
        |lock| lock.try_write().unwrap(),
        |lock| lock.write_timeout(Duration::ZERO).unwrap(),
        |lock| lock.write_interruptible().unwrap(),
    ];
    for form in forms {
        let writer = form(&lock);
        assert_eq!((lock.readers(), lock.is_write_locked()), (0, true));
        assert!(std::ptr::eq(RwLockWriteGuard::lock(&writer), &raw const lock));
        writer.set(&[3, 4]);
        assert_eq!(format!("{writer:?}"), "SharedCell([3, 4])");
        fails(lock.try_write(), ErrorKind::WouldBlock);
        fails(lock.try_read(), ErrorKind::WouldBlock);
        times_out(|time| lock.write_timeout(time));
        times_out(|time| lock.read_timeout(time));
    }
    assert_eq!(lock.read().get(), [3, 4]);
}

/// No new reader gets in before the writer that waits has had the lock.
#[test]
fn a_waiting_writer_keeps_new_readers_out() {
    let _watchdog = watchdog();
    let lock = shared_by_threads::<Lock>();
    let reader = lock.read();
    let writer = waiting({
        let lock = Arc::clone(&lock);
        move || lock.write().update(|[one, two]| [one + 1, two])
    });
    fails(lock.try_read(), ErrorKind::WouldBlock);
    times_out(|time| lock.read_timeout(time));
    let late = waiting({
        let lock = Arc::clone(&lock);
        move || lock.read().get()
    });
    drop(reader);
    assert_eq!(late.finish(), [1, 0]);
    writer.finish();
}

/// The lock is as if it had never come, for readers that slept and for new ones.
#[test]
fn a_writer_that_gives_up_lets_the_readers_in_at_once() {
    let _watchdog = watchdog();
    let lock = shared_by_threads::<Lock>();
    let reader = lock.read();
    let writer = waiting({
        let lock = Arc::clone(&lock);
        move || lock.write_interruptible().map(drop)
    });
    let late = waiting({
        let lock = Arc::clone(&lock);
        move || lock.read().get()
    });
    writer.signal(PLAIN);
    fails(writer.finish(), ErrorKind::Interrupted);
    assert_eq!(late.finish(), [0, 0]);
    drop(lock.try_read().unwrap());
    drop(reader);
    drop(lock.try_write().unwrap());
}

/// Two writers that hand the lock to each other, and never leave it without one that waits, do not keep a reader out.
#[test]
fn writers_do_not_starve_a_reader() {
    const ROUNDS: u32 = 1000;
    let _watchdog = watchdog();
    let lock = shared_by_threads::<Lock>();
    let was_read = Arc::new(AtomicBool::new(false));
    let ids = Arc::new([AtomicI32::new(0), AtomicI32::new(0)]);
    let first = lock.write();
    let reader = {
        let (lock, was_read) = (Arc::clone(&lock), Arc::clone(&was_read));
        waiting(move || {
            let _reading = lock.read();
            was_read.store(true, Ordering::Relaxed);
        })
    };
    let writers = [0, 1].map(|own| {
        let (lock, was_read, ids) = (Arc::clone(&lock), Arc::clone(&was_read), Arc::clone(&ids));
        waiting(move || {
            ids[own].store(thread_id().cast_signed(), Ordering::Relaxed);
            for _ in 0..ROUNDS {
                let _writing = lock.write();
                if was_read.load(Ordering::Relaxed) {
                    return;
                }
                eventually("the other writer waits", || sleeps(ids[1 - own].load(Ordering::Relaxed)));
            }
            // The other one goes on.
            was_read.store(true, Ordering::Relaxed);
            panic!("the reader waited while writers had the lock {ROUNDS} times");
        })
    });
    drop(first);
    writers.into_iter().for_each(Waiting::finish);
    reader.finish();
}

/// Readers and writers that slept while a writer had the lock all get it.
#[test]
fn readers_and_writers_take_turns() {
    let _watchdog = watchdog();
    let lock = shared_by_threads::<Lock>();
    let first = lock.write();
    let waiting: Vec<Waiting<()>> = (0..4)
        .map(|number| {
            let lock = Arc::clone(&lock);
            waiting(move || {
                if number % 2 == 0 {
                    drop(lock.read());
                } else {
                    drop(lock.write());
                }
            })
        })
        .collect();
    drop(first);
    for thread in waiting {
        thread.finish();
    }
    assert_eq!((lock.readers(), lock.is_write_locked()), (0, false));
    drop(lock.try_read().unwrap());
}

#[test]
fn signals_end_only_the_interruptible_forms() {
    let _watchdog = watchdog();
    let lock = shared_by_threads::<Lock>();
    for interruptible in [(|lock| lock.read_interruptible().map(drop)) as fn(&Lock) -> ipc_safe::Result<()>, |lock| {
        lock.write_interruptible().map(drop)
    }] {
        let (first, second) = (Arc::clone(&lock), Arc::clone(&lock));
        let writer = lock.write();
        only_the_interruptible_form_is_interrupted(
            move || interruptible(&first),
            move || drop(second.write()),
            || drop(writer),
        );
        let second = Arc::clone(&lock);
        let writer = lock.write();
        let reader = waiting(move || drop(second.read_timeout(LONG).unwrap()));
        sleeps_on(&reader);
        drop(writer);
        reader.finish();
    }
    drop(lock.try_write().unwrap());
}

/// A forked child has copies of its parent's guards, which are not its own.
#[test]
fn a_childs_copy_of_a_guard_unlocks_nothing() {
    let lock = shared::<Lock>();
    let mut reader = Some(lock.read());
    fork(|| {
        drop(reader.take());
        i32::from(lock.readers() != 1)
    })
    .succeed();
    assert_eq!(lock.readers(), 1);
    drop(reader);
    let mut writer = Some(lock.write());
    fork(|| {
        drop(writer.take());
        i32::from(!lock.is_write_locked())
    })
    .succeed();
    assert!(lock.is_write_locked());
    drop(writer);
    drop(lock.try_write().unwrap());
}

/// The mark of a writer that is gone keeps readers out no longer than until the lock is free.
#[test]
fn a_killed_sleeper_holds_nobody_up_for_long() {
    let _watchdog = watchdog();
    let lock = shared::<Lock>();
    let reader = lock.read();
    drop(sleeping_child(|| {
        drop(lock.write());
        1
    }));
    fails(lock.try_read(), ErrorKind::WouldBlock);
    drop(reader);
    drop(lock.try_read().unwrap());
    let writer = lock.write();
    drop(sleeping_child(|| {
        drop(lock.read());
        1
    }));
    drop(writer);
    drop(lock.try_read().unwrap());
    drop(lock.try_write().unwrap());
}

#[test]
fn an_unrelated_process_reads_what_this_one_writes() {
    with_unrelated::<Lock>(
        |lock, other| {
            for round in 1..=1000 {
                lock.write_timeout(LONG).unwrap().set(&[round; 2]);
            }
            other.succeed();
        },
        |lock| {
            let mut last = 0;
            while last < 1000 {
                let [one, two] = lock.read_timeout(LONG).unwrap().get();
                assert!(one == two && one >= last);
                last = one;
            }
        },
    );
}

#[test]
fn garbage_in_a_lock_harms_nobody() {
    const MOMENT: Duration = Duration::from_millis(1);
    survives_garbage::<RwLock<[AtomicU32; 0]>, 2>(
        &[
            ("readers", |lock| assert!(lock.readers() < 1 << 30)),
            ("is_write_locked", |lock| _ = lock.is_write_locked()),
            ("try_read", |lock| _ = lock.try_read()),
            ("try_write", |lock| _ = lock.try_write()),
            ("read_timeout", |lock| _ = lock.read_timeout(MOMENT)),
            ("write_timeout", |lock| _ = lock.write_timeout(MOMENT)),
        ],
        &[
            ("read", |lock| drop(lock.read())),
            ("write", |lock| drop(lock.write())),
            ("read_interruptible", |lock| _ = lock.read_interruptible()),
            ("write_interruptible", |lock| _ = lock.write_interruptible()),
        ],
    );
}

/// Readers never see half of what a writer writes, nobody waits for ever, and no addition is lost.
#[test]
fn eight_processes_read_and_write() {
    const ROUNDS: u32 = 2000;
    const MOMENT: Duration = Duration::from_micros(50);
    let lock = shared::<Lock>();
    stress(|number| {
        for round in 0..ROUNDS {
            if (number + round) % 4 == 0 {
                let writer = loop {
                    // Some of them give up now and then.
                    match if round % 3 == 0 { lock.write_timeout(MOMENT) } else { Ok(lock.write()) } {
                        Ok(writer) => break writer,
                        Err(error) => assert!(error.is_timed_out(), "{error}"),
                    }
                };
                writer.update(|[one, two]| [one + 1, two]);
                writer.update(|[one, two]| [one, two + 1]);
            } else if round % 5 != 0 {
                let [one, two] = lock.read().get();
                assert_eq!(one, two);
            } else if let Ok(reader) = lock.read_timeout(MOMENT) {
                let [one, two] = reader.get();
                assert_eq!(one, two);
            }
        }
    });
    assert_eq!(lock.read().get(), [PROCESSES * ROUNDS / 4; 2]);
    assert_eq!((lock.readers(), lock.is_write_locked()), (0, false));
}

/// Seven processes that read all the time do not keep the eighth from writing.
#[test]
fn readers_do_not_starve_a_writer() {
    let lock = shared::<Lock>();
    stress(|number| {
        if number == 0 {
            for round in 1..=200 {
                lock.write().set(&[round; 2]);
            }
        } else {
            while lock.read().get() != [200; 2] {}
        }
    });
}
