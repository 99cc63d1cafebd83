//! Initialisation that is done once.

use crate::support::{fork, watchdog};
use crate::tools::*;
use ipc_safe::error::ErrorKind;
use ipc_safe::shared::Shared;
use ipc_safe::sync::{AutoResetEvent, Once};
use ipc_safe::sysv::Segment;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

ipc_safe::shm_safe! {
    struct Table {
        ready: Once,
        begun: AtomicU32,
        ended: AtomicU32,
        initialising: AutoResetEvent,
        go_on: AutoResetEvent,
    }
}

impl Table {
    fn initialise(&self) {
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.ended.fetch_add(1, Ordering::Relaxed);
    }

    /// How often the initialiser began and ended.
    fn runs(&self) -> (u32, u32) {
        (self.begun.load(Ordering::Relaxed), self.ended.load(Ordering::Relaxed))
    }

    /// Begins, says so, and waits.
    fn hang(&self) {
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.initialising.set();
        self.go_on.wait();
        self.ended.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn the_first_call_does_it_and_the_others_do_not() {
    let table = shared::<Table>();
    assert!(!table.ready.is_completed());
    table.ready.call_once(|| table.initialise()).unwrap();
    assert!(table.ready.is_completed());
    table.ready.call_once(|| panic!("again")).unwrap();
    table.ready.try_call_once(|| panic!("again")).unwrap();
    table.ready.call_once_timeout(SHORT, || panic!("again")).unwrap();
    assert_eq!(table.runs(), (1, 1));
    static NEW: Once = Once::new();
    NEW.try_call_once(|| ()).unwrap();
    assert_eq!(format!("{NEW:?}"), "Once { completed: true, .. }");
    assert!(!Once::default().is_completed());
}

#[test]
fn others_wait_for_the_one_that_initialises() {
    let _watchdog = watchdog();
    let table = shared::<Table>();
    let first = fork(|| {
        table.ready.call_once(|| table.hang()).unwrap();
        0
    });
    table.initialising.wait();
    fails(table.ready.try_call_once(|| panic!("by two")), ErrorKind::WouldBlock);
    times_out(|time| table.ready.call_once_timeout(time, || panic!("by two")));
    let second = sleeping_child(|| {
        table.ready.call_once(|| panic!("again")).unwrap();
        i32::from(table.runs() != (1, 1))
    });
    table.go_on.set();
    first.succeed();
    second.succeed();
}

/// The next one does it again: one that waits, and one that comes later.
#[test]
fn the_death_of_the_initialiser_is_survived() {
    let _watchdog = watchdog();
    for waits in [true, false] {
        let table = shared::<Table>();
        let dies = fork(|| {
            table.ready.call_once(|| table.hang()).unwrap();
            1
        });
        table.initialising.wait();
        let next = || {
            table.ready.call_once(|| table.initialise()).unwrap();
            i32::from(table.runs() != (2, 1))
        };
        let waiter = waits.then(|| sleeping_child(next));
        drop(dies);
        waiter.unwrap_or_else(|| fork(next)).succeed();
        assert!(table.ready.is_completed());
        table.ready.call_once(|| panic!("again")).unwrap();
    }
}

#[test]
fn after_a_panic_it_is_done_again() {
    let table = shared::<Table>();
    let panics = || table.ready.call_once(|| std::panic::resume_unwind(Box::new(())));
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(panics)).unwrap_err();
    assert!(!table.ready.is_completed());
    table.ready.call_once(|| table.initialise()).unwrap();
    assert_eq!(table.runs(), (1, 1));
}

#[test]
fn an_initialiser_that_calls_itself_is_a_deadlock() {
    let table = shared::<Table>();
    table.ready.call_once(|| fails(table.ready.call_once(|| ()), ErrorKind::Deadlock)).unwrap();
    assert!(table.ready.is_completed());
}

/// It has a copy of the closure and of the lock, and neither is its own.
#[test]
fn a_child_that_is_forked_meanwhile_completes_nothing() {
    let _watchdog = watchdog();
    let table = shared::<Table>();
    let mut child = 0;
    let result = table.ready.call_once(|| {
        // SAFETY: the child makes no more than a few system calls before it ends.
        child = unsafe { libc::fork() };
        if child != 0 {
            let mut status = 0;
            // SAFETY: `child` is one that nobody else waits for; `status` is ours.
            unsafe { libc::waitpid(child, &raw mut status, 0) };
            assert_eq!(status, 0);
            assert!(!table.ready.is_completed());
            fails(
                std::thread::scope(|scope| scope.spawn(|| table.ready.try_call_once(|| ())).join().unwrap()),
                ErrorKind::WouldBlock,
            );
        }
    });
    if child == 0 {
        // SAFETY: ends the child.
        unsafe { libc::_exit(i32::from(result.is_err() || table.ready.is_completed())) };
    }
    result.unwrap();
    assert!(table.ready.is_completed());
}

#[test]
fn unrelated_processes_do_it_once() {
    with_unrelated::<Table>(
        |table, other| {
            table.ready.call_once_timeout(LONG, || table.initialise()).unwrap();
            other.succeed();
            assert_eq!(table.runs(), (1, 1));
        },
        |table| {
            table.ready.call_once_timeout(LONG, || table.initialise()).unwrap();
            assert_eq!(table.runs(), (1, 1));
        },
    );
}

#[test]
fn one_of_eight_processes_does_it() {
    for _ in 0..50 {
        let table = shared::<Table>();
        stress(|_| {
            table.ready.call_once(|| table.initialise()).unwrap();
            assert_eq!(table.runs(), (1, 1));
        });
    }
}

/// The words of the lock have tests of their own; here, the flag.
#[test]
fn garbage_in_the_flag_is_not_done() {
    let _watchdog = watchdog();
    for word in GARBAGE {
        let segment = Segment::private(4096).unwrap();
        let words = Shared::<[AtomicU32; 8], _>::bare(segment.attach().unwrap()).unwrap();
        let once = Shared::<Once, _>::bare(segment.attach().unwrap()).unwrap();
        words[6].store(word, Ordering::SeqCst);
        let mut done = false;
        once.call_once_timeout(Duration::from_millis(1), || done = true).unwrap();
        assert_eq!(done, word != 1);
        assert!(once.is_completed());
    }
}

#[test]
fn garbage_in_the_lock_is_an_error_or_a_wait() {
    let _watchdog = watchdog();
    for word in GARBAGE {
        for index in 0..6 {
            let segment = Segment::private(4096).unwrap();
            let words = Shared::<[AtomicU32; 8], _>::bare(segment.attach().unwrap()).unwrap();
            let once = Shared::<Once, _>::bare(segment.attach().unwrap()).unwrap();
            words[index].store(word, Ordering::SeqCst);
            let done = once.call_once_timeout(Duration::from_millis(1), || ());
            assert_eq!(done.is_ok(), once.is_completed(), "{done:?}");
        }
    }
}
