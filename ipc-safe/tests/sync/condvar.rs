//! The condition variable.

use crate::support::{fork, watchdog};
use crate::tools::*;
use ipc_safe::error::ErrorKind;
use ipc_safe::shared::SharedCell;
use ipc_safe::sync::{Condvar, Mutex, MutexGuard, RobustMutex, RobustMutexGuard};
use std::sync::Arc;
use std::time::{Duration, Instant};

ipc_safe::shm_safe! {
    /// Things that are put in and taken out.
    struct Basket {
        things: Mutex<SharedCell<u32>>,
        filled: Condvar,
        emptied: Condvar,
    }
}

type Things<'a> = MutexGuard<'a, SharedCell<u32>>;

impl Basket {
    fn put(&self, count: u32) {
        self.things.lock().update(|things| things + count);
    }

    fn take(&self) {
        let things = self.filled.wait_while(self.things.lock(), |things| things.get() == 0);
        things.update(|things| things - 1);
    }
}

#[test]
fn zero_bytes_are_a_condition_variable_that_nobody_waits_for() {
    let basket = shared::<Basket>();
    basket.filled.notify_one();
    basket.filled.notify_all();
    assert_eq!(format!("{:?}", basket.filled), "Condvar { waiters: 0, .. }");
    static NEW: Condvar = Condvar::new();
    NEW.notify_all();
    Condvar::default().notify_one();
}

#[test]
fn who_need_not_wait_does_not() {
    let basket = shared::<Basket>();
    basket.put(1);
    basket.take();
    let things = basket.filled.wait_timeout_while(basket.things.lock(), Duration::ZERO, |things| things.get() > 0);
    assert_eq!(things.unwrap().get(), 0);
    assert!(!basket.things.is_locked());
}

/// Meanwhile the mutex is unlocked, and afterwards locked again.
#[test]
fn a_wait_that_times_out_gives_the_guard_back_locked() {
    let basket = shared::<Basket>();
    let start = Instant::now();
    // It may also end early, though nobody notified.
    while start.elapsed() < SHORT {
        match basket.filled.wait_timeout(basket.things.lock(), SHORT) {
            Ok(_) => {}
            Err(rejected) => {
                assert_eq!(rejected.error().kind(), ErrorKind::TimedOut);
                assert!(start.elapsed() >= SHORT && basket.things.is_locked());
                drop(rejected.into_inner());
            }
        }
        assert!(!basket.things.is_locked());
    }
    let start = Instant::now();
    let rejected = basket.filled.wait_timeout_while(basket.things.lock(), SHORT, |things| things.get() == 0);
    let (things, error) = rejected.unwrap_err().into_parts();
    assert!(start.elapsed() >= SHORT && error.is_timed_out() && basket.things.is_locked());
    drop(things);
    assert!(!basket.things.is_locked());
    assert_eq!(format!("{:?}", basket.filled), "Condvar { waiters: 0, .. }");
}

#[test]
fn a_notification_wakes_one_sleeper_and_a_broadcast_all() {
    let _watchdog = watchdog();
    let basket = shared_by_threads::<Basket>();
    let waiting = [(); 4].map(|()| {
        let basket = Arc::clone(&basket);
        waiting(move || basket.take())
    });
    assert!(!basket.things.is_locked());
    assert_eq!(format!("{:?}", basket.filled), "Condvar { waiters: 4, .. }");
    basket.put(1);
    basket.filled.notify_one();
    crate::support::eventually("one takes it", || basket.things.lock().get() == 0);
    let things = basket.things.lock();
    things.set(&3);
    basket.filled.notify_all();
    drop(things);
    for thread in waiting {
        thread.finish();
    }
    assert_eq!(basket.things.lock().get(), 0);
}

#[test]
fn signals_end_only_the_interruptible_wait() {
    let _watchdog = watchdog();
    let basket = shared_by_threads::<Basket>();
    let (first, second) = (Arc::clone(&basket), Arc::clone(&basket));
    only_the_interruptible_form_is_interrupted(
        move || without_guard(first.filled.wait_interruptible(first.things.lock())),
        move || {
            let things: Things<'_> = second.filled.wait(second.things.lock());
            assert_eq!(things.get(), 1);
        },
        || {
            basket.put(1);
            basket.filled.notify_one();
        },
    );
    assert!(!basket.things.is_locked());
}

#[test]
fn a_killed_waiter_leaves_the_mutex_unlocked_and_holds_nobody_up() {
    let _watchdog = watchdog();
    let basket = shared::<Basket>();
    drop(sleeping_child(|| {
        basket.take();
        1
    }));
    assert!(!basket.things.is_locked());
    let child = sleeping_child(|| {
        basket.take();
        0
    });
    basket.put(1);
    basket.filled.notify_one();
    child.succeed();
}

/// The copy of its parent's guard is not the child's to unlock; it waits for the mutex as any other.
#[test]
fn a_child_that_waits_with_its_parents_guard_unlocks_nothing() {
    let _watchdog = watchdog();
    let basket = shared::<Basket>();
    let mut guard = Some(basket.things.lock());
    let child = sleeping_child(|| {
        let copy = guard.take().unwrap();
        // Waits for the notification, and then for the mutex.
        let things = basket.filled.wait(copy);
        assert_eq!(things.get(), 1);
        0
    });
    assert!(basket.things.is_locked());
    fails(basket.things.try_lock(), ErrorKind::WouldBlock);
    let guard = guard.unwrap();
    guard.set(&1);
    basket.filled.notify_one();
    drop(guard);
    child.succeed();
    assert!(!basket.things.is_locked());
}

#[test]
fn an_unrelated_process_waits_for_what_this_one_puts_in() {
    with_unrelated::<Basket>(
        |basket, other| {
            for _ in 0..100 {
                basket.put(1);
                basket.filled.notify_one();
            }
            other.succeed();
            assert_eq!(basket.things.lock().get(), 0);
        },
        |basket| {
            for _ in 0..100 {
                let things = basket.filled.wait_timeout_while(basket.things.lock(), LONG, |things| things.get() == 0);
                things.unwrap().update(|things| things - 1);
            }
        },
    );
}

#[test]
fn garbage_in_a_condition_variable_harms_nobody() {
    static MUTEX: Mutex<SharedCell<u32>> = Mutex::new(SharedCell::new(0));
    survives_garbage::<Condvar, 2>(
        &[
            ("notify_one", Condvar::notify_one),
            ("notify_all", Condvar::notify_all),
            ("debug", |condvar| assert!(!format!("{condvar:?}").is_empty())),
            ("wait_timeout", |condvar| _ = condvar.wait_timeout(MUTEX.lock(), Duration::from_millis(1))),
        ],
        &[
            ("wait", |condvar| drop(condvar.wait(MUTEX.lock()))),
            ("wait_interruptible", |condvar| _ = condvar.wait_interruptible(MUTEX.lock())),
        ],
    );
}

/// Four of eight processes put things into a basket that holds three, the others take them out.
#[test]
fn a_small_basket_between_eight_processes() {
    const ROUNDS: u32 = 1000;
    let basket = shared::<Basket>();
    stress(|number| {
        for round in 0..ROUNDS {
            if number % 2 == 0 {
                let things = basket.emptied.wait_while(basket.things.lock(), |things| things.get() == 3);
                things.update(|things| things + 1);
                // Under the lock or after it, both are right.
                if round % 2 == 0 {
                    drop(things);
                }
                basket.filled.notify_one();
            } else {
                let mut things = basket.things.lock();
                // Some of them wake up now and then.
                while things.get() == 0 {
                    things = match basket.filled.wait_timeout(things, Duration::from_micros(50)) {
                        Ok(things) => things,
                        Err(rejected) => rejected.into_inner(),
                    };
                }
                things.update(|things| things - 1);
                basket.emptied.notify_one();
            }
        }
    });
    assert_eq!(basket.things.lock().get(), 0);
}

#[test]
fn a_broadcast_starts_all_children() {
    let _watchdog = watchdog();
    let basket = shared::<Basket>();
    let children = [(); 4].map(|()| {
        fork(|| {
            drop(basket.filled.wait_while(basket.things.lock(), |things| things.get() == 0));
            0
        })
    });
    basket.put(1);
    basket.filled.notify_all();
    for child in children {
        child.succeed();
    }
}

ipc_safe::shm_safe! {
    struct RobustBasket {
        things: RobustMutex<SharedCell<u32>>,
        filled: Condvar,
    }
}

impl RobustBasket {
    fn lock(&self) -> RobustMutexGuard<'_, SharedCell<u32>> {
        self.things.lock().unwrap().recover(|_| panic!("nobody died"))
    }
}

#[test]
fn a_robust_mutex_is_waited_with_as_well() {
    let _watchdog = watchdog();
    let basket = shared::<RobustBasket>();
    let child = sleeping_child(|| {
        let things = basket.filled.wait_while(basket.lock(), |things| things.get() == 0).unwrap();
        i32::from(things.is_owner_died())
    });
    basket.lock().set(&1);
    basket.filled.notify_all();
    child.succeed();
    let things = basket.filled.wait_timeout_while(basket.lock(), SHORT, |things| things.get() == 1);
    let (things, error) = things.unwrap_err().into_parts();
    assert!(error.is_timed_out() && !things.unwrap().is_owner_died());
    assert!(!basket.things.is_locked());
}

/// Whoever is notified by a process that then dies with the lock learns of that, whatever it waits for.
#[test]
fn who_waits_learns_that_the_owner_died() {
    let _watchdog = watchdog();
    let basket = shared::<RobustBasket>();
    let waiter = sleeping_child(|| {
        let things = basket.filled.wait_while(basket.lock(), |things| things.get() < 2).unwrap();
        let died = things.is_owner_died();
        let things = things.recover(|things| things.set(&7));
        i32::from(!died || things.get() != 7)
    });
    let dies = fork(|| {
        let things = basket.lock();
        things.set(&1);
        basket.filled.notify_one();
        std::mem::forget(things);
        0
    });
    dies.succeed();
    waiter.succeed();
    assert_eq!(basket.lock().get(), 7);
}
