//! The counting semaphore.

use crate::support::{eventually, fork, watchdog};
use crate::tools::*;
use ipc_safe::error::ErrorKind;
use ipc_safe::sync::Semaphore;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

#[test]
fn zero_bytes_are_an_empty_semaphore() {
    let semaphore = shared::<Semaphore>();
    assert_eq!(semaphore.value(), 0);
    fails(semaphore.try_acquire(), ErrorKind::WouldBlock);
    assert_eq!(Semaphore::default().value(), 0);
    static THREE: Semaphore = Semaphore::new(3);
    assert_eq!(format!("{THREE:?}"), "Semaphore { value: 3 }");
}

#[test]
fn a_permit_gives_its_unit_back_once() {
    let semaphore = Semaphore::new(2);
    let first = semaphore.acquire();
    let second = semaphore.acquire_timeout(Duration::ZERO).unwrap();
    assert_eq!(format!("{first:?}"), "SemaphorePermit { semaphore: Semaphore { value: 0 }, .. }");
    fails(semaphore.try_acquire(), ErrorKind::WouldBlock);
    times_out(|time| semaphore.acquire_timeout(time));
    drop(first);
    assert_eq!(semaphore.value(), 1);
    second.release().unwrap();
    assert_eq!(semaphore.value(), 2);
    semaphore.acquire_interruptible().unwrap().forget();
    assert_eq!(semaphore.value(), 1);
    // Without a permit to give back, as when a unit is something to do.
    semaphore.post().unwrap();
    assert_eq!(semaphore.value(), 2);
    let there = semaphore.try_acquire().unwrap();
    std::thread::scope(|scope| scope.spawn(|| drop(there)).join().unwrap());
    assert_eq!(semaphore.value(), 2);
}

#[test]
fn more_units_than_there_can_be_are_an_error_and_none_is_added() {
    let semaphore = Semaphore::new(Semaphore::MAX - 1);
    semaphore.post_many(0).unwrap();
    fails(semaphore.post_many(2), ErrorKind::OutOfRange);
    fails(semaphore.post_many(u32::MAX), ErrorKind::OutOfRange);
    semaphore.post().unwrap();
    let error = semaphore.post().unwrap_err();
    assert_eq!(error.to_string(), "post: EOVERFLOW: a semaphore has at most 2147483647 units");
    assert_eq!(semaphore.value(), Semaphore::MAX);
    let permit = semaphore.acquire();
    semaphore.post().unwrap();
    fails(permit.release(), ErrorKind::OutOfRange);
    assert_eq!(semaphore.value(), Semaphore::MAX);
}

#[test]
#[should_panic = "a semaphore has at most 2147483647 units"]
fn a_semaphore_is_not_made_with_more_units() {
    let _ = Semaphore::new(Semaphore::MAX + 1);
}

/// As many as there are units, and no unit gets lost between those who sleep and those who come.
#[test]
fn units_posted_at_once_wake_as_many_sleepers() {
    let _watchdog = watchdog();
    let semaphore = shared_by_threads::<Semaphore>();
    let waiting = [(); 3].map(|()| {
        let semaphore = Arc::clone(&semaphore);
        waiting(move || semaphore.acquire().forget())
    });
    semaphore.post_many(2).unwrap();
    eventually("two units are taken", || semaphore.value() == 0);
    // Nobody has to be woken for nothing, and the third still can.
    semaphore.post_many(0).unwrap();
    semaphore.post_many(2).unwrap();
    for thread in waiting {
        thread.finish();
    }
    assert_eq!(semaphore.value(), 1);
}

#[test]
fn a_taker_that_gives_up_takes_no_wake_up_with_it() {
    let _watchdog = watchdog();
    let semaphore = shared_by_threads::<Semaphore>();
    let patient = waiting({
        let semaphore = Arc::clone(&semaphore);
        move || semaphore.acquire().forget()
    });
    times_out(|time| semaphore.acquire_timeout(time));
    fails(semaphore.try_acquire(), ErrorKind::WouldBlock);
    semaphore.post().unwrap();
    patient.finish();
    assert_eq!(semaphore.value(), 0);
}

#[test]
fn signals_end_only_the_interruptible_form() {
    let _watchdog = watchdog();
    let semaphore = shared_by_threads::<Semaphore>();
    let (first, second) = (Arc::clone(&semaphore), Arc::clone(&semaphore));
    only_the_interruptible_form_is_interrupted(
        move || first.acquire_interruptible().map(drop),
        move || second.acquire_timeout(LONG).unwrap().forget(),
        || semaphore.post().unwrap(),
    );
}

/// A forked child has copies of its parent's permits, which are not its own.
#[test]
fn a_childs_copy_of_a_permit_gives_nothing_back() {
    let semaphore = shared::<Semaphore>();
    semaphore.post().unwrap();
    let mut permit = Some(semaphore.acquire());
    let copy = semaphore.value();
    fork(|| {
        drop(permit.take());
        0
    })
    .succeed();
    assert_eq!((copy, semaphore.value()), (0, 0));
    let permit = permit.unwrap();
    fork(|| {
        // What the child takes itself, it gives back.
        semaphore.post().unwrap();
        drop(semaphore.acquire());
        semaphore.acquire().release().unwrap();
        0
    })
    .succeed();
    assert_eq!(semaphore.value(), 1);
    drop(permit);
    assert_eq!(semaphore.value(), 2);
}

#[test]
fn a_killed_sleeper_takes_no_unit_with_it() {
    let _watchdog = watchdog();
    let semaphore = shared::<Semaphore>();
    drop(sleeping_child(|| {
        semaphore.acquire().forget();
        1
    }));
    let child = sleeping_child(|| {
        semaphore.acquire().forget();
        0
    });
    semaphore.post().unwrap();
    child.succeed();
    assert_eq!(semaphore.value(), 0);
}

#[test]
fn an_unrelated_process_works_off_what_is_posted() {
    with_unrelated::<[Semaphore; 2]>(
        |record, other| {
            let [to_do, done] = &**record;
            to_do.post_many(100).unwrap();
            for _ in 0..100 {
                done.acquire_timeout(LONG).unwrap().forget();
            }
            other.succeed();
        },
        |record| {
            let [to_do, done] = &**record;
            for _ in 0..100 {
                to_do.acquire_timeout(LONG).unwrap().forget();
                done.post().unwrap();
            }
        },
    );
}

#[test]
fn garbage_in_a_semaphore_harms_nobody() {
    survives_garbage::<Semaphore, 1>(
        &[
            ("post", |semaphore| _ = semaphore.post()),
            ("post_many", |semaphore| _ = semaphore.post_many(1 << 30)),
            ("value", |semaphore| _ = semaphore.value()),
            ("try_acquire", |semaphore| _ = semaphore.try_acquire()),
            ("acquire_timeout", |semaphore| _ = semaphore.acquire_timeout(Duration::from_millis(1))),
        ],
        &[
            ("acquire", |semaphore| drop(semaphore.acquire())),
            ("acquire_interruptible", |semaphore| _ = semaphore.acquire_interruptible()),
        ],
    );
}

/// Three units for eight processes, some of which give up now and then: never more than three inside, and none is lost.
#[test]
fn eight_processes_share_three_units() {
    const ROUNDS: u32 = 2000;
    let pool = shared::<Pool>();
    pool.units.post_many(3).unwrap();
    stress(|number| {
        for round in 0..ROUNDS {
            let permit = loop {
                match (number + round) % 3 {
                    0 => match pool.units.acquire_timeout(Duration::from_micros(50)) {
                        Ok(permit) => break permit,
                        Err(error) => assert!(error.is_timed_out(), "{error}"),
                    },
                    _ => break pool.units.acquire(),
                }
            };
            assert!(pool.inside.fetch_add(1, Ordering::Relaxed) < 3);
            pool.count.fetch_add(1, Ordering::Relaxed);
            pool.inside.fetch_sub(1, Ordering::Relaxed);
            drop(permit);
        }
    });
    assert_eq!(pool.count.load(Ordering::Relaxed), PROCESSES * ROUNDS);
    assert_eq!(pool.units.value(), 3);
}

ipc_safe::shm_safe! {
    struct Pool {
        units: Semaphore,
        inside: AtomicU32,
        count: AtomicU32,
    }
}

/// Six of eight processes post, one by one and in batches, the other two take: all get what they wait for.
#[test]
fn takers_get_every_unit_that_posters_post() {
    const ROUNDS: u32 = 3000;
    let semaphore = shared::<Semaphore>();
    stress(|number| match number % 4 {
        0 | 1 => (0..ROUNDS).for_each(|_| semaphore.post().unwrap()),
        2 => (0..ROUNDS / 3).for_each(|_| semaphore.post_many(3).unwrap()),
        _ => (0..3 * ROUNDS).for_each(|_| semaphore.acquire().forget()),
    });
    assert_eq!(semaphore.value(), 0);
}
