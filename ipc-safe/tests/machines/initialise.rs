//! Several processes race to make and initialise one semaphore set, and the first may die at any moment.

use crate::child::{Child, Rendezvous};
use crate::run::{alone, property};
use crate::support::{eventually, in_namespace};
use ipc_safe::error::ErrorKind;
use ipc_safe::sysv::{Key, SemaphoreSet};
use proptest::prelude::*;
use std::time::Duration;

const KEY: Key = Key::new(0x00c0_ffee);
/// The marker of a set's second semaphore; the first tells whose values it has.
const MARK: u16 = 4711;

/// Finds or makes the set, with values of its own should it be the maker.
fn race(own: u16, patience: Duration) -> String {
    let options = SemaphoreSet::options().create(true).initialised_within(patience);
    match options.open(KEY, &[own, MARK]) {
        Ok(set) => format!("{} {:?}", set.id(), set.values().unwrap()),
        Err(error) => format!("{:?}", error.kind()),
    }
}

fn clear() {
    for status in SemaphoreSet::list().unwrap() {
        SemaphoreSet::from_id(status.id).unwrap().remove().unwrap();
    }
}

/// However many race, one makes the set, all find the same one, and nobody sees it without its values.
///
/// R-SEM-13
#[test]
fn one_of_many_initialises() {
    let _alone = alone();
    in_namespace(|| {
        property(60, &(2..6_u16), |racers| {
            let together = Rendezvous::soon();
            let start = |own| {
                Child::start(move |_| {
                    together.meet();
                    race(own, Duration::from_secs(20))
                })
            };
            let mut children: Vec<_> = (1..=racers).map(start).collect();
            // All are told before any is asked.
            children.iter_mut().for_each(|child| child.tell("race"));
            let answers: Vec<_> = children.iter_mut().map(Child::answer).collect();
            children.into_iter().for_each(Child::exit);
            clear();
            let values = answers[0].split_once(' ').unwrap().1.to_owned();
            prop_assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
            let makers = (1..=racers).filter(|own| values == format!("[{own}, {MARK}]")).count();
            prop_assert_eq!(makers, 1, "the values are those of one racer: {}", values);
            Ok(racers.into())
        });
    });
}

/// A maker that is killed at any moment leaves no set, a whole one, or one that others report as not initialised when their
/// patience ends. Nobody hangs, and nobody sees other values than whole ones.
///
/// R-SEM-13
#[test]
fn a_killed_maker_is_told_apart_from_a_slow_one() {
    let _alone = alone();
    in_namespace(|| {
        property(150, &(0..60_u64), |moment| {
            let together = Rendezvous::soon();
            let mut maker = Child::start(|_| {
                together.meet();
                race(1, Duration::from_secs(20))
            });
            maker.tell("race");
            together.later(Duration::from_micros(moment)).meet();
            maker.kill();
            let answer = race(2, Duration::from_millis(2));
            let set = SemaphoreSet::open(KEY).unwrap();
            let expected = match set.values().unwrap()[..] {
                [maker, MARK] => format!("{} [{maker}, {MARK}]", set.id()),
                _ => format!("{:?}", ErrorKind::NotInitialised),
            };
            clear();
            prop_assert_eq!(answer, expected);
            Ok(2)
        });
    });
}

/// The moment between making and initialising, held open: openers wait, and report the set as not initialised in the end.
///
/// R-SEM-13
#[test]
fn openers_of_a_set_without_values_time_out() {
    let _alone = alone();
    in_namespace(|| {
        // SAFETY: takes numbers only. This is what a maker that dies after its first call leaves.
        let id = unsafe { ipc_safe::sys::sem::semget(KEY.as_raw(), 2, ipc_safe::sys::ipc::IPC_CREAT | 0o600) };
        let set = SemaphoreSet::from_id(id).unwrap().into_owned();
        assert_eq!(race(2, Duration::from_millis(2)), format!("{:?}", ErrorKind::NotInitialised));
        // A maker that is slow and not dead is waited for.
        let mut opener = Child::start(|_| race(2, Duration::from_secs(20)));
        opener.tell("race");
        set.apply(&ipc_safe::sysv::Operations::new().add(0, 1).add(1, MARK)).unwrap();
        eventually("the set is initialised", || set.status().unwrap().last_operation.is_some());
        assert_eq!(opener.answer(), format!("{id} [1, {MARK}]"));
        opener.exit();
    });
}
