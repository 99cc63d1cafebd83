//! Making a set and giving it values as one operation, whoever else makes or opens it and whoever dies.

use crate::intercept::{OPERATE, before_each};
use crate::support::{Forked, eventually, fork, in_namespace, watchdog};
use crate::tools::{LONG, SHORT, fails};
use ipc_safe::error::ErrorKind;
use ipc_safe::sys::sem::{SETALL, SETVAL, semctl, semget, semun};
use ipc_safe::sysv::{Key, Operations, SemaphoreSet};
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

/// More semaphores than one operation may name.
const MANY: usize = 600;

/// A set as the first of the kernel's two steps leaves it.
fn without_values(key: Key, len: i32) -> SemaphoreSet {
    // SAFETY: integers only.
    let id = unsafe { semget(key.as_raw(), len, libc::IPC_CREAT | libc::IPC_EXCL | 0o600) };
    SemaphoreSet::from_id(id).expect("a new set")
}

/// So many children that run `body` at the same time.
fn race(racers: usize, body: impl Fn()) {
    let gate = SemaphoreSet::private(&[1]).expect("a set");
    let closed = gate.semaphore(0);
    let start = || {
        fork(|| {
            closed.wait_zero().expect("a gate that opens");
            body();
            0
        })
    };
    let children: Vec<_> = (0..racers).map(|_| start()).collect();
    eventually("all wait", || usize::from(closed.zero_waiters().unwrap()) == racers);
    closed.subtract(1).expect("a closed gate");
    children.into_iter().for_each(Forked::succeed);
}

/// However many race, over many rounds: one makes the set, and nobody sees it without its values.
///
/// R-SEM-13
#[test]
fn one_of_many_creators_initialises_and_nobody_sees_a_set_without_values() {
    let _watchdog = watchdog();
    for round in 0..40 {
        let key = Key::random().unwrap();
        // How many made the set.
        let values = if round % 4 == 3 { vec![5; MANY] } else { vec![5, 0, 7] };
        let tally = SemaphoreSet::private(&[0]).unwrap();
        let makers = tally.semaphore(0);
        race(4, || {
            let set = match SemaphoreSet::options().create_new(true).open(key, &values) {
                Ok(set) => {
                    makers.add(1).unwrap();
                    set
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
                    SemaphoreSet::options().create(true).open(key, &values).unwrap()
                }
            };
            assert_eq!(set.values().unwrap(), values);
        });
        assert_eq!(makers.value().unwrap(), 1);
        SemaphoreSet::open(key).unwrap().remove().unwrap();
    }
}

/// The same with `create`, where each uses the set at once: a second initialisation would show as a unit too many.
///
/// R-SEM-13
#[test]
fn creators_that_use_the_set_at_once_find_every_unit_once() {
    let _watchdog = watchdog();
    for _ in 0..40 {
        let key = Key::random().unwrap();
        race(4, || {
            let set = SemaphoreSet::options().create(true).open(key, &[4, 0]).unwrap();
            set.try_apply(&Operations::new().subtract(0, 1).add(1, 1)).expect("a unit for each");
        });
        let set = SemaphoreSet::open(key).unwrap().into_owned();
        assert_eq!(set.values().unwrap(), [0, 4]);
    }
}

/// Ends the process on the spot.
fn die() {
    // SAFETY: takes a number.
    unsafe { libc::raise(libc::SIGKILL) };
}

/// A creator that dies between making and initialising: openers report it at their deadline.
///
/// R-SEM-13
#[test]
fn a_creator_that_died_half_way_is_reported_at_the_deadline() {
    let _watchdog = watchdog();
    let all = [libc::SYS_semctl, OPERATE[0], OPERATE[1]];
    // With many semaphores there are two moments: before the values, and before the operation that publishes them.
    for (values, dies_at) in [(vec![3, 1], &all[1..]), (vec![3; MANY], &all[..1]), (vec![0], &all[1..])] {
        let key = Key::random().unwrap();
        let died = fork(|| {
            crate::tools::lower_limit(libc::RLIMIT_CORE, 0);
            let (made, _) =
                before_each(dies_at, |_, _| die(), || SemaphoreSet::options().create(true).open(key, &values));
            made.map_or(1, |_| 0)
        });
        assert_eq!(died.wait().signal(), Some(libc::SIGKILL));

        let start = Instant::now();
        let options = SemaphoreSet::options().initialised_within(SHORT);
        for result in [
            options.open(key, &[3]),
            options.create(true).open(key, &values),
            SemaphoreSet::open_initialised(key, SHORT),
            SemaphoreSet::open(key).and_then(|set| set.wait_initialised(SHORT).map(|()| set)),
        ] {
            let error = fails(result, ErrorKind::NotInitialised, libc::ETIMEDOUT);
            let reason =
                "nobody operated on the set in time: its creator may have died; \"ipc show\" tells who that was";
            let id = SemaphoreSet::open(key).unwrap().id();
            assert_eq!(error.to_string(), format!("semctl on set {id}: ETIMEDOUT: {reason}"));
        }
        assert!((4 * SHORT..LONG).contains(&start.elapsed()), "{:?}", start.elapsed());

        // It is found without waiting, and whoever knows what happened removes it and begins again.
        let left = SemaphoreSet::open(key).unwrap();
        assert!(left.status().unwrap().last_operation.is_none());
        left.remove().unwrap();
        let made = SemaphoreSet::options().create(true).open(key, &values).unwrap().into_owned();
        assert_eq!(made.values().unwrap(), values);
    }
}

/// A creator that is killed after its values are set, and before its last operation on many, has not finished either.
///
/// R-SEM-13
#[test]
fn values_without_the_operation_that_publishes_them_do_not_count() {
    let _watchdog = watchdog();
    let key = Key::random().unwrap();
    let died = fork(|| {
        crate::tools::lower_limit(libc::RLIMIT_CORE, 0);
        // The first operation is the attempt with all values, which the kernel refuses: more than it takes.
        let second = |times, _: &_| {
            if times == 1 {
                die();
            }
        };
        let (made, _) = before_each(&OPERATE, second, || SemaphoreSet::options().create(true).open(key, &[3; MANY]));
        made.map_or(1, |_| 0)
    });
    assert_eq!(died.wait().signal(), Some(libc::SIGKILL));

    let set = SemaphoreSet::open(key).unwrap().into_owned();
    assert_eq!(set.values().unwrap(), [3; MANY], "the moment is the one meant");
    fails(set.wait_initialised(SHORT), ErrorKind::NotInitialised, libc::ETIMEDOUT);
}

/// R-SEM-13
#[test]
fn a_slow_creator_is_waited_for() {
    let _watchdog = watchdog();
    let key = Key::random().unwrap();
    let set = without_values(key, 2).into_owned();
    let opener = fork(move || {
        let found = SemaphoreSet::options().create(true).initialised_within(LONG).open(key, &[9, 9]).unwrap();
        i32::from(found.values().unwrap() != [4, 0])
    });
    // Values alone are not enough.
    set.semaphore(0).set_value(4).unwrap();
    set.set_values(&[4, 0]).unwrap();
    eventually("the opener looks again and again", || {
        let sleeps = crate::tools::sleeps_in(opener.pid(), libc::SYS_clock_nanosleep);
        sleeps && set.status().unwrap().last_operation.is_none()
    });

    set.apply(&Operations::new().add(1, 1).subtract(1, 1)).unwrap();

    opener.succeed();
}

/// R-SEM-13
#[test]
fn a_set_that_goes_while_it_is_waited_for_is_removed_or_made_anew() {
    let _watchdog = watchdog();
    let key = Key::random().unwrap();
    let set = without_values(key, 1);
    let waiter = std::thread::spawn(move || SemaphoreSet::open_initialised(key, LONG));
    let maker = std::thread::spawn(move || {
        SemaphoreSet::options().create(true).initialised_within(LONG).open(key, &[6]).unwrap()
    });
    set.remove().unwrap();
    match waiter.join().unwrap() {
        // Too early, in the wait, or late enough to find the next one.
        Err(error) => assert!(matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Removed), "{error}"),
        Ok(found) => assert_ne!(found, set),
    }
    let made = maker.join().unwrap().into_owned();
    assert_ne!(*made, set);
    assert_eq!(made.values().unwrap(), [6]);
}

/// The same, at every moment: a set without values goes just before each step of its openers.
///
/// R-SEM-13
#[test]
fn a_set_that_goes_at_any_step_of_its_opener_is_an_outcome_and_no_wait() {
    let _watchdog = watchdog();
    for step in 0..6 {
        let key = Key::random().unwrap();
        let set = without_values(key, 1);
        let remove = |times, _: &_| {
            if times == step {
                set.remove().unwrap();
            }
        };
        let calls = [libc::SYS_semget, libc::SYS_semctl];
        let (opened, times) = before_each(&calls, remove, || {
            SemaphoreSet::options().create(true).initialised_within(LONG).open(key, &[6])
        });
        assert!(times > step);
        let made = opened.unwrap().into_owned();
        assert_eq!(made.values().unwrap(), [6], "step {step}");
        drop(made);

        let set = without_values(key, 1);
        let remove = |times, _: &_| {
            if times == step {
                set.remove().unwrap();
            }
        };
        let (opened, _) = before_each(&calls, remove, || SemaphoreSet::open_initialised(key, LONG));
        let kind = opened.unwrap_err().kind();
        assert!(matches!(kind, ErrorKind::NotFound | ErrorKind::Removed), "step {step}: {kind:?}");
    }
}

/// Somebody who removes the set all the time: each maker has it whole, or finds out.
///
/// R-SEM-13
#[test]
fn makers_and_a_remover_race_without_harm() {
    let _watchdog = watchdog();
    let key = Key::random().unwrap();
    let remover = fork(move || {
        loop {
            if let Ok(set) = SemaphoreSet::open(key) {
                let _ = set.remove();
            }
        }
    });
    let makers: Vec<_> = (0..2)
        .map(|_| {
            fork(move || {
                for _ in 0..500 {
                    let options = SemaphoreSet::options().create(true).initialised_within(LONG);
                    match options.open(key, &[2, 3]).and_then(|set| set.values()) {
                        Ok(values) => assert_eq!(values, [2, 3]),
                        Err(error) => {
                            assert!(matches!(error.kind(), ErrorKind::Removed | ErrorKind::NotFound), "{error}");
                        }
                    }
                }
                0
            })
        })
        .collect();
    makers.into_iter().for_each(Forked::succeed);
    drop(remover);
    if let Ok(set) = SemaphoreSet::open(key) {
        set.remove().unwrap();
    }
}

/// R-SEM-01 R-SEM-13
#[test]
fn sets_of_any_length_and_values_are_initialised() {
    let limit = usize::try_from(SemaphoreSet::limits().unwrap().operations).unwrap();
    for len in [1, 2, limit - 1, limit, limit + 1, 5000] {
        let patterns: [fn(usize) -> u16; 4] =
            [|_| 0, |_| 32767, |index| u16::try_from(index % 32768).unwrap(), |index| u16::from(index == 0)];
        for pattern in patterns {
            let values: Vec<u16> = (0..len).map(pattern).collect();
            let set = SemaphoreSet::private(&values).unwrap();
            assert_eq!(set.values().unwrap(), values);
            assert!(set.status().unwrap().last_operation.is_some());
            set.wait_initialised(Duration::ZERO).unwrap();
        }
    }
}

/// The limit of operations in a call is that of the moment.
///
/// R-SEM-07 R-SEM-13
#[test]
fn sets_are_initialised_whatever_semopm_is() {
    in_namespace(|| {
        for operations in [1, 2, 3, 1000] {
            crate::support::set_sysctl("sem", &format!("32000 1024000 {operations} 32000"));
            for len in [1, 2, 3, 4, 700] {
                let made = SemaphoreSet::private(&vec![7; len]);
                if operations == 1 && len > 1 {
                    // What publishes the values of several is two operations in one call.
                    match made {
                        Ok(set) => assert_eq!(set.values().unwrap(), vec![7; len]),
                        Err(error) => assert_eq!(error.kind(), ErrorKind::TooBig, "{error}"),
                    }
                    assert_eq!(SemaphoreSet::usage().unwrap().sets, 0, "a set that failed is not left");
                } else {
                    assert_eq!(made.unwrap().values().unwrap(), vec![7; len]);
                }
            }
        }
    });
}

/// R-SEM-13
#[test]
fn an_existing_set_keeps_its_values_also_those_of_a_held_lock() {
    let key = Key::random().unwrap();
    let set = SemaphoreSet::options().create(true).open(key, &[1]).unwrap().into_owned();
    let held = set.semaphore(0).acquire(1).unwrap();
    // What every starter of a program does.
    for _ in 0..3 {
        let again = SemaphoreSet::options().create(true).open(key, &[1]).unwrap();
        assert_eq!(again.values().unwrap(), [0], "a lock that is held is not opened");
    }
    fails(SemaphoreSet::options().create_new(true).open(key, &[1]), ErrorKind::AlreadyExists, libc::EEXIST);
    drop(held);
    assert_eq!(set.values().unwrap(), [1]);
}

/// Sets of programs that know nothing of the convention: they set values and never operate.
///
/// R-SEM-13
#[test]
fn a_set_of_another_convention_is_opened_without_waiting() {
    let key = Key::random().unwrap();
    let set = without_values(key, 2).into_owned();
    // SAFETY: SETVAL takes an int, SETALL an array of as many values as the set has.
    unsafe {
        assert_eq!(semctl(set.id(), 1, SETVAL, semun { val: 9 }), 0);
        assert_eq!(semctl(set.id(), 0, SETALL, semun { array: [8, 9].as_mut_ptr() }), 0);
    }
    let found = SemaphoreSet::open(key).unwrap();
    assert_eq!(found.values().unwrap(), [8, 9]);
    fails(SemaphoreSet::open_initialised(key, Duration::ZERO), ErrorKind::NotInitialised, libc::ETIMEDOUT);
    found.semaphore(0).subtract(1).unwrap();
    assert_eq!(SemaphoreSet::open_initialised(key, Duration::ZERO).unwrap(), *set);
}
