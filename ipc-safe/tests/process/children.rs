//! `Children`.

use crate::support::{fork, watchdog};
use crate::tools::{Gate, child, fails};
use ipc_safe::error::ErrorKind;
use ipc_safe::process::{ChildStatus, Children, Pid, getpid, release_memory};
use ipc_safe::signal::{self, HandlerOptions, Signal};
use rustix::process::{PidfdFlags, pidfd_open, setpgid};
use std::os::fd::AsFd;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(5);

/// R-SIG-13
#[test]
fn each_way_to_end_is_told() {
    let _watchdog = watchdog();
    for status in [0, 1, 7, 255] {
        let pid = child(status);
        let event = Children::pid(pid).wait().unwrap();
        assert_eq!((event.pid, event.status), (pid, ChildStatus::Exited(status)));
        // SAFETY: takes nothing and cannot fail.
        assert_eq!(event.uid, unsafe { libc::getuid() });
    }
    let gate = Gate::new();
    let killed = gate.child(0);
    signal::to_process(killed, Signal::KILL).unwrap();
    let event = Children::pid(killed).wait().unwrap();
    assert_eq!(event.status, ChildStatus::Killed { signal: libc::SIGKILL, core_dumped: false });
    assert_eq!(event.status.to_string(), "killed by signal 9");
}

/// R-SIG-12, R-SIG-13
#[test]
fn stops_and_goings_on_are_told_on_demand_only() {
    let _watchdog = watchdog();
    let gate = Gate::new();
    let pid = gate.child(3);
    let ends = Children::pid(pid);
    let all = ends.stopped(true).continued(true);

    signal::to_process(pid, Signal::STOP).unwrap();
    assert_eq!(all.keep(true).wait().unwrap().status, ChildStatus::Stopped { signal: libc::SIGSTOP });
    fails(ends.try_wait(), ErrorKind::WouldBlock);
    fails(ends.continued(true).try_wait(), ErrorKind::WouldBlock);
    assert_eq!(all.wait_timeout(LONG).unwrap().status, ChildStatus::Stopped { signal: libc::SIGSTOP });
    signal::to_process(pid, Signal::CONT).unwrap();
    assert_eq!(all.wait().unwrap().status, ChildStatus::Continued);
    gate.open();
    assert_eq!(all.wait().unwrap().status, ChildStatus::Exited(3));
}

/// R-SIG-13: `waitpid` with a pid, a group, 0 and -1, and with a descriptor.
#[test]
fn children_are_found_by_pid_group_and_descriptor() {
    let _watchdog = watchdog();
    fork(|| {
        let gate = Gate::new();
        let [leader, member, other] = [1, 2, 3].map(|status| gate.child(status));
        setpgid(Some(leader), Some(leader)).unwrap();
        setpgid(Some(member), Some(leader)).unwrap();
        let descriptor = pidfd_open(member, PidfdFlags::empty()).unwrap();
        for none in [Children::all(), Children::pid(leader), Children::group(leader), Children::own_group()] {
            fails(none.try_wait(), ErrorKind::WouldBlock);
        }
        fails(Children::pidfd(descriptor.as_fd()).try_wait(), ErrorKind::WouldBlock);
        gate.open();

        let by_descriptor = Children::pidfd(descriptor.as_fd()).wait().unwrap();
        assert_eq!((by_descriptor.pid, by_descriptor.status), (member, ChildStatus::Exited(2)));
        assert_eq!(Children::own_group().wait().unwrap().pid, other);
        assert_eq!(Children::group(leader).wait().unwrap().pid, leader);
        let text = fails(Children::group(leader).wait(), ErrorKind::NotFound);
        assert!(text.starts_with(&format!("waitid of children of group {}: ECHILD: ", leader.as_raw_nonzero())), "{text}");
        assert_eq!(
            fails(Children::all().wait(), ErrorKind::NotFound),
            "waitid of any child: ECHILD: there is no such child: it is none, somebody else waited for it, or SIGCHLD is \
             ignored; its status is lost"
        );
        0
    })
    .succeed();
}

/// R-SIG-13
#[test]
fn a_status_is_given_once_and_kept_on_demand() {
    let _watchdog = watchdog();
    let pid = child(5);
    let keep = Children::pid(pid).keep(true);
    assert_eq!(keep.wait().unwrap(), keep.wait().unwrap());
    let text = fails(keep.reap(), ErrorKind::InvalidInput);
    assert!(text.contains("without end"), "{text}");
    assert_eq!(Children::pid(pid).wait().unwrap().status, ChildStatus::Exited(5));
    fails(Children::pid(pid).try_wait(), ErrorKind::NotFound);
    fails(Children::pid(getpid()).wait(), ErrorKind::NotFound);
    fails(Children::pid(Pid::INIT).wait_timeout(LONG), ErrorKind::NotFound);
}

/// R-SIG-13: no status is no success.
#[test]
fn children_of_a_process_that_ignores_sigchld_leave_no_status() {
    let _watchdog = watchdog();
    fork(|| {
        let _ignored = Signal::CHLD.ignore().unwrap();
        let pid = child(0);
        fails(Children::pid(pid).wait(), ErrorKind::NotFound);
        0
    })
    .succeed();
}

/// R-SIG-12: twenty ends may be one signal, and are twenty statuses.
#[test]
fn reaping_takes_all_that_ended() {
    let _watchdog = watchdog();
    fork(|| {
        let signals = HandlerOptions::new().count(Signal::CHLD).unwrap();
        let gate = Gate::new();
        assert!(Children::all().reap().unwrap().is_empty());
        let mut pids: Vec<_> = (0..20).map(|status| gate.child(status)).collect();
        assert!(Children::all().reap().unwrap().is_empty());
        gate.open();
        let mut ended = Vec::new();
        while ended.len() < 20 {
            ended.push(Children::all().wait().unwrap());
            ended.extend(Children::all().reap().unwrap());
        }
        assert!((1..=20).contains(&signals.count()), "{} signals", signals.count());
        ended.sort_by_key(|event| event.pid.as_raw_nonzero());
        pids.sort_by_key(|pid| pid.as_raw_nonzero());
        assert!(ended.iter().map(|event| event.pid).eq(pids));
        let mut statuses: Vec<_> = ended.iter().map(|event| event.status).collect();
        statuses.sort_by_key(ToString::to_string);
        let mut expected: Vec<_> = (0..20).map(ChildStatus::Exited).collect();
        expected.sort_by_key(ToString::to_string);
        assert_eq!(statuses, expected);
        0
    })
    .succeed();
}

#[test]
fn the_time_runs_out_with_and_without_a_descriptor() {
    let _watchdog = watchdog();
    let gate = Gate::new();
    let pid = gate.child(0);
    fails(Children::pid(pid).wait_timeout(SHORT), ErrorKind::TimedOut);
    fails(Children::pid(pid).stopped(true).wait_timeout(SHORT), ErrorKind::TimedOut);
    gate.open();
    assert!(Children::pid(pid).wait_timeout(LONG).unwrap().status.is_success());
}

/// R-SIG-16
#[test]
fn a_handler_ends_the_interruptible_wait_only() {
    let _watchdog = watchdog();
    fork(|| {
        let signals = HandlerOptions::new().restart(false).count(Signal::USR1).unwrap();
        let gate = Gate::new();
        let pid = gate.child(0);
        let parent = getpid();
        // Sends until it is killed, so that one comes while the parent waits.
        let sender = fork(|| {
            loop {
                signal::to_process(parent, Signal::USR1).unwrap();
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        fails(Children::pid(pid).wait_interruptible(), ErrorKind::Interrupted);
        let before = signals.count();
        fails(Children::pid(pid).wait_timeout(Duration::from_millis(50)), ErrorKind::TimedOut);
        while signals.count() < before + 3 {
            fails(Children::pid(pid).wait_timeout(SHORT), ErrorKind::TimedOut);
        }
        gate.open();
        assert!(Children::pid(pid).wait().unwrap().status.is_success());
        drop(sender);
        0
    })
    .succeed();
}

#[test]
fn the_memory_of_a_process_that_is_not_ending_is_its_own() {
    let _watchdog = watchdog();
    let gate = Gate::new();
    let pid = gate.child(0);
    let descriptor = pidfd_open(pid, PidfdFlags::empty()).unwrap();
    let text = fails(release_memory(&descriptor), ErrorKind::InvalidInput);
    assert!(text.ends_with("the process is not ending: kill it first"), "{text}");
    signal::to_process(pid, Signal::KILL).unwrap();
    Children::pid(pid).keep(true).wait().unwrap();
    fails(release_memory(&descriptor), ErrorKind::NotFound);
    Children::pid(pid).wait().unwrap();
    fails(release_memory(&descriptor), ErrorKind::NotFound);
}
