//! Programs that are executed while timers run.

use crate::support::fork;
use crate::tools::{CLOCKS, alone, assert_near, hours, posix_timers, set_by_others};
use ipc_safe::timer::{Clock, IntervalTimer, Notification, PosixTimer, Schedule};
use std::os::unix::process::CommandExt;
use std::process::Command;

const EXECUTED: &str = "IPC_SAFE_TEST_EXECUTED";

/// Executes this test program in the calling process, with this test only.
fn execute_again(name: &str) -> ! {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name]).env(EXECUTED, "1").stdout(std::process::Stdio::null());
    panic!("{}", command.exec());
}

/// R-SIG-05, R-SIG-06
#[test]
fn interval_timers_are_kept_and_posix_timers_are_not() {
    let schedule = Schedule::first_then(hours(3), hours(4));
    if std::env::var_os(EXECUTED).is_some() {
        for clock in CLOCKS {
            assert_near(clock.remaining().unwrap(), Some(schedule));
            set_by_others(clock, None);
        }
        assert_eq!(posix_timers(), 0);
        return;
    }
    alone(|| {
        fork(|| {
            let _timers = CLOCKS.map(|clock| IntervalTimer::start(clock, schedule).unwrap());
            let posix = PosixTimer::new(Clock::Monotonic, Notification::None).unwrap();
            posix.set(schedule).unwrap();
            execute_again("execute::interval_timers_are_kept_and_posix_timers_are_not")
        })
        .succeed();
    });
}

/// R-SIG-05: which is a fork before it executes.
#[test]
fn a_program_that_is_started_has_none() {
    if std::env::var_os(EXECUTED).is_some() {
        return crate::tools::assert_nothing_runs();
    }
    alone(|| {
        let _timers = CLOCKS.map(|clock| IntervalTimer::start(clock, Schedule::once(hours(1))).unwrap());
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "execute::a_program_that_is_started_has_none"])
            .env(EXECUTED, "1")
            .stdout(std::process::Stdio::null())
            .status();
        assert!(status.unwrap().success());
    });
}
