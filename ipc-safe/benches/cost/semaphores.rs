//! A semaphore posted and waited for, acquired and released. Nobody else is there: it never sleeps.

use crate::{Bar, Case};
use ipc_safe::sysv::{Owned, SemaphoreSet};
use std::rc::Rc;

const BAR: Bar = Bar::OverControl(0.03);

pub(crate) fn cases() -> Vec<Case> {
    let set = Rc::new(SemaphoreSet::private(&[0, 1]).expect("a set"));
    vec![post_and_wait(&set), acquire_and_release(&set)]
}

fn operate(id: i32, index: u16, change: i16, flags: i32) {
    let mut operation = libc::sembuf { sem_num: index, sem_op: change, sem_flg: flags as i16 };
    // SAFETY: the kernel reads one `sembuf`.
    let result = unsafe { libc::semop(id, &raw mut operation, 1) };
    assert_eq!(result, 0);
}

fn post_and_wait(set: &Rc<Owned<SemaphoreSet>>) -> Case {
    let raw = || {
        let set = Rc::clone(set);
        move || {
            operate(set.id(), 0, 1, 0);
            operate(set.id(), 0, -1, 0);
        }
    };
    let ours = {
        let set = Rc::clone(set);
        move || {
            let semaphore = set.semaphore(0);
            semaphore.add(1).unwrap();
            semaphore.subtract(1).unwrap();
        }
    };
    Case::new("add + subtract (post and wait)", BAR, raw, ours)
}

fn acquire_and_release(set: &Rc<Owned<SemaphoreSet>>) -> Case {
    let raw = || {
        let set = Rc::clone(set);
        move || {
            operate(set.id(), 1, -1, libc::SEM_UNDO);
            operate(set.id(), 1, 1, libc::SEM_UNDO);
        }
    };
    let ours = {
        let set = Rc::clone(set);
        move || drop(set.semaphore(1).acquire(1).unwrap())
    };
    Case::new("acquire + drop of the guard (with undo)", BAR, raw, ours)
}
