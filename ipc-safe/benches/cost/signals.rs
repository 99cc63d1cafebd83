//! Signals blocked and unblocked, sent and taken, by waiting and from a descriptor. Sent to the thread itself: it never sleeps.
//!
//! The C program does the same with the same calls. Where the crate goes past the C library (`rt_sigtimedwait`), so does it.

use crate::{Bar, Case};
use ipc_safe::signal::{MaskGuard, Signal, SignalSet, to_process};
use libc::{sigset_t, ssize_t};
use std::rc::Rc;

const BAR: Bar = Bar::OverControl(0.03);

pub(crate) fn cases() -> Vec<Case> {
    let guard = Rc::new(SignalSet::from(Signal::USR1).block().expect("a guard"));
    vec![block_and_restore(), send_and_wait(&guard), send_and_read(guard)]
}

fn set(signal: i32) -> sigset_t {
    // SAFETY: an all-zero set is one; the calls write it.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, signal);
        set
    }
}

fn block_and_restore() -> Case {
    let raw = || {
        || {
            let set = set(libc::SIGUSR2);
            // SAFETY: reads a set and writes one.
            unsafe {
                let mut before = std::mem::zeroed();
                assert_eq!(libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, &raw mut before), 0);
                assert_eq!(libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut()), 0);
            }
        }
    };
    let ours = || drop(SignalSet::from(Signal::USR2).block().unwrap());
    Case::new("block + drop of the guard", BAR, raw, ours)
}

fn send() {
    // SAFETY: takes two integers; the signal is blocked.
    assert_eq!(unsafe { libc::kill(libc::getpid(), libc::SIGUSR1) }, 0);
}

fn send_and_wait(guard: &Rc<MaskGuard>) -> Case {
    let raw = || {
        let set = set(libc::SIGUSR1);
        move || {
            send();
            // SAFETY: reads the kernel's eight bytes of a set and writes one `siginfo_t`.
            let taken = unsafe {
                let mut info: libc::siginfo_t = std::mem::zeroed();
                let no_time = std::ptr::null::<libc::timespec>();
                libc::syscall(libc::SYS_rt_sigtimedwait, &raw const set, &raw mut info, no_time, 8_usize)
            };
            assert_eq!(taken, i64::from(libc::SIGUSR1));
        }
    };
    let ours = {
        let guard = Rc::clone(guard);
        move || {
            to_process(ipc_safe::process::getpid(), Signal::USR1).unwrap();
            assert_eq!(guard.wait().unwrap().signal, Signal::USR1);
        }
    };
    Case::new("to_process + wait", BAR, raw, ours)
}

fn send_and_read(guard: Rc<MaskGuard>) -> Case {
    let raw = || {
        let set = set(libc::SIGUSR1);
        // SAFETY: reads a set.
        let descriptor = unsafe { libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
        assert_ne!(descriptor, -1);
        move || {
            const SIZE: usize = size_of::<libc::signalfd_siginfo>();
            send();
            // SAFETY: writes at most as many bytes as the structure has.
            let (read, info) = unsafe {
                let mut info: libc::signalfd_siginfo = std::mem::zeroed();
                (libc::read(descriptor, (&raw mut info).cast(), SIZE), info)
            };
            assert_eq!((read, info.ssi_signo), (SIZE as ssize_t, libc::SIGUSR1 as u32));
        }
    };
    // The guard lives as long as the program: the descriptor borrows it.
    let guard: &'static Rc<MaskGuard> = Box::leak(Box::new(guard));
    let signals = guard.descriptor().expect("a descriptor");
    let ours = move || {
        to_process(ipc_safe::process::getpid(), Signal::USR1).unwrap();
        assert_eq!(signals.read().unwrap().signal, Signal::USR1);
    };
    Case::new("to_process + read of a signal descriptor", BAR, raw, ours)
}
