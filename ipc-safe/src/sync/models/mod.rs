//! Models: every interleaving of a few threads on the algorithms, up to a bound on preemptions, by loom.

mod barrier;
mod condvar;
mod event;
mod mutex;
mod rwlock;
mod semaphore;

use super::word::Word;
use crate::error::Errno;
use crate::wait::Wait;
use core::sync::atomic::Ordering;
use loom::sync::atomic::AtomicU32;
use loom::sync::{Condvar, Mutex};

/// A word under the model checker. Sleeping is a condition variable: the word is compared and the sleep begun under the
/// lock that wakers take, as the kernel does it.
pub(crate) struct ModelWord {
    value: AtomicU32,
    queue: Mutex<Queue>,
    woken: Condvar,
}

/// Sleepers are woken in the order in which they came: a wake-up is for one that sleeps already, and no later one gets it.
#[derive(Default)]
struct Queue {
    /// How many have come so far.
    come: u32,
    /// How many of them, the first ones, were woken.
    woken: u32,
}

impl Queue {
    fn asleep(&self) -> u32 {
        self.come - self.woken
    }
}

impl ModelWord {
    pub(crate) fn new(value: u32) -> Self {
        Self { value: AtomicU32::new(value), queue: Mutex::new(Queue::default()), woken: Condvar::new() }
    }

    /// Wakes so many sleepers, or as many as there are.
    fn wake_up_to(&self, count: u32) -> u32 {
        let mut queue = self.queue.lock().unwrap();
        let woken = queue.asleep().min(count);
        queue.woken += woken;
        if woken > 0 {
            self.woken.notify_all();
        }
        woken
    }

    /// How many sleep on it.
    pub(crate) fn asleep(&self) -> u32 {
        self.queue.lock().unwrap().asleep()
    }
}

impl Word for ModelWord {
    /// One look is enough to have the path, and keeps the number of interleavings small.
    const SPINS: u32 = 1;

    fn load(&self, order: Ordering) -> u32 {
        self.value.load(order)
    }

    fn store(&self, value: u32, order: Ordering) {
        self.value.store(value, order);
    }

    fn swap(&self, value: u32, order: Ordering) -> u32 {
        self.value.swap(value, order)
    }

    fn compare_exchange(&self, current: u32, new: u32, success: Ordering, failure: Ordering) -> Result<u32, u32> {
        self.value.compare_exchange(current, new, success, failure)
    }

    fn fetch_add(&self, value: u32, order: Ordering) -> u32 {
        self.value.fetch_add(value, order)
    }

    fn fetch_sub(&self, value: u32, order: Ordering) -> u32 {
        self.value.fetch_sub(value, order)
    }

    /// [`Wait::Until`] is a deadline that has passed: it gives up at once, unless the word has changed.
    fn wait(&self, expected: u32, wait: Wait) -> Result<(), Errno> {
        let mut queue = self.queue.lock().unwrap();
        if self.value.load(Ordering::SeqCst) != expected {
            return Ok(());
        }
        match wait {
            Wait::No => return Err(Errno::AGAIN),
            Wait::Until(_) => return Err(Errno::TIMEDOUT),
            Wait::Forever | Wait::Interruptible => {}
        }
        queue.come += 1;
        let number = queue.come;
        while queue.woken < number {
            queue = self.woken.wait(queue).unwrap();
        }
        Ok(())
    }

    fn wake(&self, count: u32) {
        self.wake_up_to(count);
    }

    fn wake_one(&self) -> bool {
        self.wake_up_to(1) == 1
    }
}

/// Runs `body` in every interleaving of its threads, up to three preemptions, which find what errors there are in practice.
pub(crate) fn explore(body: impl Fn() + Sync + Send + 'static) {
    explore_up_to(3, body);
}

/// The same with another number of preemptions, where three take minutes.
pub(crate) fn explore_up_to(preemptions: usize, body: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model.check(body);
}
