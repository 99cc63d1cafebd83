//! The counting semaphore.

use super::{ModelWord, explore};
use crate::sync::semaphore::{post, take};
use crate::wait::Wait;
use core::sync::atomic::Ordering;
use loom::sync::Arc;
use loom::sync::atomic::AtomicU32;
use loom::thread;
use std::time::Instant;

struct Pool {
    word: ModelWord,
    taken: AtomicU32,
}

impl Pool {
    fn new() -> Arc<Self> {
        Arc::new(Self { word: ModelWord::new(0), taken: AtomicU32::new(0) })
    }

    fn take(&self) {
        take(&self.word, Wait::Forever).unwrap();
        self.taken.fetch_add(1, Ordering::Relaxed);
    }
}

fn spawn(pool: &Arc<Pool>, body: impl FnOnce(&Pool) + 'static) -> thread::JoinHandle<()> {
    let pool = Arc::clone(pool);
    thread::spawn(move || body(&pool))
}

#[test]
fn two_takers_get_two_units_that_are_posted_one_by_one() {
    explore(|| {
        let pool = Pool::new();
        let takers = [spawn(&pool, Pool::take), spawn(&pool, Pool::take)];
        post(&pool.word, 1).unwrap();
        post(&pool.word, 1).unwrap();
        for taker in takers {
            taker.join().unwrap();
        }
        assert!(take(&pool.word, Wait::No).is_err());
    });
}

#[test]
fn two_posters_lose_no_unit() {
    explore(|| {
        let pool = Pool::new();
        let posters = [(); 2].map(|()| spawn(&pool, |pool| post(&pool.word, 1).unwrap()));
        pool.take();
        pool.take();
        for poster in posters {
            poster.join().unwrap();
        }
        assert!(take(&pool.word, Wait::No).is_err());
    });
}

#[test]
fn units_that_are_posted_together_wake_as_many() {
    explore(|| {
        let pool = Pool::new();
        let takers = [spawn(&pool, Pool::take), spawn(&pool, Pool::take)];
        post(&pool.word, 2).unwrap();
        for taker in takers {
            taker.join().unwrap();
        }
        assert!(take(&pool.word, Wait::No).is_err());
    });
}

#[test]
fn who_gives_up_or_takes_without_sleeping_takes_no_wake_up_with_it() {
    explore(|| {
        let pool = Pool::new();
        let patient = spawn(&pool, Pool::take);
        let other = spawn(&pool, |pool| {
            if take(&pool.word, Wait::Until(Instant::now())).is_ok() {
                post(&pool.word, 1).unwrap();
            }
        });
        post(&pool.word, 1).unwrap();
        patient.join().unwrap();
        other.join().unwrap();
        assert_eq!(pool.taken.load(Ordering::Relaxed), 1);
        assert!(take(&pool.word, Wait::No).is_err());
    });
}
