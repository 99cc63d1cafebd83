//! Reading and setting values.

use crate::support::{as_nobody, watchdog};
use crate::tools::{Waiting, errno, fails, is_root};
use ipc_safe::error::ErrorKind;
use ipc_safe::sys::sem::{GETALL, SETALL, SETVAL, semctl, semun};
use ipc_safe::sysv::SemaphoreSet;
use libc::SYS_semtimedop;

/// R-SEM-11
#[test]
fn values_are_read_and_set_one_and_all() {
    let set = SemaphoreSet::private(&[1, 2, 3]).unwrap();
    assert_eq!(set.values().unwrap(), [1, 2, 3]);
    assert_eq!([0, 1, 2].map(|index| set.semaphore(index).value().unwrap()), [1, 2, 3]);

    set.semaphore(1).set_value(32767).unwrap();
    assert_eq!(set.values().unwrap(), [1, 32767, 3]);
    set.set_values(&[0, 9, 32767]).unwrap();
    assert_eq!(set.values().unwrap(), [0, 9, 32767]);
}

/// R-SEM-11
#[test]
fn a_value_above_32767_is_refused_and_nothing_is_changed() {
    let set = SemaphoreSet::private(&[1, 2]).unwrap();

    let one = fails(set.semaphore(0).set_value(32768), ErrorKind::OutOfRange, libc::ERANGE);
    let all = fails(set.set_values(&[7, 32768]), ErrorKind::OutOfRange, libc::ERANGE);
    let new = fails(SemaphoreSet::private(&[7, 40000]), ErrorKind::OutOfRange, libc::ERANGE);

    let text = format!("semctl on semaphore 0 of set {}, value 32768: ERANGE: a value is at most 32767", set.id());
    assert_eq!(one.to_string(), text);
    assert!(all.to_string().contains("ERANGE"), "{all}");
    assert_eq!(new.to_string(), "semctl of value 40000 for semaphore 1: ERANGE: a value is at most 32767");
    assert_eq!(set.values().unwrap(), [1, 2]);
}

/// R-SEM-11
#[test]
fn the_range_of_a_value_is_checked_before_the_index() {
    let set = SemaphoreSet::private(&[1]).unwrap();
    fails(set.semaphore(5).set_value(u16::MAX), ErrorKind::OutOfRange, libc::ERANGE);
    fails(set.semaphore(5).set_value(1), ErrorKind::InvalidInput, libc::EINVAL);
    // SAFETY: SETVAL takes an `int`.
    let negative = unsafe { semctl(set.id(), 5, SETVAL, semun { val: -1 }) };
    assert_eq!((negative, errno()), (-1, libc::ERANGE));
}

/// R-SEM-11
#[test]
fn setting_all_takes_one_value_for_each() {
    let set = SemaphoreSet::private(&[1, 2]).unwrap();
    for values in [&[][..], &[9], &[9, 9, 9]] {
        let error = fails(set.set_values(values), ErrorKind::InvalidInput, libc::EINVAL);
        let reason = format!("the set has 2 semaphores, and there are {} values", values.len());
        assert_eq!(error.to_string(), format!("semctl on set {}: EINVAL: {reason}", set.id()));
    }
    assert_eq!(set.values().unwrap(), [1, 2]);
}

/// R-SEM-11 R-SEM-12
#[test]
fn the_kernel_ignores_the_index_of_getall_and_setall() {
    let set = SemaphoreSet::private(&[4, 5]).unwrap();
    let mut values = [0_u16; 2];
    // SAFETY: the array has one value for each semaphore of the set, which is ours alone.
    unsafe {
        assert_eq!(semctl(set.id(), 99, GETALL, semun { array: values.as_mut_ptr() }), 0);
        assert_eq!(values, [4, 5]);
        values = [6, 7];
        assert_eq!(semctl(set.id(), 99, SETALL, semun { array: values.as_mut_ptr() }), 0);
    }
    assert_eq!(set.values().unwrap(), [6, 7]);
}

/// R-SEM-12
#[test]
fn every_command_works_with_the_argument_of_its_type() {
    let set = SemaphoreSet::private(&[3]).unwrap();
    let semaphore = set.semaphore(0);
    semaphore.set_value(5).unwrap();
    assert_eq!((semaphore.value().unwrap(), semaphore.waiters().unwrap()), (5, 0));
    set.set_mode(0o640).unwrap();
    assert_eq!(set.status().unwrap().permissions.mode, 0o640);
    assert!(SemaphoreSet::limits().unwrap().value == 32767);
    let handle = *set;
    set.remove().unwrap();
    fails(handle.values(), ErrorKind::Removed, libc::EINVAL);
    fails(handle.set_values(&[1]), ErrorKind::Removed, libc::EINVAL);
    fails(handle.semaphore(0).value(), ErrorKind::Removed, libc::EINVAL);
    fails(handle.semaphore(0).set_value(1), ErrorKind::Removed, libc::EINVAL);
    fails(handle.len(), ErrorKind::Removed, libc::EINVAL);
}

/// R-SEM-04 R-SEM-11
#[test]
fn setting_values_wakes_who_waits_for_them() {
    let _watchdog = watchdog();
    let set = SemaphoreSet::private(&[0, 0]).unwrap();
    let [first, second] = [set.semaphore(0), set.semaphore(1)];
    let wait = |semaphore: ipc_safe::sysv::Semaphore| {
        Waiting::in_call(SYS_semtimedop, move || semaphore.subtract_timeout(2, crate::tools::LONG))
    };

    let waiter = wait(first);
    first.set_value(3).unwrap();
    waiter.finish().unwrap();
    let waiter = wait(second);
    set.set_values(&[1, 2]).unwrap();
    waiter.finish().unwrap();

    assert_eq!(set.values().unwrap(), [1, 0]);
}

/// R-SEM-11
#[test]
fn reading_needs_the_right_to_read_and_setting_to_write() {
    if !is_root() {
        return;
    }
    let set = SemaphoreSet::private(&[1]).unwrap();
    let handle = *set;
    set.set_mode(0o604).unwrap();
    as_nobody(|| {
        assert_eq!(handle.values().unwrap(), [1]);
        fails(handle.set_values(&[2]), ErrorKind::PermissionDenied, libc::EACCES);
        fails(handle.semaphore(0).set_value(2), ErrorKind::PermissionDenied, libc::EACCES);
        fails(handle.semaphore(0).add(1), ErrorKind::PermissionDenied, libc::EACCES);
        0
    });
    set.set_mode(0o602).unwrap();
    as_nobody(|| {
        fails(handle.values(), ErrorKind::PermissionDenied, libc::EACCES);
        fails(handle.semaphore(0).value(), ErrorKind::PermissionDenied, libc::EACCES);
        handle.semaphore(0).set_value(2).unwrap();
        handle.semaphore(0).add(1).unwrap();
        0
    });
    assert_eq!(set.values().unwrap(), [3]);
}

/// R-SEM-11
#[test]
fn sets_of_any_length_are_read_and_set_whole() {
    for len in [1, 2, 499, 500, 501, 2047, 2048, 2049, 8000] {
        let values: Vec<u16> = (0..len).map(|value| value as u16 % 32768).collect();
        let set = SemaphoreSet::private(&values).unwrap();
        assert_eq!(set.values().unwrap(), values);
        let other: Vec<u16> = values.iter().map(|value| value / 2 + 1).collect();
        set.set_values(&other).unwrap();
        assert_eq!(set.values().unwrap(), other);
    }
}
