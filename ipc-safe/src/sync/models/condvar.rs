//! The condition variable, with the plain mutex.

use super::{ModelWord, explore};
use crate::error::Errno;
use crate::sync::condvar::{notify, sleep};
use crate::sync::mutex::{acquire, release};
use crate::wait::Wait;
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;
use std::time::Instant;

/// Things that are put into a basket and taken out, one by one.
struct Basket {
    mutex: ModelWord,
    notified: ModelWord,
    waiters: ModelWord,
    things: UnsafeCell<u32>,
}

#[expect(unsafe_code, reason = "loom watches that the lock keeps the accesses apart")]
// SAFETY: the cell is only accessed with the lock held, and loom panics otherwise.
unsafe impl Sync for Basket {}

impl Basket {
    fn new() -> Arc<Self> {
        let [mutex, notified, waiters] = [0; 3].map(ModelWord::new);
        Arc::new(Self { mutex, notified, waiters, things: UnsafeCell::new(0) })
    }

    #[expect(unsafe_code, reason = "loom watches that the lock keeps the accesses apart")]
    fn things<R>(&self, body: impl FnOnce(&mut u32) -> R) -> R {
        self.things.with_mut(|things| {
            // SAFETY: the lock is held.
            body(unsafe { &mut *things })
        })
    }

    fn locked<R>(&self, body: impl FnOnce() -> R) -> R {
        acquire(&self.mutex, Wait::Forever).unwrap();
        let result = body();
        release(&self.mutex);
        result
    }

    fn put(&self) {
        self.locked(|| self.things(|things| *things += 1));
    }

    fn take(&self) {
        self.locked(|| {
            while self.things(|things| *things == 0) {
                self.wait(Wait::Forever).unwrap();
            }
            self.things(|things| *things -= 1);
        });
    }

    fn wait(&self, wait: Wait) -> Result<(), Errno> {
        let result = sleep(&self.notified, &self.waiters, wait, || release(&self.mutex));
        acquire(&self.mutex, Wait::Forever).unwrap();
        result
    }
}

fn spawn(basket: &Arc<Basket>, body: impl FnOnce(&Basket) + 'static) -> thread::JoinHandle<()> {
    let basket = Arc::clone(basket);
    thread::spawn(move || body(&basket))
}

#[test]
fn who_is_notified_after_unlocking_sleeps_no_longer() {
    explore(|| {
        let basket = Basket::new();
        let taker = spawn(&basket, Basket::take);
        basket.put();
        notify(&basket.notified, &basket.waiters, 1);
        taker.join().unwrap();
    });
}

#[test]
fn who_is_notified_under_the_lock_sleeps_no_longer() {
    explore(|| {
        let basket = Basket::new();
        let taker = spawn(&basket, Basket::take);
        basket.locked(|| {
            basket.things(|things| *things += 1);
            notify(&basket.notified, &basket.waiters, 1);
        });
        taker.join().unwrap();
    });
}

#[test]
fn two_takers_are_woken_one_by_one() {
    explore(|| {
        let basket = Basket::new();
        let takers = [(); 2].map(|()| spawn(&basket, Basket::take));
        for _ in 0..2 {
            basket.put();
            notify(&basket.notified, &basket.waiters, 1);
        }
        for taker in takers {
            taker.join().unwrap();
        }
    });
}

#[test]
fn two_takers_are_woken_together() {
    explore(|| {
        let basket = Basket::new();
        let takers = [(); 2].map(|()| spawn(&basket, Basket::take));
        basket.locked(|| basket.things(|things| *things += 2));
        notify(&basket.notified, &basket.waiters, u32::MAX);
        for taker in takers {
            taker.join().unwrap();
        }
    });
}

#[test]
fn who_gives_up_takes_no_notification_with_it() {
    explore(|| {
        let basket = Basket::new();
        let patient = spawn(&basket, Basket::take);
        let impatient = spawn(&basket, |basket| basket.locked(|| _ = basket.wait(Wait::Until(Instant::now()))));
        basket.put();
        notify(&basket.notified, &basket.waiters, 1);
        patient.join().unwrap();
        impatient.join().unwrap();
    });
}
