//! The two events.

use crate::support::{fork, watchdog};
use crate::tools::*;
use ipc_safe::error::ErrorKind;
use ipc_safe::sync::{AutoResetEvent, ManualResetEvent};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// Zero bytes are an event that is not set; new ones, in private memory, too.
#[test]
fn new_events_are_not_set() {
    assert!(!shared::<AutoResetEvent>().is_set());
    assert!(!shared::<ManualResetEvent>().is_set());
    static AUTO: AutoResetEvent = AutoResetEvent::new();
    static MANUAL: ManualResetEvent = ManualResetEvent::new();
    fails(AUTO.try_wait(), ErrorKind::WouldBlock);
    fails(MANUAL.try_wait(), ErrorKind::WouldBlock);
    assert_eq!(format!("{AUTO:?}"), "AutoResetEvent { set: false }");
    assert_eq!(format!("{MANUAL:?}"), "ManualResetEvent { set: false }");
    assert!(!AutoResetEvent::default().is_set() && !ManualResetEvent::default().is_set());
}

#[test]
fn an_auto_reset_event_lets_one_through_however_often_it_is_set() {
    let event = AutoResetEvent::new();
    event.set();
    event.set();
    assert!(event.is_set());
    event.wait();
    fails(event.try_wait(), ErrorKind::WouldBlock);
    event.set();
    event.reset();
    times_out(|time| event.wait_timeout(time));
    event.set();
    event.wait_timeout(Duration::ZERO).unwrap();
    event.set();
    event.wait_interruptible().unwrap();
}

#[test]
fn a_manual_reset_event_lets_all_through_until_it_is_reset() {
    let event = ManualResetEvent::new();
    event.set();
    event.set();
    event.wait();
    event.try_wait().unwrap();
    event.wait_timeout(Duration::ZERO).unwrap();
    event.wait_interruptible().unwrap();
    event.reset();
    event.reset();
    assert!(!event.is_set());
    fails(event.try_wait(), ErrorKind::WouldBlock);
    times_out(|time| event.wait_timeout(time));
}

/// All those that sleep, although it is reset before one of them can run.
#[test]
fn a_pulse_of_a_manual_reset_event_releases_all_sleepers() {
    let _watchdog = watchdog();
    let event = shared_by_threads::<ManualResetEvent>();
    let waiting = [(); 3].map(|()| {
        let event = Arc::clone(&event);
        waiting(move || event.wait())
    });
    event.set();
    event.reset();
    for thread in waiting {
        thread.finish();
    }
    assert!(!event.is_set());
}

/// One for each time that it is set: who slept leaves the mark that others do.
#[test]
fn an_auto_reset_event_wakes_every_sleeper_in_its_turn() {
    let _watchdog = watchdog();
    let event = shared_by_threads::<Turn>();
    let waiting = [(); 3].map(|()| {
        let event = Arc::clone(&event);
        waiting(move || {
            event.event.wait();
            event.count.fetch_add(1, Ordering::SeqCst);
        })
    });
    for round in 1..=3 {
        event.event.set();
        crate::support::eventually("one is let through", || event.count.load(Ordering::SeqCst) == round);
    }
    for thread in waiting {
        thread.finish();
    }
    assert!(!event.event.is_set());
}

/// Who gave up leaves the event as it was for the others.
#[test]
fn a_waiter_that_gives_up_takes_no_wake_up_with_it() {
    let _watchdog = watchdog();
    let event = shared_by_threads::<AutoResetEvent>();
    let patient = waiting({
        let event = Arc::clone(&event);
        move || event.wait()
    });
    times_out(|time| event.wait_timeout(time));
    fails(event.try_wait(), ErrorKind::WouldBlock);
    event.set();
    patient.finish();
}

#[test]
fn signals_end_only_the_interruptible_wait_for_an_event() {
    let _watchdog = watchdog();
    let event = shared_by_threads::<AutoResetEvent>();
    let (first, second) = (Arc::clone(&event), Arc::clone(&event));
    only_the_interruptible_form_is_interrupted(
        move || first.wait_interruptible(),
        move || second.wait_timeout(LONG).unwrap(),
        || event.set(),
    );
    let event = shared_by_threads::<ManualResetEvent>();
    let (first, second) = (Arc::clone(&event), Arc::clone(&event));
    only_the_interruptible_form_is_interrupted(
        move || first.wait_interruptible(),
        move || second.wait(),
        || event.set(),
    );
}

#[test]
fn parent_and_child_hand_over_to_each_other() {
    let _watchdog = watchdog();
    let events = shared::<[AutoResetEvent; 2]>();
    let child = fork(|| {
        for _ in 0..1000 {
            events[0].wait();
            events[1].set();
        }
        0
    });
    for _ in 0..1000 {
        events[0].set();
        events[1].wait();
    }
    child.succeed();
}

/// Whom nobody woke, because it was killed, is not counted on.
#[test]
fn a_killed_sleeper_holds_nobody_up() {
    let _watchdog = watchdog();
    let event = shared::<AutoResetEvent>();
    drop(sleeping_child(|| {
        event.wait();
        1
    }));
    let child = sleeping_child(|| {
        event.wait();
        0
    });
    event.set();
    child.succeed();
    event.set();
    event.wait();
}

ipc_safe::shm_safe! {
    struct Meeting {
        message: AtomicU64,
        there: AutoResetEvent,
        back: ManualResetEvent,
    }
}

#[test]
fn unrelated_processes_meet() {
    with_unrelated::<Meeting>(
        |ours, other| {
            ours.there.wait_timeout(LONG).unwrap();
            assert_eq!(ours.message.load(Ordering::Relaxed), 7);
            ours.message.store(8, Ordering::Relaxed);
            ours.back.set();
            other.succeed();
        },
        |theirs| {
            theirs.message.store(7, Ordering::Relaxed);
            theirs.there.set();
            theirs.back.wait_timeout(LONG).unwrap();
            assert_eq!(theirs.message.load(Ordering::Relaxed), 8);
        },
    );
}

#[test]
fn garbage_in_an_auto_reset_event_harms_nobody() {
    survives_garbage::<AutoResetEvent, 1>(
        &[
            ("set", AutoResetEvent::set),
            ("reset", AutoResetEvent::reset),
            ("is_set", |event| _ = event.is_set()),
            ("try_wait", |event| _ = event.try_wait()),
            ("wait_timeout", |event| _ = event.wait_timeout(Duration::from_millis(1))),
        ],
        &[("wait", AutoResetEvent::wait), ("wait_interruptible", |event| _ = event.wait_interruptible())],
    );
}

#[test]
fn garbage_in_a_manual_reset_event_harms_nobody() {
    survives_garbage::<ManualResetEvent, 1>(
        &[
            ("set", ManualResetEvent::set),
            ("reset", ManualResetEvent::reset),
            ("is_set", |event| _ = event.is_set()),
            ("try_wait", |event| _ = event.try_wait()),
            ("wait_timeout", |event| _ = event.wait_timeout(Duration::from_millis(1))),
        ],
        &[("wait", ManualResetEvent::wait), ("wait_interruptible", |event| _ = event.wait_interruptible())],
    );
}

/// Eight processes hand a token round; whoever has it counts, without any atomic addition.
#[test]
fn a_token_goes_round_eight_processes() {
    const ROUNDS: u32 = 500;
    let ring = shared::<Ring>();
    ring.events[0].set();
    stress(|number| {
        for _ in 0..ROUNDS {
            ring.events[number as usize].wait();
            ring.count.store(ring.count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            ring.events[((number + 1) % PROCESSES) as usize].set();
        }
    });
    assert_eq!(ring.count.load(Ordering::Relaxed), PROCESSES * ROUNDS);
}

/// Eight processes wait for one event and set it again: a lock, in effect.
#[test]
fn an_event_lets_one_of_eight_processes_through_at_a_time() {
    const ROUNDS: u32 = 2000;
    let ring = shared::<Ring>();
    ring.events[0].set();
    stress(|number| {
        for round in 0..ROUNDS {
            // Some of them give up now and then.
            if (number + round) % 3 == 0 {
                while ring.events[0].wait_timeout(Duration::from_micros(50)).is_err() {}
            } else {
                ring.events[0].wait();
            }
            ring.count.store(ring.count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            ring.events[0].set();
        }
    });
    assert_eq!(ring.count.load(Ordering::Relaxed), PROCESSES * ROUNDS);
}

ipc_safe::shm_safe! {
    struct Ring {
        events: [AutoResetEvent; 8],
        count: AtomicU32,
    }
}

ipc_safe::shm_safe! {
    struct Turn {
        event: AutoResetEvent,
        count: AtomicU32,
    }
}
