//! The mutex of one word.

use crate::support::{eventually, fork, watchdog};
use crate::tools::{Gate, in_processes_and_threads, shared, state, thread_id};
use ipc_safe::shared::{Shared, SharedCell};
use ipc_safe::sync::{Mutex, MutexGuard};
use ipc_safe::sysv::Segment;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

type Counter = Mutex<SharedCell<u64>>;

#[test]
fn a_zeroed_mutex_is_free_and_a_locked_one_is_not() {
    let counter = shared::<Counter>();
    assert!(!counter.is_locked());
    let guard = counter.lock();
    assert!(counter.is_locked());
    assert!(counter.try_lock().unwrap_err().is_would_block());
    drop(guard);
    assert_eq!(counter.try_lock().unwrap().get(), 0);
}

#[test]
fn a_timed_lock_gives_up_in_time_and_not_before() {
    let counter = shared::<Counter>();
    let guard = counter.lock();
    let start = Instant::now();
    let error = counter.lock_timeout(Duration::from_millis(20)).unwrap_err();
    assert!(error.is_timed_out(), "{error}");
    assert!(start.elapsed() >= Duration::from_millis(20));
    assert!(counter.lock_timeout(Duration::ZERO).unwrap_err().is_timed_out());
    drop(guard);
    drop(counter.lock_timeout(Duration::ZERO).unwrap());
    drop(counter.lock_timeout(Duration::MAX).unwrap());
}

#[test]
fn processes_and_threads_exclude_each_other() {
    const ROUNDS: u64 = 5_000;
    let _watchdog = watchdog();
    let counter = shared::<Counter>();
    let sum = in_processes_and_threads(ROUNDS, || {
        for _ in 0..ROUNDS {
            counter.lock().update(|count| count + 1);
        }
    });
    assert_eq!(counter.lock().get(), sum);
}

#[test]
fn a_waiter_sleeps_until_the_holder_lets_go() {
    let _watchdog = watchdog();
    let counter = shared::<Counter>();
    let waiter_id = AtomicU32::new(0);
    let guard = counter.lock();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            waiter_id.store(thread_id(), Ordering::Release);
            counter.lock().get()
        });
        eventually("the waiter sleeps", || match waiter_id.load(Ordering::Acquire) {
            0 => false,
            id => state(id) == 'S',
        });
        guard.set(&7);
        drop(guard);
        assert_eq!(waiter.join().unwrap(), 7);
    });
}

#[test]
fn a_forked_child_does_not_unlock_for_its_parent() {
    let counter = shared::<Counter>();
    let mut guard = Some(counter.lock());
    fork(|| {
        drop(guard.take());
        i32::from(!counter.is_locked())
    })
    .succeed();
    assert!(counter.is_locked());
    drop(guard);
    assert!(!counter.is_locked());
}

#[test]
fn a_holder_that_dies_leaves_it_locked() {
    let counter = shared::<Counter>();
    fork(|| {
        std::mem::forget(counter.lock());
        0
    })
    .succeed();
    assert!(counter.lock_timeout(Duration::from_millis(5)).unwrap_err().is_timed_out());
}

#[test]
fn a_signal_handler_ends_the_interruptible_form_only() {
    use ipc_safe::signal::{HandlerOptions, Signal};
    let _watchdog = watchdog();
    let counter = shared::<Counter>();
    let waiting = Gate::new();
    let guard = counter.lock();
    let child = fork(|| {
        // Restarting, so that the kernel would hide the handler where it can.
        let handler = HandlerOptions::new().restart(true).count(Signal::USR1).unwrap();
        waiting.open();
        let error = counter.lock_interruptible().unwrap_err();
        assert!(error.is_interrupted(), "{error}");
        assert!(handler.count() > 0);
        waiting.open();
        let before = handler.count();
        let error = counter.lock_timeout(Duration::from_millis(50)).unwrap_err();
        assert!(error.is_timed_out(), "{error}");
        i32::from(handler.count() == before)
    });
    waiting.pass();
    eventually("the child sleeps", || state(child.pid().cast_unsigned()) == 'S');
    child.signal(libc::SIGUSR1);
    waiting.pass();
    eventually("the child sleeps", || state(child.pid().cast_unsigned()) == 'S');
    child.signal(libc::SIGUSR1);
    child.succeed();
    drop(guard);
}

/// Whatever stands in the word: a call ends or waits, and the mutex works again once it is unlocked.
#[test]
fn garbage_in_the_word_does_no_harm() {
    let _watchdog = watchdog();
    let segment = Segment::private(4096).unwrap();
    let counter = Shared::<Counter, _>::bare(segment.attach().unwrap()).unwrap();
    let foe = segment.attach().unwrap();
    for garbage in [1, 2, 3, 0x3fff_ffff, 0x4000_0000, 0x8000_0000, u32::MAX] {
        foe.bytes().store(0, &garbage).unwrap();
        assert!(counter.try_lock().unwrap_err().is_would_block(), "{garbage:#x}");
        assert!(counter.lock_timeout(Duration::from_millis(1)).unwrap_err().is_timed_out(), "{garbage:#x}");
        foe.bytes().store(0, &0_u32).unwrap();
        let guard = counter.lock();
        foe.bytes().store(0, &garbage).unwrap();
        drop(guard);
        assert!(!counter.is_locked(), "{garbage:#x}");
    }
}

#[test]
fn it_serves_in_private_memory_too() {
    let mutex = Arc::new(Mutex::new(AtomicU32::new(0)));
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let mutex = Arc::clone(&mutex);
            std::thread::spawn(move || mutex.lock().fetch_add(1, Ordering::Relaxed))
        })
        .collect();
    threads.into_iter().for_each(|thread| assert!(thread.join().unwrap() < 3));
    let guard = mutex.lock();
    assert_eq!(guard.load(Ordering::Relaxed), 3);
    assert!(std::ptr::eq(MutexGuard::mutex(&guard), &raw const *mutex));
    assert_eq!(format!("{mutex:?} {guard:?}"), "Mutex { locked: true, .. } 3");
}
