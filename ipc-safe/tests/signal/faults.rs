//! Calls that fail where they are not expected to: a filter refuses them.

use crate::alone::{alone, state};
use crate::filter::{self, Action};
use crate::mask::block;
use crate::tools::{blocked, fails};
use ipc_safe::error::ErrorKind;
use ipc_safe::process::getpid;
use ipc_safe::signal::{self, CommandMask, Signal, SignalSet};
use libc::EPERM;
use std::process::Command;

const USR1: fn() -> SignalSet = || Signal::USR1.into();

/// A guard that cannot be made leaves nothing; a guard that cannot be undone says so when asked, and is silent when dropped.
///
/// R-SIG-17
#[test]
fn a_refused_mask_is_an_error_and_changes_nothing() {
    alone(|| {
        let (dropped, restored) = (block(Signal::HUP.into()), block(Signal::INT.into()));
        let before = blocked();
        filter::install(&[libc::SYS_rt_sigprocmask], Action::Fail(EPERM));
        let mut ran = false;
        let results = [
            USR1().block().map(drop),
            USR1().unblocked(|| ran = true),
            restored.restore(),
            signal::blocked().map(drop),
            Command::new("true").original_mask().map(drop),
        ];
        for result in results {
            let error = fails(result, ErrorKind::PermissionDenied, EPERM);
            assert_eq!(error.to_string(), "pthread_sigmask: EPERM: permission denied");
        }
        assert!(!ran, "the body did not run");
        fails(USR1().as_mask(|| ran = true), ErrorKind::PermissionDenied, EPERM);
        assert!(!ran);
        drop(dropped);
        assert_eq!(blocked(), before);
        let started = signal::spawn(std::thread::Builder::new(), USR1(), || ());
        assert_eq!(started.expect_err("refused").raw_os_error(), Some(EPERM));
        // The filter stays, and with it what is blocked.
        // SAFETY: ends this process, which is the test's own.
        unsafe { libc::_exit(0) };
    });
}

/// R-SIG-10
#[test]
fn refused_waits_are_errors() {
    alone(|| {
        let guard = block(USR1());
        signal::raise(Signal::USR1).expect("sent");
        let signals = guard.descriptor().expect("a descriptor");
        let before = state();
        let calls = [libc::SYS_rt_sigtimedwait, libc::SYS_rt_sigpending, libc::SYS_signalfd4, libc::SYS_ppoll];
        filter::install(&calls, Action::Fail(libc::ENOSYS));
        fails(guard.wait(), ErrorKind::Unsupported, libc::ENOSYS);
        fails(guard.try_wait(), ErrorKind::Unsupported, libc::ENOSYS);
        fails(signal::pending(), ErrorKind::Unsupported, libc::ENOSYS);
        fails(guard.descriptor(), ErrorKind::Unsupported, libc::ENOSYS);
        assert_eq!(state(), before, "nothing is left, nothing is taken");
        assert_eq!(signals.read().expect("a signal").signal, Signal::USR1);
        fails(signals.read(), ErrorKind::Unsupported, libc::ENOSYS);
    });
}

/// R-SIG-01
#[test]
fn refused_sends_are_errors() {
    alone(|| {
        let calls = [libc::SYS_kill, libc::SYS_tgkill, libc::SYS_rt_sigqueueinfo, libc::SYS_pidfd_send_signal];
        filter::install(&calls, Action::Fail(libc::ENOSYS));
        let own = getpid();
        let results = [
            signal::to_process(own, Signal::USR1),
            signal::to_group(own, Signal::USR1),
            signal::to_own_group(Signal::USR1),
            signal::to_everyone(Signal::USR1),
            signal::to_thread(own, own, Signal::USR1),
            signal::to_pidfd(std::io::stderr(), Signal::USR1),
            signal::raise(Signal::USR1),
            signal::queue(own, Signal::USR1, 1),
            signal::check(own),
        ];
        for result in results {
            fails(result, ErrorKind::Unsupported, libc::ENOSYS);
        }
        // The filter stays: whoever ends this process by a signal is its parent.
    });
}
