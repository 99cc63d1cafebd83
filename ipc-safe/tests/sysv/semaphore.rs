//! One semaphore: adding, taking, waiting for zero; what ends a wait, in each of the forms.

use crate::support::{eventually, fork, watchdog};
use crate::tools::{LONG, PLAIN, RESTARTING, SHORT, Waiting, errno, fails};
use ipc_safe::Result;
use ipc_safe::error::ErrorKind;
use ipc_safe::process::Pid;
use ipc_safe::sys::sem::{sembuf, semop, semtimedop};
use ipc_safe::sysv::{Operations, Owned, Semaphore, SemaphoreEvent, SemaphoreSet};
use libc::{SYS_semop, SYS_semtimedop};
use std::time::{Duration, Instant};

/// glibc makes both calls by the timed one; others need not.
fn semop_call() -> libc::c_long {
    if cfg!(target_env = "gnu") { SYS_semtimedop } else { SYS_semop }
}

/// A call on a semaphore, with its name.
type Call = (&'static str, fn(Semaphore) -> Result<()>);

fn set_of(value: u16) -> Owned<SemaphoreSet> {
    SemaphoreSet::private(&[value]).expect("a set")
}

/// Each form of taking one unit that waits: plain, timed, interruptible; by itself, with a guard (which is kept), as one of
/// several operations, and as an event.
fn waiting_takes() -> [Call; 12] {
    [
        ("subtract", |s| s.subtract(1)),
        ("subtract_timeout", |s| s.subtract_timeout(1, LONG)),
        ("subtract_interruptible", |s| s.subtract_interruptible(1)),
        ("acquire", |s| s.acquire(1).map(std::mem::forget)),
        ("acquire_timeout", |s| s.acquire_timeout(1, LONG).map(std::mem::forget)),
        ("acquire_interruptible", |s| s.acquire_interruptible(1).map(std::mem::forget)),
        ("apply", |s| s.set().apply(&Operations::new().subtract(0, 1))),
        ("apply_timeout", |s| s.set().apply_timeout(&Operations::new().subtract(0, 1), LONG)),
        ("apply_interruptible", |s| s.set().apply_interruptible(&Operations::new().subtract(0, 1))),
        ("wait", |s| SemaphoreEvent::new(s).wait()),
        ("wait_timeout", |s| SemaphoreEvent::new(s).wait_timeout(LONG)),
        ("wait_interruptible", |s| SemaphoreEvent::new(s).wait_interruptible()),
    ]
}

fn waiting_for_zero() -> [Call; 4] {
    [
        ("wait_zero", |s| s.wait_zero()),
        ("wait_zero_timeout", |s| s.wait_zero_timeout(LONG)),
        ("wait_zero_interruptible", |s| s.wait_zero_interruptible()),
        ("apply", |s| s.set().apply(&Operations::new().wait_zero(0))),
    ]
}

/// R-SEM-03 R-SEM-14
#[test]
fn adding_raises_the_value_up_to_32767() {
    let set = set_of(0);
    let semaphore = set.semaphore(0);

    semaphore.add(2).unwrap();
    semaphore.add(32765).unwrap();
    let error = fails(semaphore.add(1), ErrorKind::OutOfRange, libc::ERANGE);

    let reason = "a value, or what undo would give back, would pass 32767";
    assert_eq!(error.to_string(), format!("semop on semaphore 0 of set {}: ERANGE: {reason}", set.id()));
    assert_eq!(semaphore.value().unwrap(), SemaphoreSet::MAX_VALUE);
}

/// R-SEM-03 R-SEM-05
#[test]
fn no_units_and_too_many_are_refused_and_do_not_wait() {
    let set = set_of(7);
    let semaphore = set.semaphore(0);
    let calls: [fn(Semaphore, u16) -> Result<()>; 6] = [
        |s, units| s.add(units),
        |s, units| s.subtract(units),
        |s, units| s.try_subtract(units),
        |s, units| s.subtract_timeout(units, LONG),
        |s, units| s.acquire(units).map(drop),
        |s, units| s.set().apply(&Operations::new().add(0, 1).subtract(0, units).wait_zero(0)),
    ];
    for call in calls {
        let none = fails(call(semaphore, 0), ErrorKind::InvalidInput, libc::EINVAL);
        let text = "0 units: EINVAL: 0 units are nothing to add or take; wait_zero waits for zero";
        assert!(none.to_string().ends_with(text), "{none}");
        for units in [32768, u16::MAX] {
            let many = fails(call(semaphore, units), ErrorKind::OutOfRange, libc::ERANGE);
            let text = format!("{units} units: ERANGE: one operation moves at most 32767 units");
            assert!(many.to_string().ends_with(&text), "{many}");
        }
    }
    assert_eq!((semaphore.value().unwrap(), semaphore.waiters().unwrap()), (7, 0));
}

/// R-SEM-04 R-SEM-14
#[test]
fn taking_lowers_the_value_or_would_block() {
    let set = set_of(3);
    let semaphore = set.semaphore(0);

    semaphore.subtract(1).unwrap();
    semaphore.try_subtract(1).unwrap();
    semaphore.subtract_timeout(1, Duration::ZERO).unwrap();

    let tries: [fn(Semaphore) -> Result<()>; 4] = [
        |s| s.try_subtract(1),
        |s| s.try_acquire(1).map(drop),
        |s| s.set().try_apply(&Operations::new().subtract(0, 1)),
        |s| SemaphoreEvent::new(s).try_wait(),
    ];
    for call in tries {
        let error = fails(call(semaphore), ErrorKind::WouldBlock, libc::EAGAIN);
        assert!(error.to_string().ends_with(": EAGAIN: the call would have to wait"), "{error}");
    }
    assert_eq!((semaphore.value().unwrap(), semaphore.waiters().unwrap()), (0, 0));
}

/// R-SEM-03 R-SEM-04 R-SEM-14
#[test]
fn a_waiting_take_counts_as_a_waiter_and_ends_when_there_are_units() {
    let _watchdog = watchdog();
    for (name, take) in waiting_takes() {
        let set = set_of(0);
        let semaphore = set.semaphore(0);
        let taker = Waiting::in_call(semop_call(), move || take(semaphore));
        assert_eq!((semaphore.waiters().unwrap(), semaphore.zero_waiters().unwrap()), (1, 0), "{name}");

        semaphore.add(2).unwrap();

        taker.finish().unwrap();
        assert_eq!((semaphore.value().unwrap(), semaphore.waiters().unwrap()), (1, 0), "{name}");
    }
}

/// R-SEM-04
#[test]
fn taking_several_waits_until_there_are_so_many() {
    let _watchdog = watchdog();
    let set = set_of(2);
    let semaphore = set.semaphore(0);
    let taker = Waiting::in_call(semop_call(), move || semaphore.subtract(3));
    assert_eq!(semaphore.value().unwrap(), 2, "nothing is taken meanwhile");

    semaphore.add(1).unwrap();

    taker.finish().unwrap();
    assert_eq!(semaphore.value().unwrap(), 0);
}

/// R-SEM-04 R-SEM-05
#[test]
fn a_wait_ends_when_the_set_is_removed() {
    let _watchdog = watchdog();
    let takes = waiting_takes().map(|(name, wait)| (0, name, wait));
    let zeros = waiting_for_zero().map(|(name, wait)| (1, name, wait));
    for (value, name, wait) in takes.into_iter().chain(zeros) {
        let set = set_of(value);
        let semaphore = set.semaphore(0);
        let waiter = Waiting::in_call(semop_call(), move || wait(semaphore));

        set.remove().unwrap();

        let error = fails(waiter.finish(), ErrorKind::Removed, libc::EIDRM);
        assert!(error.to_string().ends_with(": EIDRM: it was removed while the call waited"), "{name}: {error}");
        fails(wait(semaphore), ErrorKind::Removed, libc::EINVAL);
    }
}

/// R-SEM-04 R-SEM-05
#[test]
fn a_signal_handler_ends_the_interruptible_forms_also_with_restart() {
    let _watchdog = watchdog();
    let takes = waiting_takes().map(|(name, wait)| (0, name, wait));
    let zeros = waiting_for_zero().map(|(name, wait)| (1, name, wait));
    for (value, name, wait) in takes.into_iter().chain(zeros).filter(|(_, name, _)| name.ends_with("_interruptible")) {
        for signal in [PLAIN, RESTARTING] {
            let set = set_of(value);
            let semaphore = set.semaphore(0);
            let waiter = Waiting::in_call(semop_call(), move || wait(semaphore));

            waiter.signal(signal);

            fails(waiter.finish(), ErrorKind::Interrupted, libc::EINTR);
            assert_eq!((semaphore.waiters().unwrap(), semaphore.zero_waiters().unwrap()), (0, 0), "{name}");
            assert_eq!(semaphore.value().unwrap(), value, "{name}");
        }
    }
}

/// R-SEM-04 R-SEM-05
#[test]
fn the_other_forms_go_on_after_signals_and_take_once() {
    let _watchdog = watchdog();
    for (name, take) in waiting_takes().into_iter().filter(|(name, _)| !name.ends_with("_interruptible")) {
        let set = set_of(0);
        let semaphore = set.semaphore(0);
        let taker = Waiting::in_call(semop_call(), move || take(semaphore));

        taker.finish_in_storm(|| semaphore.add(5).unwrap()).unwrap();

        assert_eq!((semaphore.value().unwrap(), semaphore.waiters().unwrap()), (4, 0), "{name}");
    }
    for (name, wait) in waiting_for_zero().into_iter().filter(|(name, _)| !name.ends_with("_interruptible")) {
        let set = set_of(1);
        let semaphore = set.semaphore(0);
        let waiter = Waiting::in_call(semop_call(), move || wait(semaphore));

        waiter.finish_in_storm(|| semaphore.subtract(1).unwrap()).unwrap();

        assert_eq!((semaphore.value().unwrap(), semaphore.zero_waiters().unwrap()), (0, 0), "{name}");
    }
}

/// R-SEM-16
#[test]
fn a_timed_form_keeps_its_deadline_though_signals_come() {
    let _watchdog = watchdog();
    let set = set_of(0);
    let semaphore = set.semaphore(0);
    let time = SHORT * 10;
    let start = Instant::now();
    let taker = Waiting::in_call(SYS_semtimedop, move || semaphore.subtract_timeout(1, time));

    while !taker.is_finished() {
        taker.signal(RESTARTING);
    }

    fails(taker.finish(), ErrorKind::TimedOut, libc::ETIMEDOUT);
    assert!((time..LONG).contains(&start.elapsed()), "{:?}", start.elapsed());
    assert_eq!((semaphore.value().unwrap(), semaphore.waiters().unwrap()), (0, 0));
}

/// R-SEM-05
#[test]
fn waiting_for_zero_counts_as_a_waiter_for_zero_and_ends_at_zero() {
    let _watchdog = watchdog();
    for (name, wait) in waiting_for_zero() {
        let set = set_of(2);
        let semaphore = set.semaphore(0);
        let waiter = Waiting::in_call(semop_call(), move || wait(semaphore));
        assert_eq!((semaphore.waiters().unwrap(), semaphore.zero_waiters().unwrap()), (0, 1), "{name}");

        semaphore.subtract(1).unwrap();
        waiter.sleeps_in(semop_call());
        semaphore.subtract(1).unwrap();

        waiter.finish().unwrap();
        assert_eq!((semaphore.value().unwrap(), semaphore.zero_waiters().unwrap()), (0, 0), "{name}");
    }
}

/// R-SEM-05
#[test]
fn zero_is_found_at_once_and_anything_else_would_block() {
    let set = set_of(0);
    let semaphore = set.semaphore(0);
    for (_, wait) in waiting_for_zero() {
        wait(semaphore).unwrap();
    }
    semaphore.try_wait_zero().unwrap();

    semaphore.add(1).unwrap();

    fails(semaphore.try_wait_zero(), ErrorKind::WouldBlock, libc::EAGAIN);
    fails(set.try_apply(&Operations::new().wait_zero(0)), ErrorKind::WouldBlock, libc::EAGAIN);
    assert_eq!(semaphore.zero_waiters().unwrap(), 0);
}

/// R-SEM-16
#[test]
fn a_timed_form_times_out_at_its_deadline_and_leaves_no_waiter() {
    let set = SemaphoreSet::private(&[0, 1]).unwrap();
    let calls: [fn(SemaphoreSet) -> Result<()>; 4] = [
        |set| set.semaphore(0).subtract_timeout(1, SHORT),
        |set| set.semaphore(1).wait_zero_timeout(SHORT),
        |set| set.semaphore(0).acquire_timeout(1, SHORT).map(drop),
        |set| set.apply_timeout(&Operations::new().subtract(1, 1).subtract(0, 1), SHORT),
    ];
    for call in calls {
        let start = Instant::now();
        let error = fails(call(*set), ErrorKind::TimedOut, libc::ETIMEDOUT);
        assert!(error.is_timed_out());
        assert!((SHORT..LONG).contains(&start.elapsed()), "{:?}", start.elapsed());
    }
    assert_eq!(set.values().unwrap(), [0, 1]);
    assert_eq!((set.semaphore(0).waiters().unwrap(), set.semaphore(1).zero_waiters().unwrap()), (0, 0));
}

/// R-SEM-16
#[test]
fn a_timed_form_takes_any_time_from_none_to_for_ever() {
    let set = set_of(2);
    fails(set.semaphore(0).subtract_timeout(3, Duration::ZERO), ErrorKind::TimedOut, libc::ETIMEDOUT);
    fails(set.semaphore(0).subtract_timeout(3, Duration::from_nanos(1)), ErrorKind::TimedOut, libc::ETIMEDOUT);
    set.semaphore(0).subtract_timeout(1, Duration::from_secs(i64::MAX.cast_unsigned() / 4)).unwrap();
    set.semaphore(0).subtract_timeout(1, Duration::MAX).unwrap();

    // Waiting with such a time must not be a bad argument either.
    let _watchdog = watchdog();
    for time in [Duration::from_secs(1 << 40), Duration::from_secs(i64::MAX.cast_unsigned() / 4), Duration::MAX] {
        let semaphore = set.semaphore(0);
        let taker = Waiting::in_call(SYS_semtimedop, move || semaphore.subtract_timeout(1, time));
        semaphore.add(1).unwrap();
        taker.finish().unwrap();
    }
}

/// R-SEM-16
#[test]
fn the_kernel_refuses_a_bad_time_and_calls_a_timeout_eagain() {
    let set = set_of(0);
    let mut take = sembuf { sem_num: 0, sem_op: -1, sem_flg: 0 };
    for (nanoseconds, expected) in [(1_000_000_000, libc::EINVAL), (-1, libc::EINVAL), (1000, libc::EAGAIN)] {
        let time = libc::timespec { tv_sec: 0, tv_nsec: nanoseconds };
        // SAFETY: one operation and one time, both of which live through the call.
        let result = unsafe { semtimedop(set.id(), &raw mut take, 1, (&raw const time).cast()) };
        assert_eq!((result, errno()), (-1, expected));
    }
}

/// R-SEM-02 R-SEM-11
#[test]
fn the_last_pid_is_that_of_who_changed_it() {
    let set = set_of(0);
    let semaphore = set.semaphore(0);
    assert!(semaphore.last_pid().unwrap().is_some(), "initialising is a change");
    let child = fork(move || semaphore.add(1).map_or(1, |()| 0));
    let pid = child.pid();
    child.succeed();
    assert_eq!(semaphore.last_pid().unwrap(), Pid::from_raw(pid));

    semaphore.set_value(4).unwrap();

    assert_eq!(semaphore.last_pid().unwrap(), Pid::from_raw(std::process::id().cast_signed()));
}

/// R-SEM-15
#[test]
fn a_parent_waits_for_its_child_in_both_orders() {
    let _watchdog = watchdog();
    // The child first: its signal is kept, also when it is gone.
    let set = set_of(0);
    let event = SemaphoreEvent::new(set.semaphore(0));
    fork(move || event.signal().map_or(1, |()| 0)).succeed();
    event.wait().unwrap();

    // The parent first: the child signals when it sees the parent wait.
    let child = fork(move || {
        eventually("the parent waits", || event.semaphore().waiters().unwrap() == 1);
        event.signal().map_or(1, |()| 0)
    });
    event.wait().unwrap();
    child.succeed();
    assert_eq!(event.semaphore().value().unwrap(), 0);
}

/// R-SEM-10
#[test]
fn an_event_stays_when_its_sender_dies() {
    let set = set_of(0);
    let event = SemaphoreEvent::new(set.semaphore(0));
    let sender = fork(move || {
        event.signal().unwrap();
        loop {
            std::thread::park();
        }
    });
    eventually("it signalled", || event.semaphore().value().unwrap() == 1);

    sender.signal(libc::SIGKILL);
    let _ = sender.wait();

    event.try_wait().unwrap();
    let receiver = fork(move || {
        event.signal().unwrap();
        event.wait().map_or(1, |()| 0)
    });
    receiver.succeed();
    assert_eq!(event.semaphore().value().unwrap(), 0, "taking is not undone either");
}

/// R-SEM-07
#[test]
fn an_index_past_the_end_is_an_error_of_every_call() {
    let set = SemaphoreSet::private(&[1, 1]).unwrap();
    for index in [2, 3, u16::MAX] {
        let past = set.semaphore(index);
        let operations: [fn(Semaphore) -> Result<()>; 5] = [
            |s| s.add(1),
            |s| s.try_subtract(1),
            |s| s.try_wait_zero(),
            |s| s.try_acquire(1).map(drop),
            |s| s.set().try_apply(&Operations::new().add(0, 1).add(s.index(), 1)),
        ];
        for operation in operations {
            let error = fails(operation(past), ErrorKind::OutOfRange, libc::EFBIG);
            assert!(error.to_string().ends_with(": EFBIG: the set has no semaphore of that index"), "{error}");
        }
        let controls: [fn(Semaphore) -> Result<()>; 5] = [
            |s| s.value().map(drop),
            |s| s.set_value(0),
            |s| s.waiters().map(drop),
            |s| s.zero_waiters().map(drop),
            |s| s.last_pid().map(drop),
        ];
        for control in controls {
            let error = fails(control(past), ErrorKind::InvalidInput, libc::EINVAL);
            let text = format!(
                "semctl on semaphore {index} of set {}: EINVAL: the set has no semaphore of that index",
                set.id()
            );
            assert_eq!(error.to_string(), text);
        }
    }
    assert_eq!(set.values().unwrap(), [1, 1]);
}

/// R-SEM-07
#[test]
fn the_kernel_refuses_no_operations() {
    let set = set_of(0);
    let mut none = sembuf { sem_num: 0, sem_op: 0, sem_flg: 0 };
    // SAFETY: no operations are read.
    let result = unsafe { semop(set.id(), &raw mut none, 0) };
    assert_eq!((result, errno()), (-1, libc::EINVAL));
}
