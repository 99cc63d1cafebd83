//! What hangs is named.

use ipc_safe::sysv::SemaphoreSet;
use ipc_safe::testing::{LeakGuard, Resources, Snapshot, Watchdog, in_process};
use std::sync::mpsc::channel;
use std::time::Duration;

#[test]
fn one_that_is_dropped_in_time_says_nothing_and_leaves_nothing() {
    crate::alone(|| {
        drop(Watchdog::new(Duration::from_secs(1000)));
        let guard = LeakGuard::of(Snapshot::options().only(Resources::ALL)).unwrap();
        for _ in 0..20 {
            drop(Watchdog::new(Duration::from_secs(1000)));
        }
        drop(guard);
    });
}

/// Name, threads, the call that they wait in, and children.
#[test]
fn a_hang_says_who_waits_in_what() {
    let set = SemaphoreSet::private(&[0]).unwrap();
    let semaphore = set.semaphore(0);
    let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
    std::thread::scope(|scope| {
        let waiter = std::thread::Builder::new().name("the waiter".into());
        waiter.spawn_scoped(scope, || semaphore.subtract(1).unwrap()).unwrap();
        crate::until("it waits", || semaphore.waiters().unwrap() == 1);
        let (tell, told) = channel();
        let watchdog = Watchdog::calling("all of it", Duration::from_millis(1), move |hang| tell.send(hang).unwrap());
        let hang = told.recv().unwrap();
        drop(watchdog);
        semaphore.add(1).unwrap();
        let text = hang.to_string();
        assert_eq!(hang.name(), "all of it");
        assert!(text.starts_with("all of it hangs: not done after 1ms\n"), "{text}");
        let waiting = hang.lines().iter().find(|line| line.contains("(the waiter)")).unwrap();
        if std::fs::read("/proc/thread-self/syscall").is_ok() {
            assert!(waiting.ends_with(": sleeping in semtimedop"), "{waiting}");
        } else {
            assert!(waiting.ends_with(": sleeping"), "{waiting}");
        }
        assert!(text.contains(&format!("child {} (sleep)", child.id())), "{text}");
    });
    child.kill().unwrap();
    child.wait().unwrap();
}

/// The process ends, its name is told, and its children end with it.
#[test]
fn a_process_that_hangs_is_ended() {
    let failed = std::panic::catch_unwind(|| {
        in_process(|| {
            let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
            eprintln!("child={}.", child.id());
            let _watchdog = Watchdog::named("the test that waits", Duration::from_millis(50));
            child.wait().unwrap();
            std::thread::sleep(Duration::from_secs(1000)); // the child is killed before the process ends itself
        });
    });
    let text = failed.unwrap_err().downcast::<String>().unwrap();
    assert!(text.contains("the test that waits hangs: not done after 50ms"), "{text}");
    assert!(text.contains("signal: 6"), "aborted: {text}");
    let child = text.split("child=").nth(1).unwrap().split('.').next().unwrap();
    crate::until("the child is gone", || !is_sleep(child));
}

/// Told to this test by the one below: to hang.
const HANG: &str = "IPC_SAFE_TEST_HANG";

#[test]
fn hangs_when_it_is_told_to() {
    if std::env::var_os(HANG).is_some() {
        let _watchdog = Watchdog::new(Duration::from_millis(50));
        std::thread::sleep(Duration::from_secs(1000));
    }
}

/// The harness keeps what a test prints, and what the threads print that it made, and loses it when the process ends.
#[test]
fn a_test_that_hangs_is_named_though_the_harness_keeps_what_it_prints() {
    let program = std::env::current_exe().unwrap();
    let mut command = std::process::Command::new(program);
    let output = command.args(["--exact", "watchdog::hangs_when_it_is_told_to"]).env(HANG, "1").output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(errors.contains("watchdog::hangs_when_it_is_told_to hangs: not done after 50ms\n"), "{errors}");
}

fn is_sleep(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains("(sleep) S"))
}
