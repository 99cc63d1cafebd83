//! Units that are given back: guards, the lock made of them, the event that never is.

use crate::support::{Forked, eventually, fork, in_namespace, unshare_ipc, watchdog};
use crate::tools::{LONG, SHORT, Waiting, alone, errno, fails};
use ipc_safe::error::ErrorKind;
use ipc_safe::shared::Shared;
use ipc_safe::sysv::{Operations, Segment, Semaphore, SemaphoreEvent, SemaphoreGuard, SemaphoreMutex, SemaphoreSet};
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::sync::atomic::{AtomicU64, Ordering};

/// A child that does as it is told, a byte a step, and says when it did.
struct Puppet {
    child: Forked,
    orders: PipeWriter,
    answers: PipeReader,
}

impl Puppet {
    /// Runs `body` in a child; each call of its argument waits for the next order.
    fn new(body: impl FnOnce(&mut dyn FnMut())) -> Self {
        let (mut orders_read, orders) = pipe().expect("a pipe");
        let (answers, mut answers_write) = pipe().expect("a pipe");
        let child = fork(|| {
            body(&mut || {
                answers_write.write_all(b".").expect("the test listens");
                orders_read.read_exact(&mut [0]).expect("an order");
            });
            0
        });
        let mut puppet = Self { child, orders, answers };
        puppet.waits();
        puppet
    }

    /// Returns when the child waits for an order.
    fn waits(&mut self) {
        self.answers.read_exact(&mut [0]).expect("an answer");
    }

    /// Lets the child make its next step, and returns when that is done.
    fn step(&mut self) {
        self.orders.write_all(b".").expect("the child listens");
        self.waits();
    }

    /// Lets the child end.
    fn end(mut self) {
        self.orders.write_all(b".").expect("the child listens");
        self.child.succeed();
    }

    fn kill(self) {
        self.child.signal(libc::SIGKILL);
        assert!(!self.child.wait().success());
    }
}

/// R-SEM-09
#[test]
fn every_way_to_end_a_guard_gives_its_units_back_once() {
    let _watchdog = watchdog();
    let set = SemaphoreSet::private(&[5]).unwrap();
    let semaphore = set.semaphore(0);
    let value = || semaphore.value().unwrap();

    let guard = semaphore.acquire(2).unwrap();
    assert_eq!((guard.units(), guard.semaphore(), value()), (2, semaphore, 3));
    drop(guard);
    assert_eq!(value(), 5);

    semaphore.acquire(5).unwrap().release().unwrap();
    assert_eq!(value(), 5);

    let guard = semaphore.try_acquire(1).unwrap();
    let panic = std::thread::spawn(move || {
        let _guard = guard;
        std::panic::resume_unwind(Box::new("with a guard"));
    });
    assert!(panic.join().is_err());
    assert_eq!(value(), 5);

    let guards = [1, 2].map(|units| semaphore.acquire_timeout(units, LONG).unwrap());
    assert_eq!(value(), 2);
    drop(guards);
    assert_eq!(value(), 5);
    drop(semaphore.acquire_interruptible(3).unwrap());
    assert_eq!(value(), 5);
}

/// R-SEM-08
#[test]
fn a_forgotten_guard_is_given_back_when_the_process_ends() {
    let _watchdog = watchdog();
    let set = SemaphoreSet::private(&[5]).unwrap();
    let semaphore = set.semaphore(0);
    let mut child = Puppet::new(|step| {
        step();
        std::mem::forget(semaphore.acquire(2).unwrap());
        std::mem::forget(semaphore.acquire(1).unwrap());
        step();
    });
    child.step();
    assert_eq!(semaphore.value().unwrap(), 2);
    child.end();
    assert_eq!(semaphore.value().unwrap(), 5);
}

/// R-SEM-08
#[test]
fn a_killed_process_gives_its_units_back() {
    let _watchdog = watchdog();
    let set = SemaphoreSet::private(&[5, 9]).unwrap();
    let (first, second) = (set.semaphore(0), set.semaphore(1));
    let mut child = Puppet::new(|step| {
        step();
        let _guards = (first.acquire(2).unwrap(), second.acquire(9).unwrap(), first.acquire(1).unwrap());
        let also = first.acquire(2).unwrap();
        drop(also);
        step();
    });
    child.step();
    assert_eq!(set.values().unwrap(), [2, 0]);
    child.kill();
    assert_eq!(set.values().unwrap(), [5, 9]);
}

/// Who waits for units that a dead process held gets them.
///
/// R-SEM-08
#[test]
fn units_of_a_killed_process_wake_who_waits_for_them() {
    let _watchdog = watchdog();
    let set = SemaphoreSet::private(&[1]).unwrap();
    let semaphore = set.semaphore(0);
    let mut holder = Puppet::new(|step| {
        step();
        let _guard = semaphore.acquire(1).unwrap();
        step();
    });
    holder.step();
    let waiter = Waiting::in_call(libc::SYS_semtimedop, move || semaphore.acquire_timeout(1, LONG));
    holder.kill();
    let guard = waiter.finish().unwrap();
    assert_eq!(semaphore.value().unwrap(), 0);
    drop(guard);
    assert_eq!(semaphore.value().unwrap(), 1);
}

/// R-SEM-08
#[test]
fn exec_keeps_the_units_until_the_new_program_ends() {
    use std::os::unix::process::CommandExt;
    let _watchdog = watchdog();
    let set = SemaphoreSet::private(&[3]).unwrap();
    let semaphore = set.semaphore(0);
    let (input, keep_open) = pipe().unwrap();
    let child = fork(move || {
        std::mem::forget(semaphore.acquire(2).unwrap());
        let error = std::process::Command::new("cat").stdin(input).exec();
        panic!("exec: {error}");
    });
    let name = format!("/proc/{}/comm", child.pid());
    eventually("the new program runs", || std::fs::read_to_string(&name).is_ok_and(|name| name.trim() == "cat"));
    assert_eq!(semaphore.value().unwrap(), 1);
    child.signal(libc::SIGKILL);
    assert!(!child.wait().success());
    assert_eq!(semaphore.value().unwrap(), 3);
    drop(keep_open);
}

/// R-SEM-08 R-SEM-09
#[test]
fn a_forked_child_gives_back_nothing_of_its_parent() {
    let _watchdog = watchdog();
    let set = SemaphoreSet::private(&[5]).unwrap();
    let semaphore = set.semaphore(0);
    let mut guard = Some(semaphore.acquire(2).unwrap());
    let mut other = Some(semaphore.acquire(1).unwrap());
    fork(|| {
        drop(guard.take());
        other.take().unwrap().release().expect("does nothing");
        i32::from(semaphore.value().unwrap() != 2)
    })
    .succeed();
    assert_eq!(semaphore.value().unwrap(), 2, "neither its guards nor its end gave anything back");
    drop((guard, other));
    assert_eq!(semaphore.value().unwrap(), 5);
}

#[test]
fn a_guard_of_a_removed_set_ends_silently_and_its_release_tells() {
    let set = SemaphoreSet::private(&[5]).unwrap();
    let [dropped, released] = [1, 2].map(|units| set.semaphore(0).acquire(units).unwrap());
    set.remove().unwrap();
    // SAFETY: the address of this thread's error number.
    unsafe { *libc::__errno_location() = 77 };
    drop(dropped);
    assert_eq!(errno(), 77);
    let error = fails(released.release(), ErrorKind::Removed, libc::EINVAL);
    assert_eq!(error.call(), "semop");
}

/// Setting the value forgets what the kernel would give back; a guard that is dropped adds its units all the same, until
/// the process ends.
///
/// R-SEM-08
#[test]
fn setting_the_value_forgets_the_undo_and_a_dropped_guard_adds_until_the_process_ends() {
    let _watchdog = watchdog();
    let set = SemaphoreSet::private(&[5]).unwrap();
    let semaphore = set.semaphore(0);
    for set_all in [false, true] {
        semaphore.set_value(5).unwrap();
        let reset = || if set_all { set.set_values(&[10]) } else { semaphore.set_value(10) };

        // Never dropped: nothing comes back.
        let mut child = Puppet::new(|step| {
            step();
            std::mem::forget(semaphore.acquire(2).unwrap());
            step();
        });
        child.step();
        reset().unwrap();
        child.end();
        assert_eq!(semaphore.value().unwrap(), 10);

        // Dropped: two units too many, which the kernel takes away at the end.
        semaphore.set_value(5).unwrap();
        let mut child = Puppet::new(|step| {
            step();
            let guard = semaphore.acquire(2).unwrap();
            step();
            drop(guard);
            step();
        });
        child.step();
        reset().unwrap();
        child.step();
        assert_eq!(semaphore.value().unwrap(), 12);
        child.end();
        assert_eq!(semaphore.value().unwrap(), 10);
    }
}

/// R-SEM-08
#[test]
fn what_is_undone_never_goes_below_zero() {
    let _watchdog = watchdog();
    let set = SemaphoreSet::private(&[0]).unwrap();
    let semaphore = set.semaphore(0);
    let mut child = Puppet::new(|step| {
        step();
        semaphore.set().apply(&Operations::new().add(0, 5).undo()).unwrap();
        step();
    });
    child.step();
    semaphore.subtract(3).unwrap();
    child.end();
    assert_eq!(semaphore.value().unwrap(), 0);
}

/// The same flag on both halves: units that are taken with undo and given back without are there twice after the end.
///
/// R-SEM-09
#[test]
fn mixing_undo_and_none_doubles_the_units_which_guards_do_not() {
    let _watchdog = watchdog();
    let set = SemaphoreSet::private(&[1]).unwrap();
    let semaphore = set.semaphore(0);
    fork(|| {
        semaphore.set().apply(&Operations::new().subtract(0, 1).undo()).unwrap();
        semaphore.add(1).map_or(1, |()| 0)
    })
    .succeed();
    assert_eq!(semaphore.value().unwrap(), 2, "what the guard is there for");
    semaphore.subtract(1).unwrap();

    fork(|| {
        for _ in 0..100 {
            drop(semaphore.acquire(1).unwrap());
            semaphore.acquire(1).unwrap().release().unwrap();
        }
        std::mem::forget(semaphore.acquire(1).unwrap());
        0
    })
    .succeed();
    assert_eq!(semaphore.value().unwrap(), 1);
}

/// R-SEM-03 R-SEM-08
#[test]
fn a_process_holds_at_most_32767_units_with_undo() {
    let _watchdog = watchdog();
    let set = SemaphoreSet::private(&[32767]).unwrap();
    let semaphore = set.semaphore(0);
    let all = semaphore.acquire(32767).unwrap();
    semaphore.add(10).unwrap();

    let error = fails(semaphore.acquire(1), ErrorKind::OutOfRange, libc::ERANGE);
    let reason = "a value, or what undo would give back, would pass 32767";
    assert_eq!(error.to_string(), format!("semop on semaphore 0 of set {}: ERANGE: {reason}", set.id()));
    fails(semaphore.try_acquire(1), ErrorKind::OutOfRange, libc::ERANGE);
    assert_eq!(semaphore.value().unwrap(), 10, "nothing was taken");
    semaphore.subtract(10).unwrap();
    let one = fork(|| {
        // Another process has a count of its own.
        semaphore.add(1).unwrap();
        semaphore.acquire(1).map_or(1, |guard| guard.release().map_or(2, |()| 0))
    });
    one.succeed();
    semaphore.subtract(1).unwrap();
    drop(all);
    assert_eq!(semaphore.value().unwrap(), 32767);
}

/// R-SEM-08
#[test]
fn what_would_be_taken_back_is_at_most_32768() {
    let _watchdog = watchdog();
    let set = SemaphoreSet::private(&[0]).unwrap();
    let handle = *set;
    fork(|| {
        let add = |units| handle.apply(&Operations::new().add(0, units).undo());
        add(32767).unwrap();
        handle.semaphore(0).subtract(32767).unwrap();
        add(1).unwrap();
        handle.semaphore(0).subtract(1).unwrap();
        fails(add(1), ErrorKind::OutOfRange, libc::ERANGE);
        i32::from(handle.semaphore(0).value().unwrap() != 0)
    })
    .succeed();
}

/// R-SEM-03
#[test]
fn giving_back_on_top_of_what_others_added_fails_and_ends_the_guard() {
    let set = SemaphoreSet::private(&[2]).unwrap();
    let semaphore = set.semaphore(0);
    let [released, dropped] = [1, 1].map(|units| semaphore.acquire(units).unwrap());
    semaphore.add(32767).unwrap();
    fails(released.release(), ErrorKind::OutOfRange, libc::ERANGE);
    drop(dropped);
    assert_eq!(semaphore.value().unwrap(), 32767);
}

/// R-SEM-09
#[test]
fn a_guard_may_end_in_another_thread() {
    alone(|| {
        let set = SemaphoreSet::private(&[3]).unwrap();
        let semaphore = set.semaphore(0);
        let guard = semaphore.acquire(2).unwrap();
        std::thread::spawn(move || guard.release().unwrap()).join().unwrap();
        assert_eq!(semaphore.value().unwrap(), 3);

        // Taken in a thread that is gone: the undo is the process's.
        let guard = std::thread::spawn(move || semaphore.acquire(2).unwrap()).join().unwrap();
        assert_eq!(semaphore.value().unwrap(), 1, "the end of the thread gave nothing back");
        drop(guard);
        assert_eq!(semaphore.value().unwrap(), 3);
    });
}

/// R-SEM-08
#[test]
fn leaving_the_namespace_gives_the_units_of_a_process_back() {
    let _watchdog = watchdog();
    in_namespace(|| {
        let set = SemaphoreSet::private(&[3]).unwrap();
        let semaphore = set.semaphore(0);
        let mut child = Puppet::new(|step| {
            step();
            let guard = semaphore.acquire(2).unwrap();
            step();
            assert!(unshare_ipc());
            step();
            // The id means nothing here, or something else.
            let other = SemaphoreSet::private(&[7]).unwrap();
            assert_eq!(other.id(), semaphore.set().id());
            drop(guard);
            assert_eq!(other.values().unwrap(), [9], "as the documentation warns");
            step();
        });
        child.step();
        assert_eq!(semaphore.value().unwrap(), 1);
        child.step();
        assert_eq!(semaphore.value().unwrap(), 3);
        child.step();
        child.end();
        assert_eq!(semaphore.value().unwrap(), 3);
    });
}

/// R-SEM-08
#[test]
fn a_thread_that_leaves_the_namespace_strands_its_units_until_the_process_ends() {
    let _watchdog = watchdog();
    in_namespace(|| {
        let set = SemaphoreSet::private(&[3]).unwrap();
        let semaphore = set.semaphore(0);
        let mut child = Puppet::new(|step| {
            step();
            let thread = std::thread::spawn(move || {
                let guard = semaphore.acquire(2).unwrap();
                assert!(unshare_ipc());
                drop(guard);
            });
            thread.join().unwrap();
            step();
        });
        child.step();
        assert_eq!(semaphore.value().unwrap(), 1);
        child.end();
        assert_eq!(semaphore.value().unwrap(), 3);
    });
}

#[test]
fn a_guard_prints_what_it_holds() {
    let set = SemaphoreSet::private(&[3]).unwrap();
    let guard: SemaphoreGuard = set.semaphore(0).acquire(2).unwrap();
    let text = format!(
        "SemaphoreGuard {{ semaphore: Semaphore {{ set: SemaphoreSet {{ id: {} }}, index: 0 }}, units: 2, .. }}",
        set.id()
    );
    assert_eq!(format!("{guard:?}"), text);
}

fn mutex(set: &SemaphoreSet) -> SemaphoreMutex {
    SemaphoreMutex::new(set.semaphore(0))
}

/// R-SEM-14
#[test]
fn a_mutex_is_locked_once_at_a_time() {
    let _watchdog = watchdog();
    let set = SemaphoreSet::private(&[1]).unwrap();
    let mutex = mutex(&set);
    assert_eq!(mutex.semaphore(), set.semaphore(0));

    let guard = mutex.lock().unwrap();
    assert!(fails(mutex.try_lock(), ErrorKind::WouldBlock, libc::EAGAIN).is_would_block());
    assert!(fails(mutex.lock_timeout(SHORT), ErrorKind::TimedOut, libc::ETIMEDOUT).is_timed_out());
    let waiter = Waiting::in_call(libc::SYS_semtimedop, move || mutex.lock_interruptible().map(drop));
    waiter.signal(crate::tools::PLAIN);
    fails(waiter.finish(), ErrorKind::Interrupted, libc::EINTR);
    let waiter = Waiting::in_call(libc::SYS_semtimedop, move || mutex.lock().map(drop));
    guard.release().unwrap();
    waiter.finish().unwrap();
    assert_eq!(set.values().unwrap(), [1]);
    drop(mutex.try_lock().unwrap());
    drop(mutex.lock_timeout(LONG).unwrap());
}

/// R-SEM-08 R-SEM-14
#[test]
fn a_mutex_whose_holder_dies_is_unlocked() {
    let _watchdog = watchdog();
    let set = SemaphoreSet::private(&[1]).unwrap();
    let mutex = mutex(&set);
    for ends_well in [false, true] {
        let mut holder = Puppet::new(|step| {
            step();
            let guard = mutex.lock().unwrap();
            step();
            std::mem::forget(guard);
        });
        holder.step();
        fails(mutex.try_lock(), ErrorKind::WouldBlock, libc::EAGAIN);
        let waiter = Waiting::in_call(libc::SYS_semtimedop, move || mutex.lock().map(drop));
        if ends_well {
            holder.end()
        } else {
            holder.kill()
        }
        waiter.finish().unwrap();
        assert_eq!(set.values().unwrap(), [1]);
    }
}

/// Several processes that count under the lock with loads and stores, some of which are killed while they hold it.
///
/// R-SEM-14
#[test]
fn a_mutex_excludes_processes_also_when_some_are_killed() {
    const EACH: u64 = 400;
    let _watchdog = watchdog();
    let set = SemaphoreSet::private(&[1]).unwrap();
    let (mutex, segment) = (mutex(&set), Segment::private(4096).unwrap());
    let counter = || Shared::<AtomicU64, _>::bare(segment.attach().unwrap()).unwrap();
    let worker = || {
        fork(|| {
            let counter = counter();
            for _ in 0..EACH {
                let _guard = mutex.lock().unwrap();
                let seen = counter.load(Ordering::Relaxed);
                std::thread::yield_now();
                counter.store(seen + 1, Ordering::Relaxed);
            }
            0
        })
    };
    let workers = [worker(), worker(), worker()];
    for _ in 0..20 {
        let mut victim = Puppet::new(|step| {
            let _guard = mutex.lock().unwrap();
            step();
        });
        victim.orders.flush().unwrap();
        victim.kill();
    }
    workers.into_iter().for_each(Forked::succeed);
    assert_eq!(counter().load(Ordering::Relaxed), 3 * EACH);
    assert_eq!(set.values().unwrap(), [1]);
}

/// The mistake that a guard cannot make: a signal with undo is taken back when its sender ends, and who waits for it waits for
/// ever. An event never has undo.
///
/// R-SEM-10 R-SEM-15
#[test]
fn a_signal_stays_when_its_sender_dies_and_one_with_undo_would_not() {
    let _watchdog = watchdog();
    let set = SemaphoreSet::private(&[0]).unwrap();
    let event = SemaphoreEvent::new(set.semaphore(0));
    assert_eq!(event.semaphore(), set.semaphore(0));
    fork(|| set.apply(&Operations::new().add(0, 1).undo()).map_or(1, |()| 0)).succeed();
    fails(event.try_wait(), ErrorKind::WouldBlock, libc::EAGAIN);

    for signal in [0, libc::SIGKILL] {
        let mut sender = Puppet::new(|step| {
            step();
            event.signal().unwrap();
            step();
        });
        sender.step();
        if signal == 0 {
            sender.end()
        } else {
            sender.kill()
        }
        event.wait_timeout(SHORT).expect("kept");
    }
    // Nor does the end of a receiver send a signal again.
    event.signal().unwrap();
    fork(|| event.wait().map_or(1, |()| 0)).succeed();
    assert_eq!(event.semaphore().value().unwrap(), 0);
}

/// R-SEM-10
#[test]
fn each_signal_wakes_one_waiter() {
    let _watchdog = watchdog();
    let set = SemaphoreSet::private(&[0]).unwrap();
    let event = SemaphoreEvent::new(set.semaphore(0));
    let semaphore: Semaphore = event.semaphore();
    let waiters = [(); 3].map(|()| Waiting::in_call(libc::SYS_semtimedop, move || event.wait()));
    for left in [2, 1, 0] {
        event.signal().unwrap();
        eventually("one has gone", || semaphore.waiters().unwrap() == left);
        assert_eq!(semaphore.value().unwrap(), 0);
    }
    waiters.into_iter().for_each(|waiter| waiter.finish().unwrap());
}
