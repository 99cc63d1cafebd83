//! Sending: to a process, a group, everyone, a thread, the process of a descriptor.

use crate::alone::{alone, end_with_parent};
use crate::mask::{block, set};
use crate::namespace::in_pid_namespace;
use crate::support::{Forked, as_nobody, fork};
use crate::tools::{Handler, LONG, fails, gettid, is_empty, is_root, nobody, pending, pid, real_time, uid};
use ipc_safe::error::ErrorKind;
use ipc_safe::process::{Pid, getpid};
use ipc_safe::signal::{self, MaskGuard, Origin, Signal, SignalSet};
use rustix::process::{PidfdFlags, pidfd_open};
use std::io::{PipeWriter, Read, Write, pipe};
use std::sync::mpsc;

/// A child that blocks signals, and ends with the number of the one that it gets, or 0 when it is told to end without.
struct Receiver {
    process: Forked,
    tell: PipeWriter,
}

impl Receiver {
    /// In the process group of this number, or a new one for 0, or the caller's.
    fn start(group: Option<i32>) -> Self {
        let (mut told, tell) = pipe().expect("a pipe");
        let (mut says, saying) = pipe().expect("a pipe");
        let process = fork(|| {
            end_with_parent();
            if let Some(group) = group {
                // SAFETY: takes numbers only.
                assert_eq!(unsafe { libc::setpgid(0, group) }, 0);
            }
            let guard = block(SignalSet::all());
            drop(saying);
            let _ = told.read_exact(&mut [0]);
            guard.try_wait().map_or(0, |taken| taken.signal.as_raw())
        });
        assert_eq!(says.read_to_end(&mut Vec::new()).expect("a pipe"), 0);
        Self { process, tell }
    }

    fn pid(&self) -> Pid {
        pid(self.process.pid())
    }

    /// Lets it look, and tells what it got.
    fn got(mut self) -> Option<Signal> {
        self.tell.write_all(b"x").expect("a pipe");
        let code = self.process.wait().code().expect("an exit");
        (code != 0).then(|| Signal::from_raw(code).expect("a signal"))
    }
}

/// R-SIG-01
#[test]
fn a_process_gets_the_signal_and_nobody_else() {
    alone(|| {
        let guard = block(SignalSet::all());
        let (first, second) = (Receiver::start(None), Receiver::start(None));
        signal::to_process(first.pid(), Signal::USR1).expect("sent");
        assert_eq!((first.got(), second.got()), (Some(Signal::USR1), None));
        let children = SignalSet::from(Signal::CHLD);
        assert_eq!(pending(), children);
        guard.wait().expect("a signal");
    });
}

/// R-SIG-01
#[test]
fn a_group_gets_the_signal_and_nobody_else() {
    alone(|| {
        let guard = block(SignalSet::all());
        let first = Receiver::start(Some(0));
        let second = Receiver::start(Some(first.process.pid()));
        let other = Receiver::start(None);
        signal::to_group(first.pid(), real_time(2)).expect("sent");
        assert_eq!([first.got(), second.got(), other.got()], [Some(real_time(2)), Some(real_time(2)), None]);
        assert_eq!(pending(), Signal::CHLD.into());
        guard.wait().expect("a signal");
    });
}

/// R-SIG-01
#[test]
fn the_own_group_is_the_sender_and_the_others() {
    alone(|| {
        // SAFETY: takes numbers only. The group is that of this process and its children.
        assert_eq!(unsafe { libc::setpgid(0, 0) }, 0);
        let guard = block(SignalSet::all());
        let (inside, outside) = (Receiver::start(None), Receiver::start(Some(0)));
        signal::to_own_group(Signal::USR2).expect("sent");
        assert_eq!([inside.got(), outside.got()], [Some(Signal::USR2), None]);
        assert_eq!(guard.wait().expect("a signal").signal, Signal::USR2, "the sender itself");
        assert_eq!(guard.wait().expect("a signal").signal, Signal::CHLD);
    });
}

/// Not process 1, and not the sender: the text said "all processes".
///
/// R-SIG-01
#[test]
fn everyone_is_all_but_the_first_process_and_the_sender() {
    in_pid_namespace(|| {
        assert_eq!(getpid(), Pid::INIT);
        let first = block(SignalSet::all() - Signal::CHLD.into());
        let others = [Receiver::start(None), Receiver::start(Some(0)), Receiver::start(None)];
        fork(|| {
            let guard = block(SignalSet::all());
            signal::to_everyone(Signal::HUP).expect("sent");
            is_empty(guard.try_wait());
            0
        })
        .succeed();
        assert_eq!(others.map(Receiver::got), [Some(Signal::HUP); 3]);
        is_empty(first.try_wait());
        let error = fails(signal::to_everyone(Signal::HUP), ErrorKind::NotFound, libc::ESRCH);
        assert_eq!(error.to_string(), "kill of SIGHUP to everyone: ESRCH: there is no other process");
    });
}

/// To the kernel it is a success when nobody may be signalled.
///
/// R-SIG-01
#[test]
fn everyone_may_be_nobody() {
    if !is_root() {
        return;
    }
    in_pid_namespace(|| {
        let other = Receiver::start(None);
        as_nobody(|| i32::from(signal::to_everyone(Signal::HUP).is_err()));
        assert_eq!(other.got(), None);
    });
}

/// R-SIG-01
#[test]
fn who_is_not_there_is_not_found() {
    alone(|| {
        let none = nobody();
        let raw = none.as_raw_nonzero();
        let own = getpid();
        let mine = own.as_raw_nonzero();
        let gone = "ESRCH: there is no such process; it may have ended";
        let cases = [
            (signal::to_process(none, Signal::TERM), format!("kill of SIGTERM to process {raw}: {gone}")),
            (signal::queue(none, Signal::TERM, 1), format!("sigqueue of SIGTERM to process {raw}: {gone}")),
            (signal::check(none), format!("kill of no signal to process {raw}: {gone}")),
            (
                signal::to_group(none, Signal::TERM),
                format!("kill of SIGTERM to group {raw}: ESRCH: no process is in this group"),
            ),
            (
                signal::to_thread(own, none, Signal::TERM),
                format!(
                    "tgkill of SIGTERM to thread {raw} of process {mine}: ESRCH: the process has no such thread, or has ended"
                ),
            ),
            (
                signal::to_thread(none, gettid(), Signal::TERM),
                format!(
                    "tgkill of SIGTERM to thread {mine} of process {raw}: ESRCH: the process has no such thread, or has ended"
                ),
            ),
        ];
        for (result, words) in cases {
            assert_eq!(fails(result, ErrorKind::NotFound, libc::ESRCH).to_string(), words);
        }
    });
}

/// R-SIG-01
#[test]
fn another_users_process_is_refused() {
    if !is_root() {
        return;
    }
    alone(|| {
        let parent = getpid();
        let refused = move || {
            let raw = parent.as_raw_nonzero();
            let because = "EPERM: it belongs to another user, or a security policy forbids it";
            let descriptor = pidfd_open(parent, PidfdFlags::empty()).expect("a descriptor");
            let cases = [
                (signal::to_process(parent, Signal::TERM), format!("kill of SIGTERM to process {raw}: {because}")),
                (signal::queue(parent, Signal::TERM, 1), format!("sigqueue of SIGTERM to process {raw}: {because}")),
                (signal::check(parent), format!("kill of no signal to process {raw}: {because}")),
                (
                    signal::to_thread(parent, parent, Signal::TERM),
                    format!("tgkill of SIGTERM to thread {raw} of process {raw}: {because}"),
                ),
                (signal::to_pidfd(&descriptor, Signal::TERM), format!("pidfd_send_signal of SIGTERM: {because}")),
            ];
            for (result, words) in cases {
                assert_eq!(fails(result, ErrorKind::PermissionDenied, libc::EPERM).to_string(), words);
            }
            0
        };
        as_nobody(refused);
    });
}

/// R-SIG-01
#[test]
fn a_group_that_would_mean_everyone_is_refused() {
    let error = fails(signal::to_group(Pid::INIT, Signal::TERM), ErrorKind::InvalidInput, libc::EINVAL);
    assert_eq!(error.to_string(), "kill of group 1: EINVAL: group 1 would be taken for all processes");
}

/// R-SIG-01
#[test]
fn checking_sends_nothing() {
    alone(|| {
        let guard = block(SignalSet::all());
        signal::check(getpid()).expect("this process");
        let child = Receiver::start(None);
        let id = child.pid();
        signal::check(id).expect("a child");
        assert_eq!(child.got(), None);
        fails(signal::check(id), ErrorKind::NotFound, libc::ESRCH);
        guard.wait().expect("the child's end");
    });
}

/// Dead but not waited for: it is there still, and a signal to it is lost.
///
/// R-SIG-01
#[test]
fn a_dead_child_is_there_until_it_is_waited_for() {
    alone(|| {
        let guard = block(Signal::CHLD.into());
        let child = fork(|| 0);
        let id = pid(child.pid());
        let descriptor = pidfd_open(id, PidfdFlags::empty()).expect("a descriptor");
        guard.wait_timeout(LONG).expect("its end");
        signal::check(id).expect("still there");
        signal::to_process(id, Signal::TERM).expect("still there");
        signal::to_pidfd(&descriptor, Signal::TERM).expect("still there");
        child.succeed();
        fails(signal::check(id), ErrorKind::NotFound, libc::ESRCH);
        let error = fails(signal::to_pidfd(&descriptor, Signal::TERM), ErrorKind::NotFound, libc::ESRCH);
        assert_eq!(error.to_string(), "pidfd_send_signal of SIGTERM: ESRCH: the process has ended");
    });
}

/// A process id that came back: the descriptor names the process that is gone, the number its successor.
///
/// R-SIG-01
#[test]
fn a_descriptor_does_not_hit_a_process_that_got_the_id() {
    in_pid_namespace(|| {
        let _guard = block(SignalSet::all());
        let first = Receiver::start(None);
        let id = first.pid();
        let descriptor = pidfd_open(id, PidfdFlags::empty()).expect("a descriptor");
        assert_eq!(first.got(), None);
        let last = (id.as_raw_nonzero().get() - 1).to_string();
        if let Err(error) = std::fs::write("/proc/sys/kernel/ns_last_pid", last) {
            return eprintln!("skipped: process ids cannot be chosen: {error}");
        }
        let successor = Receiver::start(None);
        assert_eq!(successor.pid(), id, "the id came back");
        fails(signal::to_pidfd(&descriptor, Signal::USR1), ErrorKind::NotFound, libc::ESRCH);
        signal::to_process(id, Signal::USR2).expect("sent");
        assert_eq!(successor.got(), Some(Signal::USR2));
    });
}

/// R-SIG-01
#[test]
fn a_descriptor_reaches_its_process() {
    alone(|| {
        let child = Receiver::start(None);
        let descriptor = pidfd_open(child.pid(), PidfdFlags::empty()).expect("a descriptor");
        signal::to_pidfd(descriptor, Signal::USR2).expect("sent");
        assert_eq!(child.got(), Some(Signal::USR2));

        let error = fails(signal::to_pidfd(std::io::stdin(), Signal::TERM), ErrorKind::InvalidInput, libc::EBADF);
        let words = "pidfd_send_signal of SIGTERM: EBADF: the descriptor is not that of a process";
        assert_eq!(error.to_string(), words);
    });
}

/// R-SIG-01
#[test]
fn a_process_outside_the_pid_namespace_is_refused() {
    let outside = pidfd_open(getpid(), PidfdFlags::empty()).expect("a descriptor");
    in_pid_namespace(|| {
        let error = fails(signal::to_pidfd(&outside, Signal::WINCH), ErrorKind::InvalidInput, libc::EINVAL);
        let words = "EINVAL: the process is in a pid namespace that cannot be seen from here";
        assert_eq!(error.to_string(), format!("pidfd_send_signal of SIGWINCH: {words}"));
    });
}

/// R-SIG-02
#[test]
fn raise_is_for_the_calling_thread() {
    alone(|| {
        let guard = block(Signal::USR1.into());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let own = block(Signal::USR1.into());
                signal::raise(Signal::USR1).expect("sent");
                assert_eq!(pending(), Signal::USR1.into());
                own.try_wait().expect("a signal")
            });
        });
        assert_eq!(pending(), SignalSet::empty());
        let handler = Handler::new(real_time(3), 0);
        signal::raise(real_time(3)).expect("sent");
        assert_eq!(crate::tools::handled(), 1, "delivered before raise returns");
        drop((handler, guard));
    });
}

/// R-SIG-01
#[test]
fn a_thread_gets_what_is_sent_to_it() {
    alone(|| {
        let guard = block(Signal::USR1.into());
        let (say, said) = mpsc::channel();
        let other = std::thread::spawn(move || {
            let guard: MaskGuard = block(Signal::USR1.into());
            say.send(gettid()).expect("the test waits");
            guard.wait_timeout(LONG).expect("a signal").origin
        });
        let thread = said.recv().expect("a thread id");
        signal::to_thread(getpid(), thread, Signal::USR1).expect("sent");
        assert!(matches!(other.join().expect("a thread"), Origin::Thread(sender) if sender.uid == uid()));
        is_empty(guard.try_wait());
        fails(signal::to_thread(getpid(), thread, Signal::USR1), ErrorKind::NotFound, libc::ESRCH);

        // A thread of another process is none of this one.
        let child = Receiver::start(None);
        fails(signal::to_thread(getpid(), child.pid(), Signal::USR1), ErrorKind::NotFound, libc::ESRCH);
        signal::to_thread(child.pid(), child.pid(), Signal::USR1).expect("sent");
        assert_eq!(child.got(), Some(Signal::USR1));
    });
}

/// Blocked, ignored, handled: it ends the process in each case.
///
/// R-SIG-02
#[test]
fn abort_ends_the_process_whatever_it_did_about_it() {
    let _watchdog = crate::support::watchdog();
    let cases: [(usize, bool); 6] = [
        (libc::SIG_DFL, false),
        (libc::SIG_DFL, true),
        (libc::SIG_IGN, false),
        (libc::SIG_IGN, true),
        (survive as *const () as usize, false),
        (survive as *const () as usize, true),
    ];
    for (action, blocks) in cases {
        let status = fork(|| {
            end_with_parent();
            let core = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            // SAFETY: reads the limit.
            unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const core) };
            let _handler = Handler::of(Signal::ABRT, action, 0);
            let blocked = if blocks { set(&[Signal::ABRT]) } else { SignalSet::empty() };
            blocked.as_mask(|| signal::abort()).expect("a mask")
        })
        .wait();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(libc::SIGABRT), "{action} {blocks}");
    }
}

extern "C" fn survive(_signal: i32) {}

/// A value for one thread: others do not get it.
#[test]
fn a_value_goes_to_the_thread_that_is_named() {
    alone(|| {
        let signal = Signal::real_time(4).unwrap();
        let guard = SignalSet::from(signal).block().unwrap();
        let this = gettid();
        let other = std::thread::spawn(move || {
            signal::queue_to_thread(this, signal, 0x1234_5678_9abc_u64).unwrap();
            let guard = SignalSet::from(signal).block().unwrap();
            guard.try_wait().unwrap_err().is_would_block()
        });
        assert!(other.join().unwrap());
        let taken = guard.try_wait().unwrap();
        assert_eq!(taken.value().unwrap().as_u64(), 0x1234_5678_9abc);
        assert_eq!(taken.sender().unwrap().pid, Some(getpid()));
        let gone = Pid::from_raw(i32::MAX).unwrap();
        let error = signal::queue_to_thread(gone, signal, 0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().ends_with("this process has no such thread"), "{error}");
    });
}
