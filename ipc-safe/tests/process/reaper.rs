//! `Reaper`.

use crate::support::{eventually, fork, watchdog};
use crate::tools::{Gate, child, descriptors, fails, unowned};
use ipc_safe::error::ErrorKind;
use ipc_safe::process::{ChildStatus, Children, Pid, getpid};
use ipc_safe::signal::{self, Disposition, Reaper, Signal, SignalSet};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(5);

fn collect(reaper: Reaper) -> BTreeMap<i32, ChildStatus> {
    reaper.map(Result::unwrap).map(|event| (event.pid.as_raw_nonzero().get(), event.status)).collect()
}

fn limit_descriptors(most: u64) {
    let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
    // SAFETY: reads one `rlimit`.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
}

/// R-SIG-12
#[test]
fn a_thousand_children_that_end_at_once_are_all_reaped() {
    let _watchdog = watchdog();
    fork(|| {
        let gate = Gate::new();
        let mut reaper = Reaper::new().unwrap();
        let mut expected = BTreeMap::new();
        for number in 0..1000 {
            let pid = gate.child(number % 256);
            reaper.add(pid).unwrap();
            expected.insert(pid.as_raw_nonzero().get(), ChildStatus::Exited(number % 256));
        }
        assert_eq!(reaper.len(), 1000);
        gate.open();
        assert_eq!(collect(reaper), expected);
        fails(Children::all().try_wait(), ErrorKind::NotFound);
        0
    })
    .succeed();
}

/// R-SIG-12: beyond the limit of descriptors `SIGCHLD` tells, also when it is blocked.
#[test]
fn children_without_a_descriptor_are_reaped_too() {
    let _watchdog = watchdog();
    for blocked in [false, true] {
        fork(|| {
            let _blocked = blocked.then(|| SignalSet::from(Signal::CHLD).block().unwrap());
            let gate = Gate::new();
            let before = Signal::CHLD.disposition().unwrap();
            let mut reaper = Reaper::with_stops().unwrap();
            limit_descriptors(descriptors() as u64 + 3);
            let pids: Vec<_> = (0..40).map(|status| gate.child(status)).collect();
            pids.iter().for_each(|&pid| reaper.add(pid).unwrap());
            assert!(matches!(Signal::CHLD.disposition().unwrap(), Disposition::Handler { .. }));
            gate.open();
            assert_eq!(collect(reaper).len(), 40);
            assert_eq!(Signal::CHLD.disposition().unwrap(), before);
            0
        })
        .succeed();
    }
}

#[test]
fn without_any_descriptor_there_is_an_error_and_nothing_is_left() {
    let _watchdog = watchdog();
    fork(|| {
        let gate = Gate::new();
        let pid = gate.child(0);
        let mut reaper = Reaper::new().unwrap();
        let mut files = Vec::new();
        limit_descriptors(64);
        while let Ok(file) = std::fs::File::open("/dev/null") {
            files.push(file);
        }
        fails(reaper.add(pid), ErrorKind::LimitReached);
        fails(Reaper::new(), ErrorKind::LimitReached);
        assert!(reaper.is_empty());
        assert_eq!(Signal::CHLD.disposition().unwrap(), Disposition::Default);
        files.pop();
        reaper.add(pid).unwrap();
        drop(files);
        gate.open();
        assert!(reaper.wait().unwrap().unwrap().status.is_success());
        0
    })
    .succeed();
}

/// R-SIG-12
#[test]
fn stops_and_goings_on_are_events() {
    let _watchdog = watchdog();
    fork(|| {
        let gate = Gate::new();
        let pid = gate.child(0);
        let mut reaper = Reaper::with_stops().unwrap();
        reaper.add(pid).unwrap();
        fails(reaper.try_wait(), ErrorKind::WouldBlock);
        fails(reaper.wait_timeout(SHORT), ErrorKind::TimedOut);
        let mut next = || reaper.wait().unwrap().map(|event| event.status);

        signal::to_process(pid, Signal::STOP).unwrap();
        assert_eq!(next(), Some(ChildStatus::Stopped { signal: libc::SIGSTOP }));
        signal::to_process(pid, Signal::CONT).unwrap();
        assert_eq!(next(), Some(ChildStatus::Continued));
        gate.open();
        assert_eq!(next(), Some(ChildStatus::Exited(0)));
        assert_eq!(next(), None);
        0
    })
    .succeed();
}

#[test]
fn children_of_others_keep_their_statuses() {
    let _watchdog = watchdog();
    let gate = Gate::new();
    let mut reaper = Reaper::new().unwrap();
    reaper.add(gate.child(1)).unwrap();
    let given_up = gate.child(2);
    reaper.add(given_up).unwrap();
    let mut other = std::process::Command::new("sh").args(["-c", "exit 4"]).spawn().unwrap();
    assert!(reaper.remove(given_up));
    assert!(!reaper.remove(given_up));
    assert_eq!(reaper.children().count(), 1);
    gate.open();

    assert_eq!(reaper.wait_timeout(LONG).unwrap().unwrap().status, ChildStatus::Exited(1));
    assert_eq!(reaper.wait().unwrap(), None);
    assert_eq!(other.wait().unwrap().code(), Some(4));
    assert_eq!(Children::pid(given_up).wait().unwrap().status, ChildStatus::Exited(2));
}

#[test]
fn a_child_that_ended_before_it_was_added_is_told() {
    let _watchdog = watchdog();
    let pid = child(9);
    Children::pid(pid).keep(true).wait().unwrap();
    let mut reaper = Reaper::new().unwrap();
    reaper.add(pid).unwrap();
    assert_eq!(reaper.try_wait().unwrap().unwrap().status, ChildStatus::Exited(9));
}

#[test]
fn what_is_no_child_or_there_already_is_refused() {
    let _watchdog = watchdog();
    let gate = Gate::new();
    let pid = gate.child(0);
    let mut reaper = Reaper::new().unwrap();
    fails(reaper.add(Pid::INIT), ErrorKind::NotFound);
    fails(reaper.add(getpid()), ErrorKind::NotFound);
    reaper.add(pid).unwrap();
    let text = fails(reaper.add(pid), ErrorKind::AlreadyExists);
    assert!(text.ends_with("the reaper has this child already"), "{text}");
    gate.open();
    assert!(reaper.wait().unwrap().unwrap().status.is_success());
}

#[test]
fn a_status_that_somebody_else_took_is_an_error_and_the_others_come() {
    let _watchdog = watchdog();
    let gate = Gate::new();
    let [taken, kept] = [1, 2].map(|status| gate.child(status));
    let mut reaper = Reaper::new().unwrap();
    reaper.add(taken).unwrap();
    reaper.add(kept).unwrap();
    gate.open();
    Children::pid(taken).wait().unwrap();
    let mut events: Vec<_> = reaper.by_ref().collect();
    events.sort_by_key(Result::is_ok);
    assert_eq!(events.len(), 2);
    assert_eq!(events[0].as_ref().unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(events[1].as_ref().unwrap().status, ChildStatus::Exited(2));
}

/// A forked process has copies of the descriptors: an end that was told stays told.
#[test]
fn a_forked_process_neither_reaps_nor_disturbs() {
    let _watchdog = watchdog();
    let gate = Gate::new();
    let mut reaper = Reaper::new().unwrap();
    reaper.add(gate.child(1)).unwrap();
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    let copy = unowned(fork(|| {
        fails(reaper.try_wait(), ErrorKind::InvalidInput);
        fails(reaper.add(getpid()), ErrorKind::InvalidInput);
        writer.write_all(b"x").unwrap();
        // Until the parent has seen all.
        loop {
            std::thread::sleep(Duration::from_secs(1));
        }
    }));
    reader.read_exact(&mut [0]).unwrap();
    reaper.add(copy).unwrap();
    gate.open();
    assert_eq!(reaper.wait().unwrap().unwrap().status, ChildStatus::Exited(1));
    fails(reaper.wait_timeout(SHORT), ErrorKind::TimedOut);
    signal::to_process(copy, Signal::KILL).unwrap();
    assert!(matches!(reaper.wait().unwrap().unwrap().status, ChildStatus::Killed { signal: libc::SIGKILL, .. }));
    assert!(reaper.is_empty());
}

#[test]
fn a_reaper_leaves_no_descriptor_behind() {
    let _watchdog = watchdog();
    fork(|| {
        let before = descriptors();
        let gate = Gate::new();
        let mut reaper = Reaper::with_stops().unwrap();
        let pids = [0, 0, 0].map(|status| gate.child(status));
        pids.iter().for_each(|&pid| reaper.add(pid).unwrap());
        drop(reaper);
        gate.open();
        eventually("the descriptors are closed", || descriptors() == before);
        pids.iter().for_each(|&pid| assert!(Children::pid(pid).wait().unwrap().status.is_success()));
        0
    })
    .succeed();
}
