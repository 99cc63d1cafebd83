//! Waiting that somebody else can make endless.

use crate::support::watchdog;
use crate::tools::before_each;
use ipc_safe::error::ErrorKind;
use ipc_safe::sysv::{Handle, Key, Owned, SemaphoreSet};
use std::time::Duration;

/// Who makes a set is not made to wait for values that somebody else changes between its calls.
///
/// R-SEM-13
#[test]
fn making_a_set_does_not_wait_for_who_meddles_with_it() {
    let _watchdog = watchdog();
    let many = vec![3; 600];
    let full = vec![32767; 600];
    for values in [&[0][..], &[0, 0], &many, &full] {
        for other_value in [0, 1, 32767] {
            let key = Key::random().unwrap();
            let meddle = |_| {
                let _ = SemaphoreSet::open(key).map(|set| set.semaphore(0).set_value(other_value));
            };
            let calls = [libc::SYS_semtimedop, libc::SYS_semop];
            let set = before_each(&calls, meddle, || SemaphoreSet::options().create_new(true).open(key, values));
            let set = set.unwrap().into_owned();
            assert!(set.status().unwrap().last_operation.is_some());
        }
    }
}

/// A set that cannot take its values, because somebody else gave it some, is not left behind.
#[test]
fn a_set_that_somebody_else_filled_is_not_left_behind() {
    let _watchdog = watchdog();
    let key = Key::random().unwrap();
    let fill = |_| drop(SemaphoreSet::open(key).map(|set| set.semaphore(0).set_value(32767)));
    let calls = [libc::SYS_semtimedop, libc::SYS_semop];
    let made = before_each(&calls, fill, || SemaphoreSet::options().create_new(true).open(key, &[1]));
    assert_eq!(made.unwrap_err().kind(), ErrorKind::OutOfRange);
    assert_eq!(SemaphoreSet::open(key).unwrap_err().kind(), ErrorKind::NotFound);
}

/// A set that is removed and made again between the calls of its opener is opened, or is an error in time.
#[test]
fn opening_a_set_that_comes_and_goes_ends() {
    let _watchdog = watchdog();
    let key = Key::random().unwrap();
    let change = |times: usize| {
        if let Ok(set) = SemaphoreSet::open(key) {
            let _ = set.remove();
        }
        if times.is_multiple_of(3) {
            let _ = SemaphoreSet::options().create_new(true).open(key, &[1]);
        }
    };
    let options = SemaphoreSet::options().create(true).initialised_within(Duration::from_millis(200));
    let opened = before_each(&[libc::SYS_semget, libc::SYS_semctl], change, || options.open(key, &[5]));
    if let Err(error) = opened {
        assert!(matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Removed), "{error}");
    }
    if let Ok(set) = SemaphoreSet::open(key) {
        set.remove().unwrap();
    }
}

/// The longest times are long, and neither an error nor over at once.
#[test]
fn the_longest_times_are_for_ever() {
    let _watchdog = watchdog();
    let set = SemaphoreSet::private(&[0]).unwrap();
    let (semaphore, handle) = (set.semaphore(0), *set);
    for time in [Duration::MAX, Duration::from_secs(i64::MAX as u64), Duration::from_secs(u64::MAX / 3)] {
        let waiter = std::thread::spawn(move || semaphore.subtract_timeout(1, time));
        crate::support::eventually("a waiter", || semaphore.waiters().unwrap() == 1 || waiter.is_finished());
        assert!(!waiter.is_finished());
        semaphore.add(1).unwrap();
        waiter.join().unwrap().unwrap();
    }
    let found = SemaphoreSet::options().create(true).initialised_within(Duration::MAX);
    let key = Key::random().unwrap();
    let owner: Owned<SemaphoreSet> = found.open(key, &[1]).unwrap().into_owned();
    assert_eq!(found.open(key, &[1]).unwrap(), *owner);
    handle.wait_initialised(Duration::MAX).unwrap();
    assert_ne!(Handle::id(handle), owner.id());
}
