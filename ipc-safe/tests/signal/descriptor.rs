//! Signals read from a descriptor.

use crate::alone::{alone, descriptors, end_with_parent, state};
use crate::mask::{block, set};
use crate::support::{eventually, fork};
use crate::tools::{Handler, LONG, SHORT, fails, handled, is_empty, pending, real_time, to_thread, while_in};
use ipc_safe::error::ErrorKind;
use ipc_safe::process::getpid;
use ipc_safe::signal::{self, Information, Signal, SignalDescriptor, SignalSet, Value};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::os::fd::{AsFd, AsRawFd};
use std::process::Command;
use std::time::{Duration, Instant};

type Form = fn(&SignalDescriptor<'_>) -> ipc_safe::Result<Information>;

/// The forms that sleep.
const FORMS: [Form; 4] = [
    |signals| signals.read(),
    |signals| signals.read_timeout(LONG),
    |signals| signals.read_interruptible(),
    |signals| signals.iter().next().expect("it has no end"),
];

#[test]
fn each_form_takes_a_signal_that_waits_already() {
    alone(|| {
        let guard = block(Signal::USR1.into());
        let signals = guard.descriptor().expect("a descriptor");
        assert_eq!(signals.signals(), guard.signals());
        let forms: [Form; 2] = [|signals| signals.try_read(), |signals| signals.read_timeout(Duration::ZERO)];
        for form in FORMS.into_iter().chain(forms) {
            signal::raise(Signal::USR1).expect("sent");
            assert_eq!(form(&signals).expect("a signal").signal, Signal::USR1);
        }
        is_empty(signals.try_read());
        let error = signals.try_read().expect_err("nothing there").to_string();
        assert_eq!(error, "read: EAGAIN: the call would have to wait");
    });
}

#[test]
fn each_form_waits_for_a_signal_to_come() {
    alone(|| {
        let guard = block(set(&[Signal::USR1, real_time(9)]));
        let signals = guard.descriptor().expect("a descriptor");
        for signal in guard.signals() {
            for form in FORMS {
                let act = move |_| signal::to_process(getpid(), signal).expect("sent");
                assert_eq!(while_in(POLL, act, || form(&signals)).expect("a signal").signal, signal);
            }
        }
    });
}

/// What waiting for a descriptor is to the kernel.
const POLL: libc::c_long = libc::SYS_ppoll;

#[test]
fn without_a_signal_the_time_runs_out() {
    alone(|| {
        let guard = block(Signal::USR1.into());
        let signals = guard.descriptor().expect("a descriptor");
        for time in [Duration::ZERO, Duration::from_nanos(1), SHORT] {
            let start = Instant::now();
            fails(signals.read_timeout(time), ErrorKind::TimedOut, libc::ETIMEDOUT);
            assert!(start.elapsed() >= time);
        }
        for time in [Duration::MAX, Duration::from_secs(i64::MAX as u64), Duration::from_secs(1 << 40)] {
            let act = |thread| to_thread(thread, Signal::USR1);
            let taken = while_in(POLL, act, || signals.read_timeout(time));
            assert_eq!(taken.expect("a signal").signal, Signal::USR1);
        }
    });
}

/// R-SIG-16
#[test]
fn a_handler_ends_the_interruptible_form_only() {
    alone(|| {
        for flags in [0, libc::SA_RESTART] {
            let _handler = Handler::new(Signal::USR2, flags);
            let guard = block(Signal::USR1.into());
            let signals = guard.descriptor().expect("a descriptor");
            let interrupt = |thread| to_thread(thread, Signal::USR2);
            let read = while_in(POLL, interrupt, || signals.read_interruptible());
            fails(read, ErrorKind::Interrupted, libc::EINTR);
            for form in &FORMS[..2] {
                let before = handled();
                let act = move |thread| {
                    for round in 1..=20 {
                        to_thread(thread, Signal::USR2);
                        eventually("the handler ran", || handled() == before + round);
                        crate::tools::wait_until_in(POLL, thread);
                    }
                    to_thread(thread, Signal::USR1);
                };
                assert_eq!(while_in(POLL, act, || form(&signals)).expect("a signal").signal, Signal::USR1);
            }
        }
    });
}

/// For `poll` and all that is built on it.
#[test]
fn the_descriptor_is_readable_while_a_signal_waits() {
    fn readable(signals: &SignalDescriptor<'_>) -> bool {
        let mut descriptors = [PollFd::new(signals, PollFlags::IN)];
        poll(&mut descriptors, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).expect("polled") == 1
    }
    alone(|| {
        let guard = block(set(&[Signal::USR1, Signal::USR2]));
        let signals = guard.descriptor().expect("a descriptor");
        assert!(!readable(&signals));
        signal::raise(Signal::USR1).expect("sent");
        assert!(readable(&signals) && readable(&signals));
        guard.wait().expect("a signal");
        assert!(!readable(&signals), "taken the other way");
        let other = block(Signal::HUP.into());
        signal::raise(Signal::HUP).expect("sent");
        assert!(!readable(&signals), "none of its signals");
        other.wait().expect("a signal");
    });
}

/// Signals are dealt with outside of any handler.
///
/// R-SIG-10 R-SIG-14
#[test]
fn the_iterator_gives_the_signals_in_order() {
    alone(|| {
        let guard = block(set(&[real_time(0), real_time(1), Signal::USR1]));
        let signals = guard.descriptor().expect("a descriptor");
        for value in 0..3 {
            signal::queue(getpid(), real_time(1), value).expect("sent");
            signal::queue(getpid(), real_time(0), value).expect("sent");
            signal::queue(getpid(), Signal::USR1, value).expect("sent, or lost");
        }
        let taken = (&signals).into_iter().take(7).map(|taken| {
            let taken = taken.expect("a signal");
            (taken.signal, taken.value().map(Value::as_i32))
        });
        let expected = [
            (Signal::USR1, Some(0)),
            (real_time(0), Some(0)),
            (real_time(0), Some(1)),
            (real_time(0), Some(2)),
            (real_time(1), Some(0)),
            (real_time(1), Some(1)),
            (real_time(1), Some(2)),
        ];
        assert_eq!(taken.collect::<Vec<_>>(), expected);
        assert!(pending().is_empty());
    });
}

/// It is made from blocked signals, and from nothing else.
#[test]
fn an_empty_guard_has_no_descriptor() {
    alone(|| {
        let before = descriptors();
        let guard = block(set(&[Signal::KILL, Signal::STOP]));
        let error = fails(guard.descriptor(), ErrorKind::InvalidInput, libc::EINVAL);
        assert_eq!(error.to_string(), "signalfd: EINVAL: the guard blocks no signal, so that none would ever come");
        assert_eq!(descriptors(), before);
    });
}

#[test]
fn without_a_free_number_there_is_an_error_and_nothing_is_left() {
    alone(|| {
        let guard = block(Signal::USR1.into());
        let before = state();
        let limit = set_limit(libc::RLIMIT_NOFILE, 0);
        let result = guard.descriptor();
        set_limit(libc::RLIMIT_NOFILE, limit);
        let error = fails(result, ErrorKind::LimitReached, libc::EMFILE);
        assert_eq!(
            error.to_string(),
            "signalfd: EMFILE: the process has as many descriptors as it may (RLIMIT_NOFILE)"
        );
        assert_eq!(state(), before);
        drop(guard.descriptor().expect("a descriptor"));
        assert_eq!(state(), before);
    });
}

/// Sets a limit, the one that can be raised again; the one before.
pub(crate) fn set_limit(limit: libc::__rlimit_resource_t, value: u64) -> u64 {
    // SAFETY: writes and reads one limit.
    unsafe {
        let mut limits = std::mem::zeroed::<libc::rlimit>();
        assert_eq!(libc::getrlimit(limit, &raw mut limits), 0);
        let before = std::mem::replace(&mut limits.rlim_cur, value);
        assert_eq!(libc::setrlimit(limit, &raw const limits), 0, "{}", std::io::Error::last_os_error());
        before
    }
}

#[test]
fn the_descriptor_is_closed_by_exec() {
    alone(|| {
        let guard = block(Signal::USR1.into());
        let signals = guard.descriptor().expect("a descriptor");
        // SAFETY: asks about a descriptor of ours.
        let (flags, mode) = unsafe {
            let number = signals.as_fd().as_raw_fd();
            (libc::fcntl(number, libc::F_GETFD), libc::fcntl(number, libc::F_GETFL))
        };
        assert_eq!((flags & libc::FD_CLOEXEC, mode & libc::O_NONBLOCK), (libc::FD_CLOEXEC, libc::O_NONBLOCK));
        let output = Command::new("ls").args(["-l", "/proc/self/fd"]).output().expect("a program");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(text.contains("pipe") && !text.contains("signalfd"), "{text}");
        let own = std::fs::read_link(format!("/proc/self/fd/{}", signals.as_fd().as_raw_fd())).expect("a link");
        assert_eq!(own.to_str(), Some("anon_inode:[signalfd]"), "the name that is looked for");
    });
}

/// In a forked child the descriptor gives the child's signals, and never the parent's.
#[test]
fn in_a_forked_child_the_descriptor_gives_the_childs_signals() {
    alone(|| {
        let guard = block(Signal::USR1.into());
        let signals = guard.descriptor().expect("a descriptor");
        signal::raise(Signal::USR1).expect("sent");
        fork(|| {
            end_with_parent();
            is_empty(signals.try_read());
            signal::raise(Signal::USR1).expect("sent");
            let taken = signals.read().expect("a signal");
            assert_eq!(taken.sender().and_then(|sender| sender.pid), Some(getpid()));
            0
        })
        .succeed();
        let taken = signals.read().expect("a signal");
        assert_eq!(taken.sender().and_then(|sender| sender.pid), Some(getpid()));
    });
}

/// The signals are those of the thread that reads and those of the process.
#[test]
fn a_thread_reads_its_own_signals_and_the_processs() {
    alone(|| {
        let guard = block(set(&[Signal::USR1, Signal::USR2]));
        let signals = guard.descriptor().expect("a descriptor");
        signal::raise(Signal::USR1).expect("sent");
        signal::to_process(getpid(), Signal::USR2).expect("sent");
        std::thread::scope(|scope| {
            scope.spawn(|| {
                assert_eq!(signals.read().expect("a signal").signal, Signal::USR2);
                is_empty(signals.try_read());
            });
        });
        assert_eq!(signals.read().expect("a signal").signal, Signal::USR1);
    });
}

/// Several descriptors of overlapping sets: each signal is read once.
#[test]
fn a_signal_is_read_from_one_descriptor_only() {
    alone(|| {
        let first = block(set(&[Signal::USR1, Signal::USR2]));
        let second = block(Signal::USR1.into());
        let (both, one) = (first.descriptor().expect("a descriptor"), second.descriptor().expect("a descriptor"));
        signal::raise(Signal::USR1).expect("sent");
        signal::raise(Signal::USR2).expect("sent");
        assert_eq!(one.read().expect("a signal").signal, Signal::USR1);
        is_empty(one.try_read());
        assert_eq!(both.read().expect("a signal").signal, Signal::USR2);
        is_empty(both.try_read());
    });
}

/// A descriptor for each guard, many times over: none stays open.
#[test]
fn dropping_closes_the_descriptor() {
    alone(|| {
        let before = descriptors();
        let guard = block(SignalSet::all());
        for _ in 0..100 {
            let signals: Vec<_> = (0..10).map(|_| guard.descriptor().expect("a descriptor")).collect();
            assert_eq!(descriptors().len(), before.len() + signals.len());
        }
        assert_eq!(descriptors(), before);
    });
}
