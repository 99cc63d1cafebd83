//! The barrier.

use crate::support::{eventually, fork, watchdog};
use crate::tools::*;
use ipc_safe::error::ErrorKind;
use ipc_safe::sync::Barrier;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const ONE: NonZeroU32 = NonZeroU32::MIN;
const TWO: NonZeroU32 = NonZeroU32::new(2).unwrap();
const THREE: NonZeroU32 = NonZeroU32::new(3).unwrap();

#[test]
fn zero_bytes_are_a_barrier_that_nobody_has_come_to() {
    let barrier = shared::<Barrier>();
    assert_eq!(barrier.waiting(), 0);
    static NEW: Barrier = Barrier::new();
    assert_eq!(format!("{NEW:?}"), "Barrier { waiting: 0 }");
    assert_eq!(Barrier::default().waiting(), 0);
}

#[test]
fn one_party_is_its_own_leader() {
    let barrier = Barrier::new();
    assert!(barrier.wait(ONE).is_leader());
    assert!(barrier.try_wait(ONE).unwrap().is_leader());
    assert!(barrier.wait_timeout(ONE, Duration::ZERO).unwrap().is_leader());
    assert!(barrier.wait_interruptible(ONE).unwrap().is_leader());
    assert_eq!(barrier.waiting(), 0);
}

#[test]
fn the_last_one_leads_and_releases_the_others() {
    let _watchdog = watchdog();
    let barrier = shared_by_threads::<Barrier>();
    // More rounds than the word counts.
    for _ in 0..1100 {
        let second = {
            let barrier = Arc::clone(&barrier);
            std::thread::spawn(move || barrier.wait(TWO).is_leader())
        };
        let leader = barrier.wait(TWO).is_leader();
        assert_ne!(leader, second.join().unwrap());
    }
    let waiting = [(); 2].map(|()| {
        let barrier = Arc::clone(&barrier);
        waiting(move || barrier.wait(THREE).is_leader())
    });
    assert_eq!(barrier.waiting(), 2);
    assert!(barrier.try_wait(THREE).unwrap().is_leader());
    assert_eq!(waiting.map(Waiting::finish), [false, false]);
    assert_eq!(barrier.waiting(), 0);
}

/// The others still need one more.
#[test]
fn who_gives_up_has_not_come() {
    let _watchdog = watchdog();
    let barrier = shared_by_threads::<Barrier>();
    fails(barrier.try_wait(TWO), ErrorKind::WouldBlock);
    times_out(|time| barrier.wait_timeout(TWO, time));
    assert_eq!(barrier.waiting(), 0);
    let patient = {
        let barrier = Arc::clone(&barrier);
        waiting(move || barrier.wait(THREE).is_leader())
    };
    times_out(|time| barrier.wait_timeout(THREE, time));
    assert_eq!(barrier.waiting(), 1);
    let second = {
        let barrier = Arc::clone(&barrier);
        waiting(move || barrier.wait_timeout(THREE, LONG).unwrap().is_leader())
    };
    assert!(barrier.wait(THREE).is_leader());
    assert!(!patient.finish() && !second.finish());
}

#[test]
fn signals_end_only_the_interruptible_form_of_meeting() {
    let _watchdog = watchdog();
    let barrier = shared_by_threads::<Barrier>();
    let (first, second) = (Arc::clone(&barrier), Arc::clone(&barrier));
    only_the_interruptible_form_is_interrupted(
        move || first.wait_interruptible(TWO).map(drop),
        move || assert!(!second.wait(TWO).is_leader()),
        || assert!(barrier.wait(TWO).is_leader()),
    );
    assert_eq!(barrier.waiting(), 0);
}

/// It counts as one that has come.
#[test]
fn the_others_go_on_without_one_that_was_killed_at_the_barrier() {
    let _watchdog = watchdog();
    let barrier = shared::<Barrier>();
    drop(sleeping_child(|| {
        barrier.wait(TWO);
        1
    }));
    assert!(barrier.try_wait(TWO).unwrap().is_leader());
    assert_eq!(barrier.waiting(), 0);
}

/// Nobody gets ahead of the others by more than a round.
#[test]
fn eight_processes_go_in_step() {
    const ROUNDS: u32 = 500;
    let parties = NonZeroU32::new(PROCESSES).unwrap();
    let place = shared::<Place>();
    stress(|number| {
        for round in 0..ROUNDS {
            place.come.fetch_add(1, Ordering::Relaxed);
            // Some of them do not wait so long at a time.
            let result = loop {
                if (number + round) % 3 != 0 {
                    break place.barrier.wait(parties);
                }
                match place.barrier.wait_timeout(parties, Duration::from_micros(50)) {
                    Ok(result) => break result,
                    Err(error) => assert!(error.is_timed_out(), "{error}"),
                }
            };
            assert!(place.come.load(Ordering::Relaxed) >= (round + 1) * PROCESSES);
            assert!(place.come.load(Ordering::Relaxed) < (round + 2) * PROCESSES);
            place.leaders.fetch_add(result.is_leader().into(), Ordering::Relaxed);
        }
    });
    assert_eq!(place.leaders.load(Ordering::Relaxed), ROUNDS);
    assert_eq!(place.barrier.waiting(), 0);
}

ipc_safe::shm_safe! {
    struct Place {
        barrier: Barrier,
        come: AtomicU32,
        leaders: AtomicU32,
    }
}

#[test]
fn parent_and_child_meet() {
    let _watchdog = watchdog();
    let barrier = shared::<Barrier>();
    let child = fork(|| i32::from(barrier.wait(TWO).is_leader()));
    eventually("the child has come", || barrier.waiting() == 1);
    assert!(barrier.wait(TWO).is_leader());
    child.succeed();
}

#[test]
fn unrelated_processes_go_in_step() {
    with_unrelated::<Place>(
        |place, other| {
            for round in 0..100 {
                place.come.store(round, Ordering::Relaxed);
                place.barrier.wait_timeout(TWO, LONG).unwrap();
                place.barrier.wait_timeout(TWO, LONG).unwrap();
            }
            other.succeed();
        },
        |place| {
            for round in 0..100 {
                place.barrier.wait_timeout(TWO, LONG).unwrap();
                assert_eq!(place.come.load(Ordering::Relaxed), round);
                place.barrier.wait_timeout(TWO, LONG).unwrap();
            }
        },
    );
}

#[test]
fn garbage_in_a_barrier_harms_nobody() {
    const MOMENT: Duration = Duration::from_millis(1);
    survives_garbage::<Barrier, 1>(
        &[
            ("waiting", |barrier| assert!(barrier.waiting() < 1 << 22)),
            ("try_wait", |barrier| _ = barrier.try_wait(TWO)),
            ("try_wait by many", |barrier| _ = barrier.try_wait(NonZeroU32::MAX)),
            ("wait_timeout", |barrier| _ = barrier.wait_timeout(TWO, MOMENT)),
            ("wait_timeout by many", |barrier| _ = barrier.wait_timeout(NonZeroU32::MAX, MOMENT)),
        ],
        &[
            ("wait", |barrier| _ = barrier.wait(TWO)),
            ("wait by many", |barrier| _ = barrier.wait(NonZeroU32::MAX)),
            ("wait_interruptible", |barrier| _ = barrier.wait_interruptible(TWO)),
        ],
    );
}
