//! `sem_parent_child`.

use crate::program::{Running, example};
use crate::support::{in_namespace, watchdog};
use ipc_safe::sysv::SemaphoreSet;
use std::process::Command;

/// R-SEM-10, R-SEM-13, R-SEM-14, R-SEM-15, R-KEY-04
#[test]
fn the_parent_goes_on_after_the_child_in_both_orders() {
    let _watchdog = watchdog();
    example("sem_parent_child");
    in_namespace(|| {
        let output = Running::example::<&str>("sem_parent_child", []).succeed();

        let expected = "parent first: the parent waits\n\
                        parent first: the child has worked\n\
                        parent first: the parent goes on\n\
                        child first: the child has worked\n\
                        child first: the child has ended\n\
                        child first: the parent goes on\n";
        assert_eq!(output, expected);
    });
}

/// R-SEM-08, R-SEM-10, R-SEM-15: with undo the signal would go when the child ends.
#[test]
fn the_signal_of_a_child_that_ended_stays() {
    let _watchdog = watchdog();
    let set = SemaphoreSet::private(&[0]).unwrap();

    let child = Running::example("sem_parent_child", ["child", "child first", &set.id().to_string()]);

    assert_eq!(child.succeed(), "child first: the child has worked\n");
    assert_eq!(set.values().unwrap(), [1]);
}

/// R-SEM-15
#[test]
fn an_argument_that_is_none_is_an_error() {
    let output = Command::new(example("sem_parent_child")).arg("nonsense").output().unwrap();

    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "sem_parent_child: usage: sem_parent_child\n");
}
