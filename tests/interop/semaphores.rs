//! Semaphore sets.

use crate::peer::sem;
use crate::support::{self, eventually, watchdog};
use ipc_safe::error::{Errno, ErrorKind};
use ipc_safe::sysv::{Key, SemaphoreMutex, SemaphoreSet};
use rustix::process::Signal;
use std::sync::mpsc;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

fn key() -> Key {
    Key::random().unwrap()
}

/// The line in which the peer shows values.
fn shown(set: SemaphoreSet, values: &[u16]) -> String {
    let values: String = values.iter().map(|value| format!(" {value}")).collect();
    format!("{}:{values}\n", set.id())
}

fn values_by_c(set: SemaphoreSet) -> String {
    sem(&format!("values {}", set.id())).succeed()
}

/// R-SEM-13, R-SEM-02, R-SEM-11
#[test]
fn a_set_initialised_by_c_is_opened_by_rust_with_its_values() {
    let _watchdog = watchdog();
    let key = key();
    let made = sem(&format!("create {key} 3 0 32767 1")).succeed();

    let set = SemaphoreSet::open_initialised(key, Duration::ZERO).unwrap().into_owned();
    let found = SemaphoreSet::options().create(true).open(key, &[9, 9, 9, 9]).unwrap();

    assert_eq!(found, *set, "an existing set will do");
    assert_eq!(made, format!("{}\n", set.id()));
    assert_eq!(set.values().unwrap(), [3, 0, 32767, 1]);
    assert_eq!(values_by_c(*set), shown(*set, &[3, 0, 32767, 1]));
}

/// R-SEM-13
#[test]
fn rust_waits_until_c_has_given_the_values() {
    let _watchdog = watchdog();
    let key = key();
    let mut creator = sem(&format!("create-pausing {key} 4 2"));
    creator.line();
    let _removed = SemaphoreSet::open(key).unwrap().into_owned();

    let impatient = SemaphoreSet::open_initialised(key, Duration::from_millis(1)).unwrap_err();
    let (tell, told) = mpsc::channel();
    let opener = std::thread::spawn(move || {
        tell.send(()).unwrap();
        SemaphoreSet::options().initialised_within(PATIENCE).open(key, &[0, 0]).unwrap().values().unwrap()
    });
    told.recv().unwrap();
    creator.write("\n");
    creator.succeed();

    assert_eq!(impatient.kind(), ErrorKind::NotInitialised);
    assert_eq!(opener.join().unwrap(), [4, 2]);
}

/// R-SEM-13
#[test]
fn a_c_creator_that_dies_half_way_is_reported() {
    let _watchdog = watchdog();
    let key = key();
    let mut creator = sem(&format!("create-pausing {key} 1"));
    creator.line();
    creator.signal(Signal::KILL);
    assert!(!creator.end().status.success());
    let _removed = SemaphoreSet::open(key).unwrap().into_owned();

    let error = SemaphoreSet::options().initialised_within(Duration::from_millis(1)).open(key, &[1]).unwrap_err();

    assert_eq!(error.kind(), ErrorKind::NotInitialised);
}

/// R-SEM-13: values of zero too are an operation that sets the time.
#[test]
fn a_set_initialised_by_rust_is_opened_by_c_without_waiting() {
    let _watchdog = watchdog();
    for values in [&[2, 0, 5][..], &[0, 0], &[32767]] {
        let key = key();
        let set = SemaphoreSet::options().create_new(true).open(key, values).unwrap().into_owned();

        assert_eq!(sem(&format!("open {key}")).succeed(), shown(*set, values));
        assert_eq!(sem(&format!("create {key} 1")).fail(), "semget: EEXIST\n");
    }
}

/// R-SEM-13, R-SEM-02
#[test]
fn c_waits_until_rust_operates_on_the_set() {
    let _watchdog = watchdog();
    let key = key();
    let mut creator = sem(&format!("create-pausing {key} 1 1"));
    creator.line();
    let set = SemaphoreSet::open(key).unwrap().into_owned();
    let mut opener = sem(&format!("open {key}"));
    assert_eq!(opener.line(), "waiting");

    set.semaphore(1).add(6).unwrap();

    assert_eq!(opener.succeed(), shown(*set, &[0, 6]));
}

/// R-SEM-03..05, R-SEM-14
#[test]
fn each_side_waits_for_what_the_other_adds_and_takes() {
    let _watchdog = watchdog();
    let set = SemaphoreSet::private(&[0, 1]).unwrap();
    let (units, busy) = (set.semaphore(0), set.semaphore(1));

    let taker = sem(&format!("take {} 0 3", set.id()));
    eventually("C waits for units", || units.waiters().unwrap() == 1);
    units.add(3).unwrap();
    taker.succeed();

    let zero = sem(&format!("zero {} 1", set.id()));
    eventually("C waits for zero", || busy.zero_waiters().unwrap() == 1);
    busy.subtract(1).unwrap();
    zero.succeed();

    let ours = std::thread::spawn(move || units.subtract(2));
    eventually("Rust waits for units", || units.waiters().unwrap() == 1);
    sem(&format!("add {} 0 2", set.id())).succeed();
    ours.join().unwrap().unwrap();
    assert_eq!(set.values().unwrap(), [0, 0]);
}

/// R-SEM-03, R-SEM-04, R-SEM-07
#[test]
fn both_sides_get_the_same_errors() {
    let _watchdog = watchdog();
    let set = SemaphoreSet::private(&[32767, 0]).unwrap();
    let errno = |result: ipc_safe::Result<()>| result.unwrap_err().errno();
    let c = |words: &str, rest: &str| sem(&format!("{words} {} {rest}", set.id())).fail();

    assert_eq!(errno(set.semaphore(0).add(1)), Some(Errno::RANGE));
    assert_eq!(c("add", "0 1"), "semop: ERANGE\n");
    assert_eq!(errno(set.semaphore(1).try_subtract(1)), Some(Errno::AGAIN));
    assert_eq!(c("try-take", "1 1"), "semop: EAGAIN\n");
    assert_eq!(errno(set.semaphore(2).add(1)), Some(Errno::FBIG));
    assert_eq!(c("add", "2 1"), "semop: EFBIG\n");
}

/// R-SEM-08
#[test]
fn units_taken_by_a_c_process_with_undo_come_back_when_it_is_killed() {
    let _watchdog = watchdog();
    let set = SemaphoreSet::private(&[5]).unwrap();
    let semaphore = set.semaphore(0);
    let mut holder = sem(&format!("hold {} 0 4", set.id()));
    assert_eq!(holder.line(), "held");
    assert_eq!(semaphore.value().unwrap(), 1);
    let waiter = std::thread::spawn(move || semaphore.acquire(5)?.release());
    eventually("Rust waits for them", || semaphore.waiters().unwrap() == 1);

    holder.signal(Signal::KILL);

    waiter.join().unwrap().unwrap();
    assert_eq!(semaphore.value().unwrap(), 5);
}

/// R-SEM-08, R-SEM-09
#[test]
fn units_guarded_by_a_rust_process_come_back_to_c_when_it_is_killed() {
    let _watchdog = watchdog();
    let set = SemaphoreSet::private(&[5]).unwrap();
    let semaphore = set.semaphore(0);
    let holder = support::fork(|| {
        let _guard = semaphore.acquire(4).unwrap();
        loop {
            std::thread::park();
        }
    });
    eventually("the child holds them", || semaphore.value().unwrap() == 1);
    let taker = sem(&format!("take {} 0 5", set.id()));
    eventually("C waits for them", || semaphore.waiters().unwrap() == 1);

    drop(holder); // Killed.

    taker.succeed();
    assert_eq!(values_by_c(*set), shown(*set, &[0]));
}

/// R-SEM-09, R-SEM-14
#[test]
fn a_mutex_excludes_both_sides() {
    let _watchdog = watchdog();
    let set = SemaphoreSet::private(&[1]).unwrap();
    let mutex = SemaphoreMutex::new(set.semaphore(0));
    let ours = mutex.lock().unwrap();
    let mut theirs = sem(&format!("hold {} 0 1", set.id()));
    eventually("C waits for the lock", || mutex.semaphore().waiters().unwrap() == 1);

    ours.release().unwrap();

    assert_eq!(theirs.line(), "held");
    assert!(mutex.try_lock().unwrap_err().is_would_block());
    theirs.write("\n");
    theirs.succeed();
    assert_eq!(mutex.semaphore().value().unwrap(), 1);
}

/// R-SEM-04, R-SEM-11
#[test]
fn each_side_wakes_when_the_other_removes_the_set() {
    let _watchdog = watchdog();
    let set = SemaphoreSet::private(&[0]).unwrap();
    let id = set.id();
    let taker = sem(&format!("take {id} 0 1"));
    eventually("C waits", || set.semaphore(0).waiters().unwrap() == 1);
    set.remove().unwrap();
    assert_eq!(taker.fail(), "semop: EIDRM\n");
    assert_eq!(sem(&format!("values {id}")).fail(), "semctl IPC_STAT: EINVAL\n");

    let semaphore = SemaphoreSet::private(&[0]).unwrap().keep().semaphore(0);
    let waiter = std::thread::spawn(move || semaphore.subtract(1));
    eventually("Rust waits", || semaphore.waiters().unwrap() == 1);
    sem(&format!("remove {}", semaphore.set().id())).succeed();
    let woken = waiter.join().unwrap().unwrap_err();
    assert_eq!((woken.kind(), woken.errno()), (ErrorKind::Removed, Some(Errno::IDRM)));
}
