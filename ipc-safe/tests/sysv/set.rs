//! Sets: several operations as one, status, limits of a call.

use crate::intercept::before_each;
use crate::support::{fork, watchdog};
use crate::tools::{LONG, Waiting, fails};
use ipc_safe::error::ErrorKind;
use ipc_safe::sysv::{Key, Operations, SemaphoreSet};
use libc::SYS_semtimedop;
use std::time::{Duration, SystemTime};

/// R-SEM-01
#[test]
fn a_set_has_at_least_one_semaphore() {
    let error = fails(SemaphoreSet::private(&[]), ErrorKind::InvalidInput, libc::EINVAL);
    assert_eq!(error.to_string(), "semget of 0 semaphores: EINVAL: a set has at least one semaphore");
    assert_eq!(SemaphoreSet::private(&[3]).unwrap().len().unwrap(), 1);
}

/// R-SEM-01
#[test]
fn a_set_has_at_most_semmsl_semaphores() {
    let limit = SemaphoreSet::limits().unwrap().set_semaphores;
    let error = fails(SemaphoreSet::private(&vec![0; limit as usize + 1]), ErrorKind::InvalidInput, libc::EINVAL);
    let reason = format!("a set has at most {limit} semaphores (first number of kernel.sem)");
    assert!(error.to_string().ends_with(&format!("{} semaphores: EINVAL: {reason}", limit + 1)), "{error}");
}

/// R-SEM-01
#[test]
fn an_existing_set_is_opened_with_no_more_semaphores_than_it_has() {
    let key = Key::random().unwrap();
    let set = SemaphoreSet::options().create_new(true).open(key, &[1, 2]).unwrap().into_owned();

    assert_eq!(SemaphoreSet::open(key).unwrap(), *set);
    for values in [&[9][..], &[9, 9]] {
        assert_eq!(SemaphoreSet::options().open(key, values).unwrap(), *set);
        assert_eq!(SemaphoreSet::options().create(true).open(key, values).unwrap(), *set);
    }
    let more = SemaphoreSet::options().create(true).open(key, &[9, 9, 9]);
    let error = fails(more, ErrorKind::InvalidInput, libc::EINVAL);

    assert!(error.to_string().ends_with(", 3 semaphores: EINVAL: the set has fewer semaphores"), "{error}");
    assert_eq!(set.values().unwrap(), [1, 2], "its values stay");
}

/// Only a set that went away meanwhile is made or looked for again.
#[test]
fn an_existing_set_that_is_too_short_is_looked_for_once() {
    let key = Key::random().unwrap();
    let _set = SemaphoreSet::options().create_new(true).open(key, &[1]).unwrap().into_owned();
    let open_more = || SemaphoreSet::options().create(true).open(key, &[9, 9]);
    let (more, calls) = before_each(&[libc::SYS_semget], |_, _| (), open_more);
    fails(more, ErrorKind::InvalidInput, libc::EINVAL);
    assert_eq!(calls, 2, "one to make it and one to find it");
}

/// R-SEM-02
#[test]
fn the_status_tells_length_and_times() {
    let start = SystemTime::now() - Duration::from_secs(2);
    let set = SemaphoreSet::private(&[0; 5]).unwrap();

    let status = set.status().unwrap();

    assert_eq!((status.id, status.len, set.len().unwrap()), (set.id(), 5, 5));
    for time in [status.last_operation, status.changed] {
        assert!((start..=SystemTime::now()).contains(&time.unwrap()));
    }
    for index in 0..5 {
        let semaphore = set.semaphore(index);
        assert_eq!((semaphore.value().unwrap(), semaphore.waiters().unwrap()), (0, 0));
        assert_eq!(semaphore.zero_waiters().unwrap(), 0);
    }
}

/// R-SEM-02
#[test]
fn a_set_that_nobody_operated_on_has_no_time_of_the_last_operation() {
    // SAFETY: integers only.
    let id = unsafe { ipc_safe::sys::sem::semget(0, 2, 0o600) };
    let set = SemaphoreSet::from_id(id).unwrap().into_owned();
    assert_eq!(set.status().unwrap().last_operation, None);
    assert_eq!(set.semaphore(0).last_pid().unwrap(), None);

    set.semaphore(1).add(1).unwrap();

    assert!(set.status().unwrap().last_operation.is_some());
}

/// R-SEM-06
#[test]
fn several_operations_happen_all_or_not_at_all() {
    let set = SemaphoreSet::private(&[2, 0, 32767]).unwrap();

    fails(set.try_apply(&Operations::new().subtract(0, 1).subtract(1, 1)), ErrorKind::WouldBlock, libc::EAGAIN);
    fails(set.apply(&Operations::new().subtract(0, 1).add(2, 1)), ErrorKind::OutOfRange, libc::ERANGE);
    fails(set.apply(&Operations::new().subtract(0, 1).add(3, 1)), ErrorKind::OutOfRange, libc::EFBIG);
    assert_eq!(set.values().unwrap(), [2, 0, 32767]);

    set.apply(&Operations::new().subtract(0, 2).add(1, 1).subtract(2, 7)).unwrap();
    assert_eq!(set.values().unwrap(), [0, 1, 32760]);
}

/// R-SEM-06
#[test]
fn operations_happen_in_the_order_given() {
    let set = SemaphoreSet::private(&[0]).unwrap();
    set.try_apply(&Operations::new().wait_zero(0).add(0, 1)).unwrap();
    fails(set.try_apply(&Operations::new().wait_zero(0).subtract(0, 1)), ErrorKind::WouldBlock, libc::EAGAIN);
    set.try_apply(&Operations::new().subtract(0, 1).wait_zero(0)).unwrap();
    set.try_apply(&Operations::new().add(0, 3).subtract(0, 2)).unwrap();
    assert_eq!(set.values().unwrap(), [1]);
    fails(set.try_apply(&Operations::new().subtract(0, 2).add(0, 3)), ErrorKind::WouldBlock, libc::EAGAIN);
}

/// R-SEM-04 R-SEM-06
#[test]
fn waiting_operations_hold_nothing_until_all_can_be_done() {
    let _watchdog = watchdog();
    let set = SemaphoreSet::private(&[1, 0]).unwrap();
    let handle = *set;
    let both = Operations::new().subtract(0, 1).subtract(1, 1);
    let waiter = Waiting::in_call(SYS_semtimedop, move || handle.apply_timeout(&both, LONG));
    assert_eq!(set.values().unwrap(), [1, 0]);
    assert_eq!(set.semaphore(1).waiters().unwrap(), 1);

    set.semaphore(0).subtract(1).unwrap();
    set.semaphore(1).add(1).unwrap();
    waiter.sleeps_in(SYS_semtimedop);
    assert_eq!(set.semaphore(0).waiters().unwrap(), 1, "it waits for the other one now");
    set.semaphore(0).add(1).unwrap();

    waiter.finish().unwrap();
    assert_eq!(set.values().unwrap(), [0, 0]);
}

/// R-SEM-06
#[test]
fn one_operation_that_does_not_wait_ends_the_whole() {
    let set = SemaphoreSet::private(&[1, 0]).unwrap();
    let operations = Operations::new().subtract(0, 1).subtract(1, 1).no_wait();
    fails(set.apply(&operations), ErrorKind::WouldBlock, libc::EAGAIN);
    fails(set.apply_timeout(&operations, LONG), ErrorKind::WouldBlock, libc::EAGAIN);
    fails(set.apply_interruptible(&operations), ErrorKind::WouldBlock, libc::EAGAIN);
    assert_eq!(set.values().unwrap(), [1, 0]);
}

/// R-SEM-07
#[test]
fn a_call_takes_at_least_one_operation_and_at_most_semopm() {
    let set = SemaphoreSet::private(&[0]).unwrap();
    let limit = SemaphoreSet::limits().unwrap().operations as usize;
    let zeros = |count| (0..count).fold(Operations::new(), |operations, _| operations.wait_zero(0));

    set.apply(&zeros(limit)).unwrap();
    let many = fails(set.apply(&zeros(limit + 1)), ErrorKind::TooBig, libc::E2BIG);
    let none = fails(set.apply(&Operations::new()), ErrorKind::InvalidInput, libc::EINVAL);

    let reason = format!("one call takes at most {limit} operations (third number of kernel.sem)");
    assert_eq!(many.to_string(), format!("semop on set {}, {} operations: E2BIG: {reason}", set.id(), limit + 1));
    assert_eq!(none.to_string(), format!("semop on set {}: EINVAL: there are no operations to apply", set.id()));
    assert_eq!((zeros(3).len(), zeros(0).is_empty()), (3, true));
}

/// R-SEM-06 R-SEM-08
#[test]
fn operations_marked_for_undo_are_undone_and_others_are_not() {
    let set = SemaphoreSet::private(&[5, 5, 5]).unwrap();
    let handle = *set;
    fork(move || {
        handle.apply(&Operations::new().subtract(0, 2).undo().add(1, 2).undo().subtract(2, 2)).unwrap();
        i32::from(handle.values().unwrap() != [3, 7, 3])
    })
    .succeed();
    crate::support::eventually("undone", || set.values().unwrap() == [5, 5, 3]);
}

/// R-SEM-04
#[test]
fn units_are_conserved_among_processes_that_pass_them_on() {
    let _watchdog = watchdog();
    let set = SemaphoreSet::private(&[4, 0]).unwrap();
    let handle = *set;
    let children: Vec<_> = (0..4)
        .map(|child| {
            fork(move || {
                let (from, to) = if child % 2 == 0 { (0, 1) } else { (1, 0) };
                let pass = Operations::new().subtract(from, 1).add(to, 1);
                for _ in 0..500 {
                    handle.apply(&pass).unwrap();
                    assert_eq!(handle.values().unwrap().iter().sum::<u16>(), 4);
                }
                0
            })
        })
        .collect();
    for child in children {
        child.succeed();
    }
    assert_eq!(set.values().unwrap(), [4, 0]);
}
