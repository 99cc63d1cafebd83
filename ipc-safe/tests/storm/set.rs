//! Semaphore sets.

use crate::support::fork;
use crate::weather::{LONG, SHORT, at_last, in_storm, is_interrupted, times_out};
use ipc_safe::sysv::{Operations, SemaphoreSet};

const ROUNDS: usize = 4000;

/// R-SEM-04 R-SIG-16: units go to and fro between two processes, and none is lost or made.
#[test]
fn taking_by_every_form() {
    in_storm(|_| {
        let set = SemaphoreSet::private(&[0, 0, 3]).unwrap();
        let handle = *set;
        let peer = fork(move || {
            for _ in 0..ROUNDS {
                handle.semaphore(0).add(1).unwrap();
                handle.semaphore(1).subtract(1).unwrap();
            }
            0
        });
        let (there, back, units) = (set.semaphore(0), set.semaphore(1), set.semaphore(2));
        let one = Operations::new().subtract(0, 1);
        for round in 0..ROUNDS {
            match round % 6 {
                0 => there.subtract(1).unwrap(),
                1 => there.subtract_timeout(1, LONG).unwrap(),
                2 => at_last(|| there.subtract_interruptible(1)),
                3 => set.apply(&one).unwrap(),
                4 => set.apply_timeout(&one, LONG).unwrap(),
                _ => at_last(|| set.apply_interruptible(&one)),
            }
            let guard = match round % 3 {
                0 => units.acquire(2).unwrap(),
                1 => units.acquire_timeout(2, LONG).unwrap(),
                _ => at_last(|| units.acquire_interruptible(2)),
            };
            assert_eq!(units.value().unwrap(), 1);
            drop(guard);
            back.add(1).unwrap();
        }
        peer.succeed();
        assert_eq!(set.values().unwrap(), [0, 0, 3]);
    });
}

/// R-SEM-05 R-SIG-16
#[test]
fn waiting_for_zero_by_every_form() {
    in_storm(|_| {
        let set = SemaphoreSet::private(&[1]).unwrap();
        let handle = *set;
        let peer = fork(move || {
            for _ in 0..ROUNDS / 4 {
                // Only when the waiter has put its unit there.
                handle.semaphore(0).subtract(1).unwrap();
            }
            0
        });
        let semaphore = set.semaphore(0);
        for round in 1..=ROUNDS / 4 {
            match round % 3 {
                0 => semaphore.wait_zero().unwrap(),
                1 => semaphore.wait_zero_timeout(LONG).unwrap(),
                _ => at_last(|| semaphore.wait_zero_interruptible()),
            }
            if round < ROUNDS / 4 {
                semaphore.add(1).unwrap();
            }
        }
        peer.succeed();
        assert_eq!(set.values().unwrap(), [0]);
    });
}

/// R-SEM-04 R-SIG-16: nothing is taken by a call that was interrupted or ran out of time.
#[test]
fn waiting_in_vain() {
    in_storm(|_| {
        let set = SemaphoreSet::private(&[1]).unwrap();
        let semaphore = set.semaphore(0);
        let two = Operations::new().subtract(0, 2);
        is_interrupted(|| semaphore.subtract_interruptible(2));
        is_interrupted(|| semaphore.acquire_interruptible(2));
        is_interrupted(|| semaphore.wait_zero_interruptible());
        is_interrupted(|| set.apply_interruptible(&two));
        times_out(|| semaphore.subtract_timeout(2, SHORT));
        times_out(|| semaphore.acquire_timeout(2, SHORT));
        times_out(|| semaphore.wait_zero_timeout(SHORT));
        times_out(|| set.apply_timeout(&two, SHORT));
        assert_eq!(set.values().unwrap(), [1]);
        assert_eq!((semaphore.waiters().unwrap(), semaphore.zero_waiters().unwrap()), (0, 0));
    });
}

/// R-SEM-13 R-SIG-16: making and opening, again and again.
#[test]
fn making_and_removing() {
    in_storm(|storm| {
        let mut round = 0_u16;
        while storm.signals() < 300 {
            round += 1;
            let set = SemaphoreSet::private(&[round, 1, 2]).unwrap();
            set.wait_initialised(LONG).unwrap();
            set.set_values(&[3, 2, round]).unwrap();
            assert_eq!(set.values().unwrap(), [3, 2, round]);
            set.remove().unwrap();
        }
    });
}
