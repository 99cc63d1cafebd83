//! Namespaces and processes of one's own.

use ipc_safe::error::ErrorKind;
use ipc_safe::sysv::{Key, MessageQueue};
use ipc_safe::testing::{Isolation, in_ipc_namespace, in_process, isolated};
use std::panic::{AssertUnwindSafe, catch_unwind};

const KEY: Key = Key::new(0x1901_a7e0);

#[test]
fn a_namespace_is_empty_and_goes_with_its_thread() {
    let new = || MessageQueue::options().create_new(true).open(KEY).unwrap().id();
    let both = in_ipc_namespace(new).and_then(|first| in_ipc_namespace(new).map(|second| (first, second)));
    match both {
        Ok((first, second)) => assert_eq!(first, second, "ids begin anew, and nobody has the key"),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::PermissionDenied);
            println!("skipped: {error}");
        }
    }
    assert_eq!(MessageQueue::open(KEY).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn an_isolated_body_runs_alone_or_says_why_not() {
    let isolation = isolated(|| {
        assert_eq!(MessageQueue::list().unwrap(), []);
        std::fs::write("/proc/sys/kernel/msgmni", "1").unwrap();
        let _first = MessageQueue::private().unwrap();
        assert_eq!(MessageQueue::private().unwrap_err().kind(), ErrorKind::LimitReached);
    });
    println!("{isolation}");
    assert!(isolation.ran() || matches!(isolation, Isolation::Skipped { .. }));
}

/// Within a process of its own, an isolated body still gets a namespace.
#[test]
fn a_process_and_a_namespace() {
    in_process(|| {
        let isolation = isolated(|| assert_eq!(MessageQueue::list().unwrap(), []));
        println!("{isolation}");
    });
}

#[test]
fn what_an_isolated_body_leaves_fails_the_test() {
    let failed = catch_unwind(AssertUnwindSafe(|| {
        isolated(|| {
            MessageQueue::options().create_new(true).open(KEY).unwrap();
        })
    }));
    match failed {
        Ok(isolation) => assert!(!isolation.ran(), "{isolation}"),
        Err(panic) => {
            let text = panic.downcast::<String>().unwrap();
            assert!(text.contains("left in the namespace:\nnew      queue 0: key 0x1901a7e0"), "{text}");
            if std::env::var_os("IPC_SAFE_TESTING_INSIDE").is_some() {
                std::panic::resume_unwind(text); // for the process outside to see
            }
        }
    }
}

#[test]
fn a_process_of_its_own_is_another_one() {
    let outside = std::process::id();
    in_process(|| {
        assert_ne!(std::env::var("IPC_SAFE_TESTING_INSIDE").unwrap(), "");
        std::fs::write(std::env::temp_dir().join(format!("ipc-safe-testing-{}", parent())), "x").unwrap();
    });
    if std::env::var_os("IPC_SAFE_TESTING_INSIDE").is_none() {
        std::fs::remove_file(std::env::temp_dir().join(format!("ipc-safe-testing-{outside}"))).unwrap();
    }
}

fn parent() -> u32 {
    std::os::unix::process::parent_id()
}

#[test]
fn a_failure_in_the_other_process_is_told_with_its_words() {
    let failed = catch_unwind(|| in_process(|| panic!("words of the inside")));
    let panic = failed.unwrap_err();
    if let Some(text) = panic.downcast_ref::<String>() {
        assert!(text.contains("words of the inside") && text.contains("failed in a process of its own"), "{text}");
    } else {
        std::panic::resume_unwind(panic); // this is the other process
    }
}

/// A thread that is no test has no name by which it could be run again: nothing runs, and nobody believes that it did.
#[test]
fn a_thread_without_a_test_is_refused() {
    let unknown = std::thread::Builder::new().name("no such test".into()).spawn(|| in_process(|| ())).unwrap();
    let text = unknown.join().unwrap_err().downcast::<String>().unwrap();
    assert!(text.contains("no test no such test ran in a process of its own"), "{text}");
    let unnamed = std::thread::spawn(|| in_process(|| ())).join().unwrap_err().downcast::<String>().unwrap();
    assert!(unnamed.starts_with("not in a process of its own: the thread has no name"), "{unnamed}");
}
