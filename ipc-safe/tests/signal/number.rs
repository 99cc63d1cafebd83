//! What signals are called and what they do, by the kernel and the C library.

use crate::alone::{alone, end_with_parent};
use crate::support::{Forked, fork, watchdog};
use crate::tools::{Handler, blocked, fails, pending};
use ipc_safe::error::ErrorKind;
use ipc_safe::process::ChildStatus;
use ipc_safe::signal::{self, DefaultAction, Signal, SignalSet};
use std::ffi::CStr;
use std::io::Read;
use std::process::Command;

/// Forks a child that has every action at its default and nothing blocked, makes core dumps in `folder`, and does nothing.
fn idle(folder: &std::path::Path) -> Forked {
    let (mut says, saying) = std::io::pipe().expect("a pipe");
    let child = fork(|| {
        end_with_parent();
        std::env::set_current_dir(folder).expect("a folder");
        let unlimited = libc::rlimit { rlim_cur: 1 << 30, rlim_max: 1 << 30 };
        // SAFETY: reads the limit; where it may not be so high there will be no core dump.
        unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const unlimited) };
        for signal in SignalSet::all() {
            // SAFETY: the default action. The two that have no other one refuse.
            unsafe { libc::signal(signal.as_raw(), libc::SIG_DFL) };
        }
        SignalSet::empty()
            .as_mask(|| {
                drop(saying);
                loop {
                    // SAFETY: waits for a signal.
                    unsafe { libc::pause() };
                }
            })
            .expect("a mask")
    });
    // The end of the pipe is the child's word that it is ready.
    assert_eq!(says.read_to_end(&mut Vec::new()).expect("a pipe"), 0);
    child
}

/// What becomes of a child: its next change of state, or none when it goes on (then it takes a signal that ends it).
fn outcome(child: &Forked) -> ChildStatus {
    let info = child.look(libc::WEXITED | libc::WSTOPPED | libc::WCONTINUED);
    // SAFETY: what `waitid` tells of a child has a status.
    let status = unsafe { info.si_status() };
    match info.si_code {
        libc::CLD_EXITED => ChildStatus::Exited(status),
        libc::CLD_KILLED => ChildStatus::Killed { signal: status, core_dumped: false },
        libc::CLD_DUMPED => ChildStatus::Killed { signal: status, core_dumped: true },
        libc::CLD_STOPPED => ChildStatus::Stopped { signal: status },
        _ => ChildStatus::Continued,
    }
}

/// Whether a child that gets SIGQUIT leaves a core dump here.
fn dumps_core(folder: &std::path::Path) -> bool {
    let child = idle(folder);
    child.signal(libc::SIGQUIT);
    let dumps = outcome(&child) == ChildStatus::Killed { signal: libc::SIGQUIT, core_dumped: true };
    if !dumps {
        println!("skipped a part: no core dumps to be had, they count as ends");
    }
    let _ = child.wait();
    dumps
}

/// Gives a child a process group of its own. That of this program may be orphaned (`setsid cargo test`), and then the kernel
/// ignores what stops from the keyboard.
fn own_group(child: &Forked) {
    // SAFETY: takes numbers only.
    assert_eq!(unsafe { libc::setpgid(child.pid(), child.pid()) }, 0);
}

/// Every signal does to a process what the type says.
///
/// R-SIG-03
#[test]
fn default_actions_are_the_kernels() {
    let _watchdog = watchdog();
    let folder = tempfile::tempdir().expect("a folder");
    let dumps = dumps_core(folder.path());
    for signal in SignalSet::all() {
        let child = idle(folder.path());
        own_group(&child);
        let raw = signal.as_raw();
        child.signal(raw);
        let expected = match signal.default_action() {
            DefaultAction::Terminate => ChildStatus::Killed { signal: raw, core_dumped: false },
            DefaultAction::CoreDump => ChildStatus::Killed { signal: raw, core_dumped: dumps },
            DefaultAction::Stop => ChildStatus::Stopped { signal: raw },
            DefaultAction::Ignore => {
                child.signal(libc::SIGUSR1);
                ChildStatus::Killed { signal: libc::SIGUSR1, core_dumped: false }
            }
            DefaultAction::Continue => {
                child.signal(libc::SIGSTOP);
                assert_eq!(outcome(&child), ChildStatus::Stopped { signal: libc::SIGSTOP });
                child.signal(raw);
                ChildStatus::Continued
            }
        };
        assert_eq!(outcome(&child), expected, "{signal}");
    }
}

/// R-SIG-03
#[test]
fn names_are_those_of_the_c_library() {
    unsafe extern "C" {
        safe fn sigabbrev_np(signal: i32) -> *const libc::c_char;
    }
    for signal in SignalSet::standard() {
        let name = sigabbrev_np(signal.as_raw());
        assert!(!name.is_null(), "{signal}");
        // SAFETY: a string in the static data of the C library.
        let name = unsafe { CStr::from_ptr(name) }.to_str().expect("ASCII");
        assert_eq!(signal.to_string(), format!("SIG{name}").replace("SIGPOLL", "SIGIO"));
        assert_eq!(name.parse::<Signal>().expect("a name"), signal);
    }
}

/// R-SIG-03
#[test]
fn names_are_those_of_kill_l() {
    let Ok(output) = Command::new("bash").args(["-c", "kill -l"]).output() else {
        println!("skipped: no bash");
        return;
    };
    let text = String::from_utf8(output.stdout).expect("ASCII");
    let words: Vec<&str> = text.split_whitespace().collect();
    assert_eq!(words.len(), 62 * 2, "{text}");
    for pair in words.chunks(2) {
        let raw: i32 = pair[0].trim_end_matches(')').parse().expect("a number");
        let signal: Signal = pair[1].parse().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(signal.as_raw(), raw, "{}", pair[1]);
        assert_eq!(signal.is_real_time(), raw >= 34);
    }
}

#[test]
fn text_that_is_almost_a_signal_is_none() {
    for text in
        ["+15", " 15", "15 ", "SIG15", "TERM+1", "RTMIN+256", "RTMIN-1", "RTMAX+1", "SIGRTMIN++1", "65", "\u{131}NT"]
    {
        let error = text.parse::<Signal>().expect_err(text);
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text}");
    }
    let error = "NOPE".parse::<Signal>().expect_err("no name").to_string();
    assert_eq!(
        error,
        "Signal::from_str of \"NOPE\": EINVAL: names are as TERM or SIGTERM, RTMIN+3, RTMAX-1, or a number"
    );
    let error = Signal::real_time(31).expect_err("there are 31").to_string();
    assert_eq!(error, "Signal::real_time of SIGRTMIN+31: EINVAL: the last one is SIGRTMIN+30");
    for (text, signal) in [("cld", Signal::CHLD), ("SIGIOT", Signal::ABRT), ("Poll", Signal::IO), ("9", Signal::KILL)] {
        assert_eq!(text.parse::<Signal>().expect(text), signal);
    }
}

/// R-SIG-04
#[test]
fn kill_and_stop_are_neither_blocked_nor_caught_nor_ignored() {
    alone(|| {
        let both = SignalSet::from([Signal::KILL, Signal::STOP]);
        assert!(SignalSet::all().into_iter().all(|signal| signal.is_catchable() != both.contains(signal)));

        let guard = SignalSet::all().block().expect("a guard");
        assert_eq!(blocked() & both, SignalSet::empty());
        assert_eq!(guard.signals() & both, SignalSet::empty(), "the guard does not claim what it does not block");
        assert_eq!(guard.signals(), SignalSet::all() - both);
        drop(guard);

        let empty = both.block().expect("a guard");
        assert_eq!(blocked(), SignalSet::empty());
        fails(empty.wait(), ErrorKind::InvalidInput, libc::EINVAL);
        both.as_mask(|| assert_eq!(blocked(), SignalSet::empty())).expect("a mask");

        for signal in both {
            // SAFETY: refused.
            let ignored = unsafe { libc::signal(signal.as_raw(), libc::SIG_IGN) };
            assert_eq!((ignored, std::io::Error::last_os_error().raw_os_error()), (libc::SIG_ERR, Some(libc::EINVAL)));
        }
    });
}

/// A child that blocks and ignores all it can ends by `KILL` all the same.
///
/// R-SIG-04
#[test]
fn kill_ends_a_child_that_blocks_everything() {
    let _watchdog = watchdog();
    let (mut says, saying) = std::io::pipe().expect("a pipe");
    let child = fork(move || {
        end_with_parent();
        for signal in SignalSet::all().into_iter().filter(|signal| signal.is_catchable()) {
            std::mem::forget(Handler::of(signal, libc::SIG_IGN, 0));
        }
        let guard = SignalSet::all().block().expect("a guard");
        assert!(pending().is_empty());
        drop(saying);
        guard.wait().map_or(1, |_| 2)
    });
    assert_eq!(says.read_to_end(&mut Vec::new()).expect("a pipe"), 0);
    let id = crate::tools::pid(child.pid());
    signal::to_process(id, Signal::STOP).expect("a child");
    assert_eq!(outcome(&child), ChildStatus::Stopped { signal: libc::SIGSTOP });
    signal::to_process(id, Signal::KILL).expect("a child");
    assert_eq!(outcome(&child), ChildStatus::Killed { signal: libc::SIGKILL, core_dumped: false });
}
