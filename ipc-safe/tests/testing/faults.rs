//! Faults fire when and where they were asked to, and only there.

use ipc_safe::error::{Errno, ErrorKind};
use ipc_safe::sysv::{MessageQueue, MessageType, Segment, Selector, SemaphoreSet};
use ipc_safe::testing::{Answer, Faults, LeakGuard, Occurrence, Resources, Snapshot, SystemCall};
use ipc_safe::testing::{intercept, refuse};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;

const GETPPID: &str = "getppid";

/// Which of ten calls failed.
fn failing(occurrence: Occurrence) -> Vec<u32> {
    let faults = Faults::new().fail(GETPPID, Errno::NOMEM, occurrence).unwrap();
    let injected = faults.run(|| (1..=10).filter(|_| getppid() == -1).collect::<Vec<u32>>()).unwrap();
    assert_eq!(injected.seen(), 10);
    let failed: Vec<u32> = injected.value().clone();
    assert_eq!(injected.fired() as usize, failed.len());
    failed
}

/// A call that does nothing else. -1 when it failed.
fn getppid() -> i64 {
    // SAFETY: takes no argument.
    unsafe { libc::syscall(libc::SYS_getppid) }
}

#[test]
fn occurrences_are_counted_from_one() {
    assert_eq!(failing(Occurrence::Every), (1..=10).collect::<Vec<_>>());
    assert_eq!(failing(Occurrence::Nth(1)), [1]);
    assert_eq!(failing(Occurrence::Nth(7)), [7]);
    assert_eq!(failing(Occurrence::From(9)), [9, 10]);
    assert_eq!(failing(Occurrence::First(2)), [1, 2]);
    assert_eq!(failing(Occurrence::EveryNth(4)), [4, 8]);
    assert_eq!(failing(Occurrence::EveryNth(0)), []);
}

#[test]
fn the_error_number_is_the_one_asked_for() {
    for errno in [Errno::INTR, Errno::NOSYS, Errno::from_raw(4095)] {
        let faults = Faults::new().fail(GETPPID, errno, Occurrence::Every).unwrap();
        let told = faults.run(|| (getppid(), std::io::Error::last_os_error().raw_os_error())).unwrap();
        assert_eq!(told.into_value(), (-1, Some(errno.as_raw())));
    }
}

#[test]
fn a_fault_that_does_not_fire_is_told() {
    let faults = Faults::new().fail(GETPPID, Errno::PERM, Occurrence::Nth(3)).unwrap();
    let injected = faults.run(|| getppid() + getppid()).unwrap();
    assert_eq!((injected.seen(), injected.fired(), injected.fired_by(0), injected.fired_by(1)), (2, 0, 0, 0));
    assert!(!injected.clone().into_parts().1);
    let panic = catch_unwind(AssertUnwindSafe(|| injected.into_value())).unwrap_err();
    assert_eq!(*panic.downcast::<String>().unwrap(), "never fired: getppid: EPERM for call 3; calls seen: 2");
}

#[test]
fn several_faults_count_on_their_own() {
    let queue = MessageQueue::private().unwrap();
    let faults = Faults::new()
        .fail("msgsnd", Errno::NOMEM, Occurrence::Nth(1))
        .and_then(|faults| faults.fail("msgrcv", Errno::ACCES, Occurrence::Nth(2)))
        .unwrap();
    let injected = faults
        .run(|| {
            let send = || queue.send(MessageType::MIN, "x").map_err(|error| error.kind());
            let receive = || queue.receive(Selector::First, &mut Vec::new()).map(|_| ()).map_err(|error| error.kind());
            [send(), send(), send(), receive(), receive(), receive()]
        })
        .unwrap();
    assert_eq!((injected.fired_by(0), injected.fired_by(1)), (1, 1));
    let (memory, denied) = (Err(ErrorKind::OutOfMemory), Err(ErrorKind::PermissionDenied));
    assert_eq!(injected.into_value(), [memory, Ok(()), Ok(()), Ok(()), denied, Ok(())]);
}

/// glibc makes `semop` by another call; who filters the one of its name filters nothing.
#[test]
fn a_c_name_stands_for_the_calls_behind_it() {
    let set = SemaphoreSet::private(&[1]).unwrap();
    let faults = Faults::new().fail("semop", Errno::RANGE, Occurrence::Every).unwrap();
    let error = faults.run(|| set.semaphore(0).subtract(1).unwrap_err()).unwrap().into_value();
    assert_eq!(error.raw_os_error(), Some(libc::ERANGE));

    for (name, make) in [
        ("pipe", (|| std::io::pipe().is_err()) as fn() -> bool),
        ("open", || std::fs::File::open("/dev/null").is_err()),
        ("raise", || ipc_safe::signal::raise(ipc_safe::signal::Signal::CHLD).is_err()),
        ("shmget", || Segment::private(1).is_err()),
        ("stat", || std::fs::metadata("/").is_err()),
    ] {
        let faults = Faults::new().fail(name, Errno::NOMEM, Occurrence::Every).unwrap();
        assert!(faults.run(make).unwrap().into_value(), "{name}");
    }
}

#[test]
fn a_condition_picks_calls_by_their_arguments() {
    let queue = MessageQueue::private().unwrap();
    let is_removal = |call: &ipc_safe::testing::Call| call.integer(1) & 0xff == ipc_safe::sys::ipc::IPC_RMID;
    let faults = Faults::new().fail_if("msgctl", Errno::PERM, Occurrence::Every, is_removal).unwrap();
    let injected = faults.run(|| (queue.status().is_ok(), MessageQueue::remove(&queue).is_err())).unwrap();
    assert_eq!((injected.seen(), injected.fired()), (1, 1));
    assert_eq!(injected.into_value(), (true, true));
    queue.remove().unwrap();
}

#[test]
fn faults_are_over_with_the_body() {
    let faults = Faults::new().fail(GETPPID, Errno::PERM, Occurrence::Every).unwrap();
    assert_eq!(faults.run(getppid).unwrap().into_value(), -1);
    assert_ne!(getppid(), -1);
    // What the thread does on its way out is not the body's: std gives back the stack of its signal handler.
    let faults = Faults::new().fail("munmap", Errno::NOMEM, Occurrence::Every).unwrap();
    assert_eq!(faults.run(|| ()).unwrap().seen(), 0);
}

#[test]
fn children_inherit_faults() {
    let faults = Faults::new().fail("read", Errno::from_raw(libc::EIO), Occurrence::Every).unwrap();
    let cat = || Command::new("cat").arg("/dev/null").output().map(|output| output.status.success());
    let injected = faults.clone().only_others(true).run(cat).unwrap();
    assert!(!injected.into_value().unwrap(), "the child fails");
    let own = faults.run(|| std::fs::read("/dev/null").is_err()).unwrap();
    assert!(own.into_value(), "the body fails");
}

#[test]
fn nonsense_is_refused() {
    for errno in [0, -1, 4096, i32::MIN] {
        let error = Faults::new().fail("read", Errno::from_raw(errno), Occurrence::Every).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(refuse(&[], Errno::from_raw(errno), || ()).is_err());
    }
    let error = Faults::new().fail("semopp", Errno::PERM, Occurrence::Every).unwrap_err();
    assert_eq!(error.to_string(), "seccomp of \"semopp\": there is no system call of this name");
}

#[test]
fn a_panic_of_the_body_comes_out() {
    let faults = Faults::new().fail(GETPPID, Errno::PERM, Occurrence::Every).unwrap();
    let panic = catch_unwind(AssertUnwindSafe(|| faults.run(|| panic!("in the body {}", getppid())))).unwrap_err();
    assert_eq!(*panic.downcast::<String>().unwrap(), "in the body -1");
}

#[test]
fn refused_calls_fail_without_a_supervisor_also_within_one() {
    let calls = SystemCall::behind(GETPPID).unwrap();
    assert_eq!(refuse(&calls, Errno::PERM, getppid).unwrap(), -1);
    assert_ne!(getppid(), -1);
    let counted = Faults::new().fail("getsid", Errno::PERM, Occurrence::Every).unwrap();
    let both = counted.run(|| refuse(&SystemCall::behind("getppid").unwrap(), Errno::PERM, getppid).unwrap()).unwrap();
    assert_eq!(*both.value(), -1);
    let within = counted.run(|| counted.run(|| ()).unwrap_err()).unwrap();
    assert_eq!(within.value().raw_os_error(), Some(libc::EBUSY));
}

#[test]
fn an_interception_sees_arguments_and_who_calls() {
    let mut seen = Vec::new();
    let calls = SystemCall::behind("getsid").unwrap();
    // SAFETY: takes a number.
    let getsid = |process| unsafe { libc::getsid(process) };
    let outcome = intercept(
        &calls,
        |call| {
            seen.push((call.call(), call.integer(0), call.is_by_body(), call.thread().is_some()));
            Answer::Proceed
        },
        || {
            let inner = std::thread::scope(|scope| scope.spawn(|| getsid(-5)).join().unwrap());
            (inner, getsid(0))
        },
    );
    assert_eq!(outcome.unwrap().0, -1);
    assert_eq!(seen, [(calls[0], -5, false, true), (calls[0], 0, true, true)]);
}

#[test]
fn a_panic_of_the_answer_lets_the_body_end() {
    let calls = SystemCall::behind(GETPPID).unwrap();
    let panic = catch_unwind(|| intercept(&calls, |_| panic!("no answer"), getppid)).unwrap_err();
    assert_eq!(*panic.downcast::<&str>().unwrap(), "no answer");
}

/// Threads that the body leaves behind do not keep anybody waiting for ever.
#[test]
fn what_outlives_the_body_is_let_go() {
    let (end, wait) = std::sync::mpsc::channel::<()>();
    let faults = Faults::new().fail("getsid", Errno::PERM, Occurrence::Every).unwrap();
    let left = faults.run(|| std::thread::spawn(move || wait.recv())).unwrap().into_parts().0;
    drop(end);
    left.join().unwrap().unwrap_err();
}

/// Thread, filter and listener are gone when it returns.
#[test]
fn injection_leaves_nothing() {
    crate::alone(|| {
        let faults = Faults::new().fail(GETPPID, Errno::PERM, Occurrence::Every).unwrap();
        faults.run(getppid).unwrap().into_value();
        let guard = LeakGuard::of(Snapshot::options().only(Resources::ALL)).unwrap();
        for _ in 0..50 {
            faults.run(getppid).unwrap().into_value();
            refuse(&[], Errno::PERM, || ()).unwrap();
        }
        drop(guard);
    });
}

#[test]
fn names_and_numbers_of_calls_agree() {
    let read = SystemCall::named("read").unwrap();
    assert_eq!(i64::from(read.as_raw()), libc::SYS_read);
    assert_eq!((read.name(), read.to_string().as_str()), (Some("read"), "read"));
    assert_eq!(SystemCall::from_raw(100_000).to_string(), "system call 100000");
    assert_eq!(SystemCall::named("nonsense"), None);
    // Each name that stands for others does on this machine, too.
    for name in ["semop", "pipe", "mkfifo", "ftok", "raise", "sigqueue", "fork", "popen", "pclose", "mq_send", "alarm"]
    {
        assert!(!SystemCall::behind(name).unwrap().is_empty(), "{name}");
    }
}
