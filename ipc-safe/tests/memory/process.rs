//! Advice about the memory of another process.

use crate::child::Child;
use crate::tools::{become_nobody, fails, isolated, page, says};
use ipc_safe::error::ErrorKind::{InvalidInput, Other, OutOfMemory, PermissionDenied};
use ipc_safe::memory::{PrivateMemory, RemoteAdvice, advise_process};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::os::fd::OwnedFd;

fn pidfd(pid: i32) -> OwnedFd {
    pidfd_open(Pid::from_raw(pid).unwrap(), PidfdFlags::empty()).unwrap()
}

#[test]
fn another_process_is_advised_at_its_addresses() {
    isolated(|| {
        let memory = PrivateMemory::new(4 * page()).unwrap();
        let mut child = Child::start(|_| {
            let start = memory.as_ptr();
            // SAFETY: memory of this process's own, that nobody else has.
            let bytes = unsafe { std::slice::from_raw_parts(start, memory.len()) };
            format!("{}", bytes.iter().all(|&byte| byte == 0))
        });
        let (process, start) = (pidfd(child.pid()), memory.as_ptr().addr());
        let ranges = [start..start + page(), start + 2 * page()..start + 4 * page()];
        for advice in [RemoteAdvice::Cold, RemoteAdvice::PageOut, RemoteAdvice::WillNeed] {
            match advise_process(&process, &ranges, advice) {
                Ok(advised) => assert_eq!(advised, 3 * page()),
                // Without swap, or the right to trace: the kernel says which.
                Err(error) => assert!(matches!(error.kind(), PermissionDenied | InvalidInput | Other), "{error}"),
            }
        }
        assert_eq!(child.ask("look"), "true");
        child.exit();
    });
}

#[test]
fn ranges_of_another_process_are_checked() {
    isolated(|| {
        let memory = PrivateMemory::new(2 * page()).unwrap();
        let (own, start) = (pidfd(std::process::id().cast_signed()), memory.as_ptr().addr());
        let advise =
            |from: usize, to: usize| advise_process(&own, std::slice::from_ref(&(from..to)), RemoteAdvice::Cold);
        if let Err(error) = advise(start, start + page()) {
            assert_eq!(error.kind(), PermissionDenied, "{error}");
            return crate::support::say("skipped: no right to advise");
        }
        fails(advise(start + 1, start + page()), InvalidInput, libc::EINVAL);
        drop(memory);
        fails(advise(start, start + page()), OutOfMemory, libc::ENOMEM);
        assert_eq!(advise_process(&own, &[], RemoteAdvice::Cold).unwrap(), 0);
    });
}

#[test]
fn a_process_of_another_user_may_not_be_advised() {
    isolated(|| {
        let process = pidfd(std::process::id().cast_signed());
        // SAFETY: takes no argument and cannot fail.
        if unsafe { libc::geteuid() } != 0 {
            return crate::support::say("skipped: only root can become another user");
        }
        let memory = PrivateMemory::new(page()).unwrap();
        let range = memory.as_ptr().addr()..memory.as_ptr().addr() + page();
        crate::tools::in_child(|| {
            become_nobody();
            says(
                advise_process(&process, std::slice::from_ref(&range), RemoteAdvice::Cold),
                "process_madvise: EACCES: it takes the right to trace the process, and CAP_SYS_NICE",
            );
        });
    });
}
